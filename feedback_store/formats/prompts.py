"""Prompts: one a line (.txt), CSV with a column `prompt` (.csv), Parquet (.parquet), else JSON.

Source: this project. JSON is lines or one list. A row has `prompt` (text, or chat messages) and, where wanted,
`group`, `split`, `reference`, `tags`, `language`; in a CSV the tags are separated by ";" and every cell is text,
formulas too. Further keys are kept with the prompt. All but Parquet may be compressed (.gz). Export is JSON lines, with
the split that was drawn.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from feedback_store import decisions, exchange_keys, filters, prompts
from feedback_store.errors import InvalidInput
from feedback_store.exchange_reading import Reading
from feedback_store.exchange_records import Dropped, Kept, Problem
from feedback_store.line_files import csv_rows, json_rows, lines, parquet_rows, suffix_of
from feedback_store.prompts import NewPrompt, Prompt

OPTIONS: dict[str, tuple[str, ...]] = {}
FILTERS = filters.OF_PROMPT
UNIT = "prompts that pass"
TITLE = "Prompts"
CARD = """One prompt a row: `prompt` is text, or messages where it is more than one message of the user.

- No judgments are in it: no ties, both bad, skips, disagreement, rankings, edits or check questions. There are no
  duplicates: a study has a prompt once.
- Train and test are split by group (test: the study's hold-out prompts): a group is never in both."""
PROMPTS_AT_ONCE = 500


def read(path: Path) -> Iterator[tuple[int, NewPrompt | Problem]]:
    """Yield (line number, prompt) of a file, told by its suffix.

    Raises InvalidInput for a CSV without a column `prompt`.
    """
    suffix = suffix_of(path)
    if suffix == ".txt":
        yield from _read_text(path)
    elif suffix == ".csv":
        yield from csv_rows(path, ("prompt",), _of_cells)
    elif suffix == ".parquet":
        yield from parquet_rows(path, _of_parquet)
    else:
        yield from json_rows(path, _of_row)


def _read_text(path: Path) -> Iterator[tuple[int, NewPrompt | Problem]]:
    for number, text in lines(path):
        yield number, text if isinstance(text, Problem) else NewPrompt(prompts.from_text(text.strip()))


def _of_cells(cells: dict[str, str]) -> NewPrompt:
    row: dict[str, Any] = {name: value for name, value in cells.items() if value != ""}
    if "tags" in row:
        row["tags"] = [tag.strip() for tag in cells["tags"].split(";") if tag.strip()]
    return _of_row(row)


def _of_parquet(row: dict[str, Any]) -> NewPrompt:
    """Columns that are null say nothing: a Parquet file has every column in every row."""
    return _of_row({key: value for key, value in row.items() if value is not None})


def _of_row(row: dict[str, Any]) -> NewPrompt:
    prompt = row.get("prompt")
    if prompt is None:
        raise InvalidInput("The row has no `prompt`.")
    messages = prompts.from_text(prompt) if isinstance(prompt, str) else prompt
    prompts.check_messages(messages, "prompt")
    return NewPrompt(
        messages=messages,
        group=row.get("group"),
        split=row.get("split"),
        language=row.get("language") or "en",
        tags=row.get("tags") or [],
        reference=row.get("reference"),
        extra=exchange_keys.unknown(row, exchange_keys.OF_PROMPT_ROW),
    )


def write(reading: Reading) -> Iterator[Kept | Dropped]:
    """Yield every prompt that was not taken back with its import; a prompt of one user message is written as text."""
    after = 0
    reading.counts["prompts"] = 0
    while batch := prompts.listing(reading.db, after_id=after, limit=PROMPTS_AT_ONCE):
        after = batch[-1].id
        reasons = filters.prompts_left_out(reading.db, reading.filters, [one.id for one in batch])
        reading.counts["prompts"] += len(batch)
        reading.left_out.update(reasons.values())
        for one in batch:
            if one.id not in reasons:
                yield Kept([_row(one)], one.split, one.language)


def _row(prompt: Prompt) -> dict[str, Any]:
    return {
        "prompt": prompt.messages[0]["content"] if decisions.is_one_question(prompt) else prompt.messages,
        "group": prompt.named_group,
        "split": prompt.split,
        "reference": prompt.reference,
        "tags": prompt.tags,
        "language": prompt.language,
        **prompt.extra,
    }
