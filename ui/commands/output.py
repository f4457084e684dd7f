"""What commands print: JSON for programs on one line, or tables for people."""

import dataclasses
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

WIDTH_OF_FILES = 160  # columns of a table that does not go to a terminal


def print_json(value: Any) -> None:
    """One line of JSON on standard output, at once."""
    print(json.dumps(value, default=plain, ensure_ascii=False), flush=True)


def require_place(path: Path | None) -> None:
    """Before anything is done: raises OSError where a file that was asked for could not be written in the end."""
    if path is not None and path.is_dir():
        raise IsADirectoryError(21, "That is a folder; name a file to write", str(path))
    if path is not None and not path.parent.is_dir():
        raise FileNotFoundError(2, "There is no such folder to write into", str(path.parent))


def plain(value: Any) -> Any:
    """Records and paths as JSON has them."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} has no JSON form")


def say(text: str) -> None:
    """A line for people, on standard error, so that standard output stays clean for what was asked for."""
    print(text, file=sys.stderr, flush=True)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """A table on standard output; `empty` says what would fill it."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    cells = [[as_text(cell) for cell in row] for row in rows]
    if not cells:
        print(empty)
        return
    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in cells:
        table.add_row(*row)
    width = None if sys.stdout.isatty() else WIDTH_OF_FILES
    Console(width=width, markup=False, highlight=False).print(table)


def print_fields(values: Mapping[str, Any]) -> None:
    """Names and values, one a line."""
    width = max((len(name) for name in values), default=0)
    for name, value in values.items():
        print(f"{name:<{width}}  {as_text(value)}")


def as_text(value: Any) -> str:
    """A cell: figures to three places, small ones to two digits, nothing as a dash."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}" if value == 0 or abs(value) >= 0.01 else f"{value:.2g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {as_text(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(as_text(part) for part in value)
    return str(value)
