"""Importing and exporting files, by formats found in formats/ by their file name.

A format has a docstring that names its source, and one or both of:

    read(path) -> iterator of (line number, NewPrompt | row of the format `comparisons` | Problem)
    write(db, folder, **options) -> Written        OPTIONS: {name: (allowed values; the first is the default)}
"""

import hashlib
import importlib
import os
import secrets
import shutil
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

from feedback_store import canonical, clock, incoming, study_settings
from feedback_store.database import Database
from feedback_store.errors import InvalidInput, UnknownFormat
from feedback_store.exchange_records import ExportReport, ImportReport, Problem, Written
from feedback_store.prompts import NewPrompt
from feedback_store.sqlite import sqlite3

FORMATS_FOLDER = Path(__file__).parent / "formats"
HOLDOUT_SHARE = 0.2
PROBLEMS_KEPT = 1000


class _TakeNothing(Exception):
    """Leaves the transaction of an import that is to store nothing."""


def formats() -> list[str]:
    """Return the names of all formats, without importing them."""
    return sorted(path.stem for path in FORMATS_FOLDER.glob("*.py") if path.stem != "__init__")


def formats_that(verb: str) -> list[str]:
    """Return the names of the formats that can `read` or `write`."""
    return [name for name in formats() if hasattr(_module(name), verb)]


def import_file(
    db: Database,
    path: Path | str,
    format: str,
    *,
    strict: bool = False,
    dry_run: bool = False,
    holdout_share: float | None = None,
    seed: int | None = None,
    now: str | None = None,
) -> ImportReport:
    """Take a file into the study, in one transaction; rows that cannot be taken are reported with line and reason.

    With `strict` one bad row means that none is taken; with `dry_run` nothing is stored. Rows that were imported before
    add nothing. Hold-out share and seed of the split come from the study's settings unless given. Raises UnknownFormat,
    InvalidInput.
    """
    module = _that_can(format, "read")
    path = Path(path)
    if not path.is_file():
        raise InvalidInput(f"There is no file {path}. Check the path.")
    settings = study_settings.get(db, "study", {})
    share = holdout_share if holdout_share is not None else settings.get("holdout_share", HOLDOUT_SHARE)
    moment = now or clock.now()
    report = ImportReport(format, 0, 0, 0, [], None)
    try:
        with db.transaction():
            cursor = db.execute(
                "INSERT INTO imports (format, file_name, file_sha256, created_at) VALUES (?, ?, ?, ?)",
                [format, path.name, _file_sha256(path), moment],
            )
            into = incoming.Import(
                int(cursor.lastrowid), share, seed if seed is not None else settings.get("seed", 0), moment
            )
            report = _take_rows(db, module, path, format, into)
            if dry_run or not report.added or (strict and report.problems):
                raise _TakeNothing
            db.execute(
                "UPDATE imports SET row_count = ?, added = ?, known = ?, problems = ? WHERE id = ?",
                [
                    report.rows, report.added, report.known,
                    canonical.dumps([asdict(problem) for problem in report.problems[:PROBLEMS_KEPT]]), into.id,
                ],
            )  # fmt: skip
    except _TakeNothing:
        added = 0 if strict and report.problems else report.added
        return ImportReport(format, report.rows, added, report.known, report.problems, None)
    return report


def undo_import(db: Database, what: Path | str | int, now: str | None = None) -> ImportReport:
    """Take back an import, by its id or its file, as a unit: what it brought is neither asked, trained on nor exported
    any more.

    The file is told by its content where it is still there, else by its name. What the study did with it meanwhile
    stays. Raises InvalidInput where there is no such import, or it was taken back before.
    """
    moment = now or clock.now()
    with db.transaction():
        row = _import_row(db, what)
        db.execute("UPDATE imports SET undone_at = ? WHERE id = ?", [moment, row["id"]])
        incoming.withdraw(db, row["id"], moment)
    problems = [Problem(**problem) for problem in canonical.loads(row["problems"])]
    return ImportReport(row["format"], row["row_count"], row["added"], row["known"], problems, row["id"])


