"""Taking files in, and taking them back: each import is one transaction, and every row that is left out has a reason.

A row's key is the hash of its content and how often it has occurred in the file. A key that an import which stands has
stored is known, so the same file again adds nothing, and a file that grew adds what is new. What was taken back comes
in again by importing it again: the same rows become the same comparisons. A row that two files hold belongs to the
import that brought it first: where that one is taken back, import the other file again. Memory stays flat: rows are
streamed, how often each occurred is counted in a temporary table, and of the problems the first PROBLEMS_KEPT are kept.
"""

import hashlib
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from feedback_store import audit, canonical, clock, held_file, incoming, rounds, study_settings, taking_back
from feedback_store.database import Database
from feedback_store.errors import Conflict, InvalidInput
from feedback_store.exchange_records import ImportReport, Problem, RowOutcome
from feedback_store.prompts import NewPrompt
from feedback_store.sqlite import sqlite3

HOLDOUT_SHARE = 0.2
PROBLEMS_KEPT = 1000
LOCK = "import.lock"
# Of an import beside others: how long the study is held at once, and left to them in between.
PART_SECONDS = 0.06
PAUSE_SECONDS = 0.1
CUT_OFF = "The import was cut off on the way and taken back as a whole. Import the file again."
ERASED = "Why is not kept: the reason could quote what somebody had erased."

OnRow = Callable[[RowOutcome], None]


class _TakeNothing(Exception):
    """Leaves the transaction of an import that is to store nothing."""


@dataclass(frozen=True)
class Split:
    """How new prompts are split; what is None comes from the study's settings."""

    holdout_share: float | None
    seed: int | None


class _Tally:
    """What became of the rows so far."""

    def __init__(self, on_row: OnRow | None) -> None:
        self.rows = self.added = self.known = self.left_out = 0
        self.problems: list[Problem] = []
        self.brought: Counter[str] = Counter()
        self._on_row = on_row or (lambda outcome: None)

    def take(self, line: int, brought: Counter[str], *, is_new: bool) -> None:
        self.rows += 1
        self.added += is_new
        self.known += not is_new
        self.brought.update(brought)
        self._on_row(RowOutcome(line, "added" if is_new else "known", brought=dict(brought)))

    def leave_out(self, problem: Problem) -> None:
        self.rows += 1
        self.left_out += 1
        if len(self.problems) < PROBLEMS_KEPT:
            self.problems.append(problem)
        self._on_row(RowOutcome(problem.line, "left_out", problem.reason))

    def report(self, format: str, import_id: int | None) -> ImportReport:
        counts = (self.rows, self.added, self.known)
        return ImportReport(format, *counts, self.problems, import_id, self.left_out, dict(self.brought))


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
    by: str | None = None,
    on_row: OnRow | None = None,
) -> ImportReport:
    """Take a file into the study by the `read` of a format. See exchange.import_file. Raises InvalidInput."""
    _require_file(path)
    tally = _Tally(on_row)
    try:
        with db.transaction():
            into = _begin(db, path, format, split, now or clock.now())
            _take_some(db, read(path), into, tally)
            if dry_run or not tally.added or (strict and tally.left_out):
                raise _TakeNothing
            _finish(db, into, path, format, tally, by)
    except _TakeNothing:
        if strict and tally.left_out:
            tally.left_out, tally.added = tally.rows - tally.known, 0
        return tally.report(format, None)
    return tally.report(format, into.id)


def take_in_parts(
    db: Database,
    read: Callable[[Path], Iterator[tuple[int, Any]]],
    path: Path,
    format: str,
    split: Split,
    *,
    by: str | None = None,
    on_row: OnRow | None = None,
    now: str | None = None,
) -> ImportReport:
    """Take a file into a study that others work on: in many short transactions with pauses in between, so that nobody
    waits for a long import. See exchange.import_beside_others. Raises InvalidInput, Conflict.

    An import that was cut off on the way is taken back as a unit, at once or by the next `mend`.
    """
    _require_file(path)
    tally = _Tally(on_row)
    with held_file.held(db.folder / LOCK, "Another import is under way. Wait until it is done."):
        _take_back_unfinished(db, now or clock.now())
        with db.transaction():
            into = _begin(db, path, format, split, now or clock.now())
        try:
            rows = read(path)
            ended = False
            while not ended:
                with db.transaction():
                    into.forget()  # others may have changed what it remembers
                    ended = _take_some(db, rows, into, tally, PART_SECONDS)
                    if ended and tally.added:
                        _finish(db, into, path, format, tally, by)
                time.sleep(0 if ended else PAUSE_SECONDS)
        finally:
            _take_back_unfinished(db, now or clock.now())
    return tally.report(format, into.id if tally.added else None)


def under_way(db: Database) -> bool:
    """Tell whether an import beside others is under way."""
    return held_file.is_held(db.folder / LOCK)


def mend(db: Database, now: str | None = None) -> list[int]:
    """Take back imports that were cut off, by a crash say; return their ids. Nothing where one is under way."""
    try:
        with held_file.held(db.folder / LOCK, "An import is under way."):
            return _take_back_unfinished(db, now or clock.now())
    except Conflict:
        return []


