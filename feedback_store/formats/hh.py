r"""Anthropic's HH-RLHF: two conversations as text that share all but the last turn of the assistant.

Source: https://huggingface.co/datasets/Anthropic/hh-rlhf. `{"chosen": "\n\nHuman: ...\n\nAssistant: ...", "rejected":
"..."}`, JSON lines, also compressed. Read: both are split at the last "\n\nAssistant:"; a record whose conversations
differ before it (a few dozen published ones do), or that ends with a human, is reported, not guessed at. Write: one row
a decided pair, see decisions.py. Left out: system messages, and texts that hold a turn mark themselves; both are
dropped with the reason.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from feedback_store import decisions, exchange_keys, foreign_rows
from feedback_store.decisions import Pair
from feedback_store.errors import InvalidInput
from feedback_store.exchange_reading import Reading
from feedback_store.exchange_records import Dropped, Kept, Problem
from feedback_store.foreign_rows import Row
from feedback_store.prompts import Message

OPTIONS: dict[str, tuple[str, ...]] = {"rows": decisions.ROWS, "file_type": ("jsonl", "jsonl.gz", "parquet")}
UNIT = "pairs"
TITLE = "Preferences in the form of HH-RLHF"
WORDS = decisions.ROWS_IN_WORDS
CARD = (
    "Two conversations a row, equal up to the last turn of the assistant.\n\n"
    + decisions.HANDLING
    + """
- Prompts with a system message, and texts that hold "\\n\\nHuman:" or "\\n\\nAssistant:" themselves, are dropped."""
)
KEYS = ("chosen", "rejected")
LAST = "\n\nAssistant:"
SPEAKERS = {"Human": "user", "Assistant": "assistant"}
NAMES = {role: name for name, role in SPEAKERS.items()}
TURN = re.compile(r"\n\n(Human|Assistant):")


def read(path: Path) -> Iterator[tuple[int, Row | Problem]]:
    """Yield (line number, row of the format `comparisons`) of a file."""
    yield from foreign_rows.rows_of(path, to_comparison)


def to_comparison(row: Row) -> Row:
    """Turn a row into one of the format `comparisons`. Raises InvalidInput."""
    foreign_rows.require_keys(row, KEYS)
    parted = [_parted(foreign_rows.text_at(row, key), key) for key in KEYS]
    if parted[0][0] != parted[1][0]:
        raise InvalidInput(
            'chosen and rejected differ before their last "\\n\\nAssistant:"; it cannot be told what was compared.'
        )
    completions = [(text, key) for (_, text), key in zip(parted, KEYS, strict=True)]
    extra = exchange_keys.unknown(row, KEYS)
    return foreign_rows.comparison("hh", _turns(parted[0][0]), completions, [foreign_rows.vote([1, 2])], extra)


def _parted(text: str, key: str) -> tuple[str, str]:
    before, mark, answer = text.rpartition(LAST)
    if not mark:
        raise InvalidInput(f'`{key}` has no "\\n\\nAssistant:"; it has to end with a turn of the assistant.')
    if TURN.search(answer):
        raise InvalidInput(f'`{key}` ends with a "\\n\\nHuman:"; it has to end with a turn of the assistant.')
    return before, answer.removeprefix(" ")


def _turns(text: str) -> list[Message]:
    parts = TURN.split(text)
    if parts[0] or len(parts) < 3:
        raise InvalidInput('The conversation has to begin with "\\n\\nHuman:" or "\\n\\nAssistant:".')
    return [
        {"role": SPEAKERS[name], "content": said.removeprefix(" ")}
        for name, said in zip(parts[1::2], parts[2::2], strict=True)
    ]


def columns(**_: str) -> dict[str, str]:
    """Return the names and types of the columns."""
    return dict.fromkeys(KEYS, "text")


def write(reading: Reading, *, rows: str) -> Iterator[Kept | Dropped]:
    """Yield the row of each decided pair."""
    return decisions.rows(reading, rows, _row)


def _row(pair: Pair) -> list[Row] | str:
    turns = pair.prompt.messages
    if any(message["role"] not in NAMES for message in turns):
        return "a system message in the prompt"
    if any(TURN.search(text) for text in (pair.chosen, pair.rejected, *(message["content"] for message in turns))):
        return "a turn mark inside a text"
    before = "".join(f"\n\n{NAMES[message['role']]}: {message['content']}" for message in turns)
    return [{"chosen": f"{before}{LAST} {pair.chosen}", "rejected": f"{before}{LAST} {pair.rejected}"}]