def export(db: Database, format: str, to: Path | str, **options: Any) -> ExportReport:
    """Write the study in a format to the folder `to`, which appears whole or not at all.

    Raises UnknownFormat, and InvalidInput where the folder exists and is not empty or an option is not known.
    """
    module = _that_can(format, "write")
    chosen = _options(module, format, options)
    target = Path(to)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InvalidInput(f"{target} exists already and is not an empty folder. Name a new folder, or empty this one.")
    target.parent.mkdir(parents=True, exist_ok=True)
    work = target.parent / f".{target.name}.{secrets.token_hex(4)}.part"
    work.mkdir()
    try:
        written: Written = module.write(db, work, **chosen)
        files = sorted(path.name for path in work.iterdir())
        for name in files:
            _sync(work / name)
        _sync(work)
        if target.exists():
            target.rmdir()
        work.rename(target)
        _sync(target.parent)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return ExportReport(target, written.counts, written.dropped, files)


def _take_rows(db: Database, module: ModuleType, path: Path, format: str, into: incoming.Import) -> ImportReport:
    occurrences: Counter[str] = Counter()
    rows = added = known = 0
    problems: list[Problem] = []
    for number, row in module.read(path):
        rows += 1
        if isinstance(row, Problem):
            problems.append(row)
            continue
        try:
            content = canonical.sha256(vars(row) if isinstance(row, NewPrompt) else row)
            occurrences[content] += 1
            key = f"{content}:{occurrences[content]}"
            if _row_known(db, key):
                known += 1
                continue
            with db.transaction():
                take = incoming.take_prompt if isinstance(row, NewPrompt) else incoming.take_comparison
                is_new = take(db, row, into)
                if is_new:
                    db.execute(
                        "INSERT INTO import_rows (import_id, line, row_key) VALUES (?, ?, ?)", [into.id, number, key]
                    )
            added += is_new
            known += not is_new
        except InvalidInput as error:
            problems.append(Problem(number, str(error)))
        except sqlite3.IntegrityError as error:
            problems.append(Problem(number, f"The store does not take this row: {error}."))
    return ImportReport(format, rows, added, known, problems, into.id)


def _row_known(db: Database, key: str) -> bool:
    found = db.value(
        "SELECT 1 FROM import_rows r JOIN imports i ON i.id = r.import_id WHERE r.row_key = ? AND i.undone_at IS NULL "
        "LIMIT 1",
        [key],
    )
    return found is not None


def _import_row(db: Database, what: Path | str | int) -> dict[str, Any]:
    if isinstance(what, int):
        row = db.row("SELECT * FROM imports WHERE id = ?", [what])
    else:
        path = Path(what)
        column, value = ("file_sha256", _file_sha256(path)) if path.is_file() else ("file_name", path.name)
        row = db.row(
            f"SELECT * FROM imports WHERE {column} = ? ORDER BY undone_at IS NULL DESC, id DESC LIMIT 1", [value]
        )
    if row is None:
        raise InvalidInput(f"Nothing was imported from {what} into this study.")
    if row["undone_at"]:
        raise InvalidInput(
            f"The import {row['id']} of {row['file_name']} was taken back already, at {row['undone_at']}."
        )
    return row


def _that_can(format: str, verb: str) -> ModuleType:
    word = "imported" if verb == "read" else "exported"
    module = _module(format) if format in formats() else None
    if module is None or not hasattr(module, verb):
        valid = ", ".join(formats_that(verb))
        raise UnknownFormat(f"The format {format!r} cannot be {word}. Formats that can: {valid}.")
    return module


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"feedback_store.formats.{name.replace('-', '_')}")


def _options(module: ModuleType, format: str, given: dict[str, Any]) -> dict[str, Any]:
    known: dict[str, tuple[str, ...]] = getattr(module, "OPTIONS", {})
    for name, value in given.items():
        if name not in known:
            valid = ", ".join(known) or "none"
            raise InvalidInput(f"The format {format!r} has no option {name!r}. Its options: {valid}.")
        if value not in known[name]:
            raise InvalidInput(
                f"The option {name} of the format {format!r} is {value!r}; allowed are {', '.join(known[name])}."
            )
    return {name: given.get(name, values[0]) for name, values in known.items()}


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
