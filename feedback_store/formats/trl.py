"""TRL's preference formats: explicit, conversational, implicit and unpaired.

Source: https://huggingface.co/docs/trl/dataset_formats. Export is a folder that `datasets` opens: one row a pair
decided by majority, or (`rows` judgments) one a pair as one person judged it; see decisions.py. After the format's own
keys stand comparison_id, n, agreement, margin, policy_chosen, policy_rejected, language; the trainers ignore them, but
for `margin`, which RewardTrainer subtracts in its loss where a column has this name. Import takes explicit and
conversational rows, and implicit ones of messages that share all turns before the last.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from feedback_store import decisions, exchange_keys, foreign_rows
from feedback_store.decisions import Pair
from feedback_store.errors import InvalidInput
from feedback_store.exchange_reading import Reading
from feedback_store.exchange_records import Dropped, Kept, Problem

OPTIONS: dict[str, tuple[str, ...]] = {
    "shape": ("explicit", "conversational", "implicit", "unpaired"),
    "rows": decisions.ROWS,
    "file_type": ("jsonl", "parquet"),
}
UNIT = "pairs"
TITLE = "Preferences"
WORDS = decisions.ROWS_IN_WORDS
CARD = (
    "The shape is {shape}, of TRL's dataset formats.\n\n"
    + decisions.HANDLING
    + """
- In the shape unpaired, both bad gives two completions that were not liked, of an edit only the new text is given, and
  of more than two completions only the best and the worst are.
- `margin` is the mean strength (1 to 3) of the winning votes / 3, 0 where no strength was asked. TRL's RewardTrainer
  subtracts it in its loss: remove the column where that is not wanted."""
)
FURTHER = {
    "comparison_id": "text", "n": "int", "agreement": "float", "margin": "float", "policy_chosen": "text",
    "policy_rejected": "text", "language": "text",
}  # fmt: skip
OWN = {
    "explicit": {"prompt": "text", "chosen": "text", "rejected": "text"},
    "conversational": {"prompt": "messages", "chosen": "messages", "rejected": "messages"},
    "implicit": {"chosen": "text", "rejected": "text"},
    "unpaired": {"prompt": "text", "completion": "text", "label": "bool"},
}
ANNOTATION_KEYS = ("policy_chosen", "policy_rejected", "language")

Row = dict[str, Any]


def columns(*, shape: str, **_: str) -> dict[str, str]:
    """Return the names and types of the columns."""
    return {**OWN[shape], **FURTHER}


def write(reading: Reading, *, shape: str, rows: str) -> Iterator[Kept | Dropped]:
    """Yield the rows of each decided pair."""

    def row_of(pair: Pair) -> list[Row] | str:
        if shape != "conversational" and not decisions.is_one_question(pair.prompt):
            return "several messages in the prompt (use the shape conversational)"
        return [{**row, **_further(pair)} for row in _own(pair, shape)]

    return decisions.rows(reading, rows, row_of, unpaired=shape == "unpaired")


def _own(pair: Pair, shape: str) -> list[Row]:
    if shape == "conversational":
        turns = {"chosen": pair.chosen, "rejected": pair.rejected}
        answers = {key: [{"role": "assistant", "content": text}] for key, text in turns.items()}
        return [{"prompt": pair.prompt.messages, **answers}]
    text = pair.prompt.messages[0]["content"]
    if shape == "implicit":
        return [{"chosen": joined(text, pair.chosen), "rejected": joined(text, pair.rejected)}]
    if shape == "unpaired":
        return [{"prompt": text, "completion": answer, "label": liked} for answer, liked in decisions.labels(pair)]
    return [{"prompt": text, "chosen": pair.chosen, "rejected": pair.rejected}]


def _further(pair: Pair) -> Row:
    return {
        "comparison_id": pair.comparison_id,
        "n": pair.n,
        "agreement": pair.agreement,
        "margin": pair.margin,
        "policy_chosen": pair.policy_chosen,
        "policy_rejected": pair.policy_rejected,
        "language": pair.prompt.language,
    }


def joined(prompt: str, completion: str) -> str:
    """Return prompt and completion as one text: as they are where white space parts them already, else with a line
    between.
    """
    parted = not prompt or prompt[-1].isspace() or not completion or completion[0].isspace()
    return prompt + completion if parted else f"{prompt}\n{completion}"


SHAPES_TAKEN = (
    "Taken are rows with prompt, chosen and rejected (explicit, conversational), and rows with chosen and rejected "
    "that are messages (implicit, conversational)."
)
REFUSED = {
    "implicit": "The row is implicit: where its prompt ends cannot be told from two texts, and a guess would be stored "
    "for good.",
    "unpaired": "The row is unpaired: one completion with a label, which nobody compared with another one.",
    "prompt only": "The row has a prompt and nothing that was compared.",
}


def read(path: Path) -> Iterator[tuple[int, Row | Problem]]:
    """Yield (line number, row of the format `comparisons`) of a file (JSON lines, JSON list or Parquet)."""
    yield from foreign_rows.rows_of(path, to_comparison)


def to_comparison(row: Row) -> Row:
    """Turn a row with a chosen and a rejected completion into one of the format `comparisons`. Raises InvalidInput."""
    prompt, texts = _parted(row)
    authors = [row.get("policy_chosen") or "chosen", row.get("policy_rejected") or "rejected"]
    extra = exchange_keys.unknown(row, ("prompt", "chosen", "rejected", *ANNOTATION_KEYS))
    return foreign_rows.comparison(
        "trl", prompt, list(zip(texts, authors, strict=True)), [foreign_rows.vote([1, 2])], extra,
        language=row.get("language") or None,
    )  # fmt: skip


def _parted(row: Row) -> tuple[Any, list[str]]:
    """Return the prompt, and the chosen and the rejected text."""
    if "chosen" in row and "rejected" in row and row.get("prompt") is not None:
        return row["prompt"], [_text_of(row[key], key) for key in ("chosen", "rejected")]
    if isinstance(row.get("chosen"), list) and isinstance(row.get("rejected"), list):
        (asked, chosen), (asked_too, rejected) = (
            foreign_rows.last_answer(foreign_rows.messages_at(row, key), key) for key in ("chosen", "rejected")
        )
        return foreign_rows.shared_prompt(asked, asked_too, "chosen and rejected"), [chosen, rejected]
    shape = "implicit" if {"chosen", "rejected"} <= row.keys() else "unpaired" if "label" in row else "prompt only"
    reason = REFUSED[shape] if shape != "prompt only" or "prompt" in row else "The row has no `prompt`."
    raise InvalidInput(f"{reason} {SHAPES_TAKEN}")


def _text_of(value: Any, key: str) -> str:
    if isinstance(value, str):
        return value
    turn = value[0] if isinstance(value, list) and len(value) == 1 else None
    if isinstance(turn, dict) and turn.get("role") == "assistant" and isinstance(turn.get("content"), str):
        return str(turn["content"])
    raise InvalidInput(
        f"`{key}` is {foreign_rows.quoted(value)}; it has to be text, or a list of one assistant message."
    )
