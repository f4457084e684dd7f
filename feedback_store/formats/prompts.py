"""Prompts to import: one a line (.txt), a CSV with a column `prompt` (.csv), or JSON lines (any other suffix).

Source: this project. A JSON row has `prompt` (text, or chat messages) and, where wanted, `group`, `split`, `reference`,
`tags`, `language`; a CSV may have the same columns, its tags separated by ";". Further keys are kept with the prompt.
Either may be compressed (.gz). Export is not needed: the format `comparisons` carries prompts with what was said about
them.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from feedback_store import prompts
from feedback_store.errors import InvalidInput
from feedback_store.exchange_records import Problem
from feedback_store.line_files import json_lines, lines
from feedback_store.prompts import NewPrompt

KEYS = ("prompt", "group", "split", "reference", "tags", "language")


def read(path: Path) -> Iterator[tuple[int, NewPrompt | Problem]]:
    """Yield (line number, prompt) of a file, told by its suffix.

    Raises InvalidInput for a CSV without a column `prompt`.
    """
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if suffix == ".txt":
        yield from _read_text(path)
    elif suffix == ".csv":
        yield from _read_csv(path)
    else:
        yield from json_lines(path, _of_row)


def _read_text(path: Path) -> Iterator[tuple[int, NewPrompt | Problem]]:
    for number, text in lines(path):
        yield number, text if isinstance(text, Problem) else NewPrompt(prompts.from_text(text.strip()))


def _read_csv(path: Path) -> Iterator[tuple[int, NewPrompt | Problem]]:
    broken: list[Problem] = []

    def text_lines() -> Iterator[str]:
        for number, text in lines(path, blank=True):
            if isinstance(text, Problem):
                broken.append(Problem(number, text.reason))
            else:
                yield text + "\n"

    reader = csv.DictReader(text_lines(), strict=True)
    if "prompt" not in (reader.fieldnames or []):
        raise InvalidInput(
            f"{path.name} has no column `prompt`; its columns are {', '.join(reader.fieldnames or []) or 'none'}."
        )
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield reader.line_num, Problem(reader.line_num, f"Not valid CSV: {error}.")
            continue
        for problem in broken:
            yield problem.line, problem
        broken.clear()
        if row is None:
            return
        try:
            yield reader.line_num, _of_row(_of_cells(row))
        except InvalidInput as error:
            yield reader.line_num, Problem(reader.line_num, str(error))


def _of_cells(cells: dict[str | Any, str | Any]) -> dict[str, Any]:
    if None in cells:
        raise InvalidInput("The row has more cells than the header has columns.")
    row: dict[str, Any] = {name: value for name, value in cells.items() if value not in (None, "")}
    if "tags" in row:
        row["tags"] = [tag.strip() for tag in row["tags"].split(";") if tag.strip()]
    return row


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
        extra={key: value for key, value in row.items() if key not in KEYS},
    )
