"""What became of each row of an import, line by line: written while it runs, read page by page.

One file of JSON lines for each of added, known and left_out, in the order of the rows. A page begins at a place in its
file, so that no page is further away than another.
"""

import csv
import heapq
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from feedback_store.exchange_records import RowOutcome
from feedback_store.line_files import suffix_of
from feedback_store.spreadsheet_cells import escaped

BECAME = ("left_out", "added", "known")
COLUMNS = ("line", "became", "reason", "brought")
BLOCK_BYTES = 1024 * 1024


class Writer:
    """Takes the outcome of each row."""

    def __init__(self, files: Mapping[str, IO[str]]) -> None:
        self.rows = 0
        self._files = files

    def add(self, outcome: RowOutcome) -> None:
        """Write a row down."""
        self.rows += 1
        said = {"line": outcome.line, "reason": outcome.reason, "brought": outcome.brought}
        self._files[outcome.became].write(json.dumps({k: v for k, v in said.items() if v}, ensure_ascii=False) + "\n")


@contextmanager
def writing(folder: Path) -> Iterator[Writer]:
    """Write a report into a folder."""
    with ExitStack() as stack:
        files = {name: stack.enter_context(_path(folder, name).open("w", encoding="utf-8")) for name in BECAME}
        yield Writer(files)


def page(folder: Path, became: str, *, start: int = 0, size: int = 50) -> tuple[list[dict[str, Any]], int | None]:
    """Return rows ({line, reason, brought}) from a place on, and the place of the next page, None where it ends."""
    try:
        with _path(folder, became).open("rb") as file:
            file.seek(start)
            rows: list[dict[str, Any]] = []
            while len(rows) < size and (line := file.readline()):
                rows.append({"reason": None, "brought": {}, **json.loads(line)})
            here = file.tell()
            more = bool(file.read(1))
    except (FileNotFoundError, ValueError):
        return [], None  # not there yet, or a place that is the beginning of no row
    return rows, here if more else None


def as_csv(folder: Path) -> Iterator[str]:
    """Yield the whole report as CSV, in the order of the lines."""
    with ExitStack() as stack:
        parts = []
        for name in BECAME:
            if _path(folder, name).exists():
                file = stack.enter_context(_path(folder, name).open(encoding="utf-8"))
                parts.append(_rows(name, file))
        yield _cells(COLUMNS)
        for row in heapq.merge(*parts, key=lambda row: row[0]):
            yield _cells(row)


def lines_of(path: Path) -> int | None:
    """Return how many lines a file has; None where that does not tell its rows (compressed, Parquet)."""
    if path.suffix.lower() == ".gz" or suffix_of(path) == ".parquet":
        return None
    with path.open("rb") as file:
        return max(1, sum(block.count(b"\n") for block in iter(lambda: file.read(BLOCK_BYTES), b"")))


def _path(folder: Path, became: str) -> Path:
    return folder / f"{became}.jsonl"


def _rows(name: str, file: IO[str]) -> Iterator[tuple[int, str, str, str]]:
    for line in file:
        row = json.loads(line)
        brought = ", ".join(f"{count} {kind}" for kind, count in row.get("brought", {}).items())
        yield row["line"], name, row.get("reason", ""), brought


def _cells(row: tuple[Any, ...]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerow([escaped(str(cell)) if cell != "" else "" for cell in row])
    return text.getvalue()