def undo(db: Database, what: Path | str | int, now: str | None = None, *, by: str | None = None) -> ImportReport:
    """Take back an import as a unit. See exchange.undo_import. Raises InvalidInput."""
    moment = now or clock.now()
    row = import_row(db, what)
    with db.transaction():
        if row["id"] in mend(db, moment):
            row = db.row("SELECT * FROM imports WHERE id = ?", [row["id"]]) or row  # one without rows leaves nothing
        else:
            row = import_row(db, row["id"])  # as it is now that nobody else can change it
            db.execute("UPDATE imports SET undone_at = ? WHERE id = ?", [moment, row["id"]])
            taking_back.withdraw(db, row["id"], moment)
        if by is not None:
            audit.note(db, actor=by, action="undo import", subject=f"import {row['id']}", now=moment)
    problems = [Problem(**problem) for problem in canonical.loads(row["problems"])]
    left_out = row["row_count"] - row["added"] - row["known"]
    return ImportReport(row["format"], row["row_count"], row["added"], row["known"], problems, row["id"], left_out)


def forget_reasons(db: Database) -> int:
    """Forget why rows were left out, inside the caller's transaction: the reasons quote names and values of rows that
    the study did not take, so nobody can tell whose they are. Lines and counts stay. Returns of how many imports.
    """
    changed = 0
    for row in db.rows("SELECT id, problems FROM imports WHERE problems <> '[]'"):
        held = canonical.loads(row["problems"])
        kept = [one if one["reason"] == CUT_OFF else {**one, "reason": ERASED} for one in held]
        if kept != held:
            db.execute("UPDATE imports SET problems = ? WHERE id = ?", [canonical.dumps(kept), row["id"]])
            changed += 1
    return changed


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise InvalidInput(f"There is no file {path}. Check the path.")


def _begin(db: Database, path: Path, format: str, split: Split, moment: str) -> incoming.Import:
    """Write down an import that has no rows yet: one of which that stays true was cut off."""
    settings = study_settings.get(db, "study", {})
    share = split.holdout_share if split.holdout_share is not None else settings.get("holdout_share", HOLDOUT_SHARE)
    seed = split.seed if split.seed is not None else settings.get("seed", 0)
    cursor = db.execute(
        "INSERT INTO imports (format, file_name, file_sha256, created_at) VALUES (?, ?, ?, ?)",
        [format, canonical.readable(path.name), _file_sha256(path), moment],
    )
    db.execute("DROP TABLE IF EXISTS temp.occurrences")
    db.execute("CREATE TEMP TABLE occurrences (content TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT, WITHOUT ROWID")
    return incoming.Import(int(cursor.lastrowid), share, seed, moment, rounds.latest_number(db) or 1)


def _finish(db: Database, into: incoming.Import, path: Path, format: str, tally: "_Tally", by: str | None) -> None:
    db.execute(
        "UPDATE imports SET row_count = ?, added = ?, known = ?, problems = ? WHERE id = ?",
        [
            tally.rows, tally.added, tally.known,
            canonical.dumps([asdict(problem) for problem in tally.problems]), into.id,
        ],
    )  # fmt: skip
    db.execute("DROP TABLE temp.occurrences")
    if by is not None:
        name = canonical.readable(path.name)
        detail = {"file": name, "format": format, "added": tally.added, "left_out": tally.left_out}
        audit.note(db, actor=by, action="import", subject=f"import {into.id}", detail=detail, now=into.now)


def _take_back_unfinished(db: Database, moment: str) -> list[int]:
    unfinished = [row["id"] for row in db.rows("SELECT id FROM imports WHERE row_count = 0 AND undone_at IS NULL")]
    for import_id in unfinished:
        with db.transaction():
            taken = int(db.value("SELECT COUNT(*) FROM import_rows WHERE import_id = ?", [import_id]))
            if not taken:
                db.execute("DELETE FROM import_items WHERE import_id = ?", [import_id])
                db.execute("DELETE FROM imports WHERE id = ?", [import_id])
                continue
            taking_back.withdraw(db, import_id, moment)
            why = [{"line": 1, "reason": CUT_OFF}]
            db.execute(
                "UPDATE imports SET undone_at = ?, row_count = ?, added = ?, problems = ? WHERE id = ?",
                [moment, taken, taken, canonical.dumps(why), import_id],
            )
    return unfinished


def _take_some(
    db: Database, rows: Iterator[tuple[int, Any]], into: incoming.Import, tally: "_Tally", seconds: float = math.inf
) -> bool:
    """Take rows until they end or the time is over; tell whether they ended."""
    ends = time.monotonic() + seconds
    for number, row in rows:
        if isinstance(row, Problem):
            tally.leave_out(row)
            continue
        into.brought.clear()
        try:
            tally.take(number, into.brought, is_new=_take_row(db, number, row, into))
        except (InvalidInput, sqlite3.IntegrityError, RecursionError) as error:
            into.forget()
            tally.leave_out(Problem(number, _in_words(error)))
        if time.monotonic() > ends:
            return False
    if not tally.rows:
        tally.leave_out(Problem(1, "The file has no rows."))
    return True


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


def import_row(db: Database, what: Path | str | int) -> dict[str, Any]:
    """Return the row of an import that stands or was cut off, by its id or its file. Raises InvalidInput, and Conflict
    where it is under way.
    """
    if isinstance(what, int):
        row = db.row("SELECT * FROM imports WHERE id = ?", [what])
    else:
        path = Path(what)
        name = canonical.readable(path.name)
        column, value = ("file_sha256", _file_sha256(path)) if path.is_file() else ("file_name", name)
        row = db.row(
            f"SELECT * FROM imports WHERE {column} = ? ORDER BY undone_at IS NULL DESC, id DESC LIMIT 1", [value]
        )
    if row is None:
        raise InvalidInput(f"Nothing was imported from {what} into this study.")
    if row["undone_at"]:
        raise InvalidInput(
            f"The import {row['id']} of {row['file_name']} was taken back already, at {row['undone_at']}."
        )
    if row["row_count"] == 0 and under_way(db):
        raise Conflict(f"The import {row['id']} of {row['file_name']} is under way. Take it back when it is done.")
    return row


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
