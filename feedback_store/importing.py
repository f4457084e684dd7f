"""Taking files in, and taking them back: each import is one transaction, and every row that is left out has a reason.

A row's key is the hash of its content and how often it has occurred in the file. A key that an import which stands has
stored is known, so the same file again adds nothing, and a file that grew adds what is new. What was taken back comes
in again by importing it again: the same rows become the same comparisons. A row that two files hold belongs to the
import that brought it first: where that one is taken back, import the other file again. Memory stays flat: rows are
streamed, how often each occurred is counted in a temporary table, and of the problems the first PROBLEMS_KEPT are kept.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from feedback_store import canonical, clock, incoming, rounds, study_settings
from feedback_store.database import Database
from feedback_store.errors import InvalidInput
from feedback_store.exchange_records import ImportReport, Problem
from feedback_store.prompts import NewPrompt
from feedback_store.sqlite import sqlite3

HOLDOUT_SHARE = 0.2
PROBLEMS_KEPT = 1000


class _TakeNothing(Exception):
    """Leaves the transaction of an import that is to store nothing."""


@dataclass(frozen=True)
class Split:
    """How new prompts are split; what is None comes from the study's settings."""

    holdout_share: float | None
    seed: int | None


@dataclass
class _Tally:
    """What became of the rows so far."""

    rows: int = 0
    added: int = 0
    known: int = 0
    left_out: int = 0
    problems: list[Problem] = field(default_factory=list)

    def leave_out(self, problem: Problem) -> None:
        self.left_out += 1
        if len(self.problems) < PROBLEMS_KEPT:
            self.problems.append(problem)

    def report(self, format: str, import_id: int | None) -> ImportReport:
        return ImportReport(format, self.rows, self.added, self.known, self.problems, import_id, self.left_out)


def take(
    db: Database,
    read: Callable[[Path], Iterator[tuple[int, Any]]],
    path: Path,
    format: str,
    split: Split,
    *,
    strict: bool,
    dry_run: bool,
    now: str | None,
) -> ImportReport:
    """Take a file into the study by the `read` of a format. See exchange.import_file. Raises InvalidInput."""
    if not path.is_file():
        raise InvalidInput(f"There is no file {path}. Check the path.")
    settings = study_settings.get(db, "study", {})
    share = split.holdout_share if split.holdout_share is not None else settings.get("holdout_share", HOLDOUT_SHARE)
    seed = split.seed if split.seed is not None else settings.get("seed", 0)
    moment = now or clock.now()
    tally = _Tally()
    try:
        with db.transaction():
            cursor = db.execute(
                "INSERT INTO imports (format, file_name, file_sha256, created_at) VALUES (?, ?, ?, ?)",
                [format, path.name, _file_sha256(path), moment],
            )
            priority = rounds.latest_number(db) or 1
            into = incoming.Import(int(cursor.lastrowid), share, seed, moment, priority)
            _take_rows(db, read(path), into, tally)
            if dry_run or not tally.added or (strict and tally.left_out):
                raise _TakeNothing
            db.execute(
                "UPDATE imports SET row_count = ?, added = ?, known = ?, problems = ? WHERE id = ?",
                [
                    tally.rows, tally.added, tally.known,
                    canonical.dumps([asdict(problem) for problem in tally.problems]), into.id,
                ],
            )  # fmt: skip
    except _TakeNothing:
        if strict and tally.left_out:
            tally.left_out, tally.added = tally.rows - tally.known, 0
        return tally.report(format, None)
    return tally.report(format, into.id)


def undo(db: Database, what: Path | str | int, now: str | None = None) -> ImportReport:
    """Take back an import as a unit. See exchange.undo_import. Raises InvalidInput."""
    moment = now or clock.now()
    with db.transaction():
        row = _import_row(db, what)
        db.execute("UPDATE imports SET undone_at = ? WHERE id = ?", [moment, row["id"]])
        incoming.withdraw(db, row["id"], moment)
    problems = [Problem(**problem) for problem in canonical.loads(row["problems"])]
    left_out = row["row_count"] - row["added"] - row["known"]
    return ImportReport(row["format"], row["row_count"], row["added"], row["known"], problems, row["id"], left_out)


def _take_rows(db: Database, rows: Iterator[tuple[int, Any]], into: incoming.Import, tally: _Tally) -> None:
    db.execute("CREATE TEMP TABLE occurrences (content TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT, WITHOUT ROWID")
    for number, row in rows:
        tally.rows += 1
        if isinstance(row, Problem):
            tally.leave_out(row)
            continue
        try:
            is_new = _take_row(db, number, row, into)
            tally.added += is_new
            tally.known += not is_new
        except (InvalidInput, sqlite3.IntegrityError, RecursionError) as error:
            into.forget()
            tally.leave_out(Problem(number, _in_words(error)))
    if not tally.rows:
        tally.rows = 1
        tally.leave_out(Problem(1, "The file has no rows."))
    db.execute("DROP TABLE temp.occurrences")


def _take_row(db: Database, number: int, row: Any, into: incoming.Import) -> bool:
    """Store one row, or nothing of it; tell whether it is new."""
    content = canonical.sha256(vars(row) if isinstance(row, NewPrompt) else row)
    occurred = db.value(
        "INSERT INTO temp.occurrences VALUES (?, 1) ON CONFLICT (content) DO UPDATE SET n = n + 1 RETURNING n",
        [content],
    )
    key = f"{content}:{occurred}"
    if _known(db, key):
        return False
    with db.transaction():
        if isinstance(row, NewPrompt):
            is_new = incoming.take_prompt(db, row, into)
        else:
            is_new = incoming.take_comparison(db, row, into, key)
        if is_new:
            db.execute("INSERT INTO import_rows (import_id, line, row_key) VALUES (?, ?, ?)", [into.id, number, key])
    return is_new


def _in_words(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "The row is nested too deep."
    return str(error) if isinstance(error, InvalidInput) else f"The store does not take this row: {error}."


def _known(db: Database, key: str) -> bool:
    found = db.value(
        "SELECT 1 FROM import_rows r JOIN imports i ON i.id = r.import_id WHERE r.row_key = ? AND i.undone_at IS NULL"
        " LIMIT 1",
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


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
