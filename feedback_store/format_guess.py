"""Guessing the format of a file from its first rows.

Each format is asked whether it can read them; the ones that take few files are asked before those that take many.
"""

import importlib
from itertools import islice
from pathlib import Path

from feedback_store.errors import InvalidInput
from feedback_store.exchange_records import Problem

ROWS = 10
# From the format that asks most of a row to the one that asks least.
IN_ORDER = (
    "arena", "helpsteer3", "argilla", "label-studio", "oasst", "ultrafeedback", "cheese", "hh", "trl", "comparisons",
    "prompts",
)  # fmt: skip


def guess(path: Path) -> str | None:
    """Return the name of the first format that reads half of the first rows; None where none does."""
    return next((name for name in IN_ORDER if _share(path, name) >= 0.5), None)


def _share(path: Path, name: str) -> float:
    module = importlib.import_module(f"feedback_store.formats.{name.replace('-', '_')}")
    try:
        rows = [row for _, row in islice(module.read(path), ROWS)]
    except (InvalidInput, OSError):
        return 0.0
    taken = [row for row in rows if not isinstance(row, Problem) and _is_one(name, row)]
    return len(taken) / len(rows) if rows else 0.0


def _is_one(name: str, row: object) -> bool:
    """Two formats read more than they should be guessed for: what else a row has to hold."""
    if name == "comparisons":  # takes any object, and looks at it when it is stored
        assert isinstance(row, dict)
        written = row.get("completions")
        return "prompt" in row and isinstance(written, list) and all(isinstance(one, dict) for one in written)
    if name == "ultrafeedback":  # without scores it is trl's
        assert isinstance(row, dict)
        return "score_chosen" in row.get("ultrafeedback", {})
    return True
