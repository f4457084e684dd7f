"""LLaMA-Factory's preference data, with the dataset_info.json that it asks for. Export only.

Source: https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md. `shape` alpaca (one question, two answers),
sharegpt (a conversation and two answers) or kto (a conversation with its answer, liked or not). A conversation has to
go from human to gpt by turns, after at most one system message, or the trainer takes it for broken: those that do not
are dropped with the reason. Point `dataset_dir` at the folder; its data sets are tastemaker_train and tastemaker_test.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from feedback_store import canonical, decisions
from feedback_store.decisions import Pair
from feedback_store.exchange_reading import Reading
from feedback_store.exchange_records import Dropped, Kept
from feedback_store.prompts import Prompt

OPTIONS: dict[str, tuple[str, ...]] = {"shape": ("alpaca", "sharegpt", "kto"), "rows": decisions.ROWS}
UNIT = "pairs"
TITLE = "Preferences in the form of LLaMA-Factory"
WORDS = decisions.ROWS_IN_WORDS
CARD = (
    "The shape is {shape}. Point LLaMA-Factory's `dataset_dir` at this folder; `dataset` is tastemaker_train.\n\n"
    + decisions.HANDLING
    + "\n- In the shape kto, both bad gives two answers that were not liked, of an edit only the new text is given,\n"
    "  and of more than two completions only the best and the worst are."
)
SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt"}
ENTRY: dict[str, dict[str, Any]] = {
    "alpaca": {
        "ranking": True,
        "columns": {"prompt": "instruction", "query": "input", "chosen": "chosen", "rejected": "rejected"},
    },
    "sharegpt": {
        "formatting": "sharegpt",
        "ranking": True,
        "columns": {"messages": "conversations", "chosen": "chosen", "rejected": "rejected"},
    },
    "kto": {"formatting": "sharegpt", "columns": {"messages": "conversations", "kto_tag": "kto_tag"}},
}

Row = dict[str, Any]


def write(reading: Reading, *, shape: str, rows: str) -> Iterator[Kept | Dropped]:
    """Yield the rows of each decided pair."""

    def row_of(pair: Pair) -> list[Row] | str:
        if shape == "alpaca" and not decisions.is_one_question(pair.prompt):
            return "several messages in the prompt (use the shape sharegpt)"
        if shape != "alpaca" and not _takes_turns(pair.prompt):
            return "the conversation does not go from human to gpt by turns"
        return _rows(pair, shape)

    return decisions.rows(reading, rows, row_of, unpaired=shape == "kto")


def companions(files: Mapping[str, str], *, shape: str, **_: str) -> dict[str, str]:
    """Return dataset_info.json, which names the data sets."""
    entries = {f"tastemaker_{split}": {"file_name": name, **ENTRY[shape]} for split, name in files.items()}
    return {"dataset_info.json": canonical.dumps(entries) + "\n"}


def _rows(pair: Pair, shape: str) -> list[Row]:
    if shape == "alpaca":
        question = pair.prompt.messages[0]["content"]
        return [{"instruction": question, "input": "", "chosen": pair.chosen, "rejected": pair.rejected}]
    turns = [_turn(SPEAKERS[message["role"]], message["content"]) for message in pair.prompt.messages]
    if shape == "kto":
        return [
            {"conversations": [*turns, _turn("gpt", text)], "kto_tag": liked} for text, liked in decisions.labels(pair)
        ]
    return [{"conversations": turns, "chosen": _turn("gpt", pair.chosen), "rejected": _turn("gpt", pair.rejected)}]


def _turn(speaker: str, text: str) -> dict[str, str]:
    return {"from": speaker, "value": text}


def _takes_turns(prompt: Prompt) -> bool:
    roles = [message["role"] for message in prompt.messages]
    turns = roles[1:] if roles[0] == "system" else roles
    wanted = ["user" if place % 2 == 0 else "assistant" for place in range(len(turns))]
    return turns == wanted and len(turns) % 2 == 1
