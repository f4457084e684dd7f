"""OpenAI's preference fine-tuning (DPO): one row a decided pair. Export only.

Source: https://platform.openai.com/docs/guides/direct-preference-optimization. JSON lines of `input` (messages, tools,
parallel_tool_calls), `preferred_output` and `non_preferred_output`, each one message of the assistant, and no further
key. The service asks for an answer of the user last in the input: prompts that end otherwise are dropped.
"""

from collections.abc import Iterator
from typing import Any

from feedback_store import decisions
from feedback_store.decisions import Pair
from feedback_store.exchange_reading import Reading
from feedback_store.exchange_records import Dropped, Kept

OPTIONS: dict[str, tuple[str, ...]] = {"rows": decisions.ROWS}
UNIT = "pairs"
TITLE = "Preferences in the form of OpenAI's preference fine-tuning"
WORDS = decisions.ROWS_IN_WORDS
CARD = (
    "One preferred and one other output a row.\n\n"
    + decisions.HANDLING
    + "\n- Prompts that do not end with a message of the user are dropped."
)


def write(reading: Reading, *, rows: str) -> Iterator[Kept | Dropped]:
    """Yield the row of each decided pair."""
    return decisions.rows(reading, rows, _row)


def _row(pair: Pair) -> list[dict[str, Any]] | str:
    if pair.prompt.messages[-1]["role"] != "user":
        return "the prompt does not end with the user"
    question = {"messages": pair.prompt.messages, "tools": [], "parallel_tool_calls": True}
    return [{"input": question, "preferred_output": _said(pair.chosen), "non_preferred_output": _said(pair.rejected)}]


def _said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]
