"""The shelf of a study's exports: exports/NAME/, and shelf/NAME.json, which says what it holds.

What was exported by a command into another folder is not on it; a folder without a description is shown by its files.
What is a link, or cannot be read, is shown as such beside the others; links are never followed.
"""

import json
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from feedback_store import clock
from feedback_store.database import Database
from feedback_store.errands import Errand
from feedback_store.errors import InvalidInput, StoreUnavailable
from feedback_store.exchange_records import ExportReport
from feedback_store.study_folder import refused

FOLDER = "exports"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
DESCRIPTIONS = "shelf"


Trouble = Literal["link", "unreadable", "no_description"]


@dataclass(frozen=True)
class Shelved:
    """An export on the shelf: its files with their bytes, and what it was made with and holds, where that is known.

    `trouble`: it is a link, it cannot be read (unreadable), or its description is none (no_description).
    """

    name: str
    files: list[dict[str, Any]]
    trouble: Trouble | None = None
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
    """Write down what an export holds that was made. Raises StoreUnavailable where the disk refuses it: the export is
    removed then, since nobody could tell what it is.
    """
    order = errand.order
    about = {
        "made_at": clock.now(), "by": errand.by, "format": order["format"], "options": order["options"],
        "filters": order["filters"], "counts": report.counts, "dropped": report.dropped, "left_out": report.left_out,
        "judgments_left_out": report.judgments_left_out,
    }  # fmt: skip
    path = _description(db, name)
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        part.write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        remove(db, name)
        part.unlink(missing_ok=True)
        raise refused(error, f"The export {name} was not kept; free some space and make it again.") from error
    return get(db, name)


def listing(db: Database) -> list[Shelved]:
    """Return the exports on the shelf, the newest first."""
    found = []
    for path in (db.folder / FOLDER).iterdir():
        with suppress(FileNotFoundError):  # taken off the shelf at this moment
            if NAME.fullmatch(path.name) and (path.is_symlink() or path.is_dir()):
                found.append((path.lstat().st_mtime, path))
    return [_shelved(db, path) for _, path in sorted(found, reverse=True)]


def get(db: Database, name: str) -> Shelved:
    """Return an export. Raises InvalidInput where there is none."""
    folder = folder_of(db, name)
    if not (folder.is_dir() or folder.is_symlink()):
        raise InvalidInput(f"There is no export {name!r}.")
    return _shelved(db, folder)


def file_of(db: Database, name: str, file: str) -> Path:
    """Return the path of one file of an export. Raises InvalidInput where there is none, or it cannot be read."""
    try:
        found = {path.name: path for path in _files(folder_of(db, name))}
    except OSError as error:
        raise InvalidInput(f"The export {name!r} cannot be read ({error.strerror}).") from error
    if file not in found:
        raise InvalidInput(f"There is no file {file!r} in an export {name!r}.")
    return found[file]


def remove(db: Database, name: str) -> None:
    """Take an export off the shelf, for good; of a link, the link alone. Raises InvalidInput where there is none, and
    StoreUnavailable where the disk refuses it.
    """
    get(db, name)
    folder = folder_of(db, name)
    try:
        if folder.is_symlink():
            folder.unlink()
        else:
            shutil.rmtree(folder)
        _description(db, name).unlink(missing_ok=True)
    except OSError as error:
        raise StoreUnavailable(
            f"The export {name} could not be removed ({error.strerror}). Look at exports/{name} in the study's folder."
        ) from error


def units(db: Database) -> int:
    """Return how many comparisons an export goes through, from the tallies."""
    return int(db.value("SELECT COALESCE(SUM(comparisons), 0) FROM tallies"))


def _description(db: Database, name: str) -> Path:
    return db.folder / DESCRIPTIONS / f"{name}.json"


def _shelved(db: Database, folder: Path) -> Shelved:
    if folder.is_symlink():
        return Shelved(folder.name, [], "link")
    try:
        files = [{"file": path.name, "bytes": path.stat().st_size} for path in _files(folder)]
    except OSError:
        return Shelved(folder.name, [], "unreadable")
    try:
        about = json.loads(_description(db, folder.name).read_text(encoding="utf-8"))
        return _DESCRIBED.validate_python({**about, "name": folder.name, "files": files})
    except FileNotFoundError:
        return Shelved(folder.name, files)
    except (OSError, ValueError, TypeError):
        return Shelved(folder.name, files, "no_description")


def _files(folder: Path) -> list[Path]:
    if folder.is_symlink() or not folder.is_dir():
        return []
    return sorted(
        path for path in folder.iterdir() if path.is_file() and not path.is_symlink() and NAME.fullmatch(path.name)
    )


_DESCRIBED = TypeAdapter(Shelved)
