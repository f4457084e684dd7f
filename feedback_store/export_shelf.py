"""The shelf of a study's exports: exports/NAME/, and shelf/NAME.json, which says what it holds.

What was exported by a command into another folder is not on it; a folder without a description is shown by its files.
"""

import json
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from feedback_store import clock
from feedback_store.database import Database
from feedback_store.errands import Errand
from feedback_store.errors import InvalidInput
from feedback_store.exchange_records import ExportReport

FOLDER = "exports"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
DESCRIPTIONS = "shelf"


@dataclass(frozen=True)
class Shelved:
    """An export on the shelf: its files with their bytes, and what it was made with and holds, where that is known."""

    name: str
    files: list[dict[str, Any]]
    made_at: str | None = None
    by: int | None = None
    format: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    filters: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    judgments_left_out: dict[str, int] = field(default_factory=dict)


def folder_of(db: Database, name: str) -> Path:
    """Return where an export lies or will lie. Raises InvalidInput for a name that is none."""
    if not NAME.fullmatch(name):
        raise InvalidInput(f"{name[:100]!r} is no name of an export.")
    return db.folder / FOLDER / name


def new_name(parts: list[str]) -> str:
    """Return a name for a new export, of its parts and the moment."""
    return "-".join([*parts, re.sub(r"[^0-9]", "", clock.now())[:17]])


def describe(db: Database, name: str, report: ExportReport, errand: Errand) -> Shelved:
    """Write down what an export holds that was made."""
    order = errand.order
    about = {
        "made_at": clock.now(), "by": errand.by, "format": order["format"], "options": order["options"],
        "filters": order["filters"], "counts": report.counts, "dropped": report.dropped, "left_out": report.left_out,
        "judgments_left_out": report.judgments_left_out,
    }  # fmt: skip
    path = _description(db, name)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")
    part.replace(path)
    return get(db, name)


def listing(db: Database) -> list[Shelved]:
    """Return the exports on the shelf, the newest first."""
    folders = [path for path in (db.folder / FOLDER).iterdir() if path.is_dir() and NAME.fullmatch(path.name)]
    folders.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    return [get(db, path.name) for path in folders]


def get(db: Database, name: str) -> Shelved:
    """Return an export. Raises InvalidInput where there is none."""
    folder = folder_of(db, name)
    if not folder.is_dir() or folder.is_symlink():
        raise InvalidInput(f"There is no export {name!r}.")
    files = [{"file": path.name, "bytes": path.stat().st_size} for path in _files(folder)]
    try:
        about = json.loads(_description(db, name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        about = {}
    return Shelved(name, files, **about)


def file_of(db: Database, name: str, file: str) -> Path:
    """Return the path of one file of an export. Raises InvalidInput where there is none."""
    found = {path.name: path for path in _files(folder_of(db, name))} if NAME.fullmatch(name) else {}
    if file not in found:
        raise InvalidInput(f"There is no file {file!r} in an export {name!r}.")
    return found[file]


def remove(db: Database, name: str) -> None:
    """Take an export off the shelf, for good. Raises InvalidInput where there is none."""
    get(db, name)
    folder = folder_of(db, name)
    shutil.rmtree(folder)
    _description(db, name).unlink(missing_ok=True)


def units(db: Database) -> int:
    """Return how many comparisons an export goes through, from the tallies."""
    return int(db.value("SELECT COALESCE(SUM(comparisons), 0) FROM tallies"))


def _description(db: Database, name: str) -> Path:
    return db.folder / DESCRIPTIONS / f"{name}.json"


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(
        path for path in folder.iterdir() if path.is_file() and not path.is_symlink() and NAME.fullmatch(path.name)
    )
