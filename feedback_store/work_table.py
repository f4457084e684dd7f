"""Who worked on which day, as a table for a spreadsheet: to see to it that everybody is paid and nobody overworked.

The same numbers as work.by_person_and_day gives over a frame, but person by person, in flat memory, and only of what
people answered here: simulated people and imports are not work. Days are UTC days on which answers were stored.
"""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from feedback_store import annotators, check_answers, pseudonyms
from feedback_store.annotators import Annotator
from feedback_store.database import Database
from feedback_store.spreadsheet_cells import escaped
from feedback_store.work import MOST_SECONDS

COLUMNS = ("person", "day", "judgments", "skips", "active_minutes", "checks", "check_accuracy")
OWN_COLUMNS = ("day", "judgments", "skips", "active_minutes")


@dataclass(frozen=True)
class WorkedDay:
    """What one person did on a UTC day. `judgments` count skips too; `active_minutes` as in work_csv."""

    day: str
    judgments: int
    skips: int
    active_minutes: float


def work_csv(db: Database, *, names: bool) -> Iterator[str]:
    """Yield a CSV (RFC 4180) line by line: one line a person and day, by when people came, then by day.

    `names`: people by their names (for admins), else by pseudonyms. `judgments` count skips too; `active_minutes`: as
    long as pairs were visible, at most MOST_SECONDS each; `check_accuracy`: share of check questions in use that were
    answered at first as the expert did, empty where there was none. Cells are those of spreadsheet_cells.py.
    """
    known_as: Callable[[str], str] = str if names else partial(pseudonyms.of, pseudonyms.secret_key(db))
    yield _line(COLUMNS)
    for person in annotators.listing(db):
        if person.kind == "person":
            yield from (_line(cells) for cells in _days(db, person, escaped(known_as(person.name))))


def days_of(db: Database, annotator_id: int) -> list[WorkedDay]:
    """Return the days on which a person answered, oldest first."""
    rows = db.rows(_BY_DAY, {"annotator": annotator_id, "most": int(MOST_SECONDS * 1000)})
    return [WorkedDay(row["day"], row["judgments"], row["skips"], (row["visible"] or 0) / 60_000) for row in rows]


def own_csv(db: Database, annotator_id: int) -> Iterator[str]:
    """Yield a person's own days as CSV, line by line, for themselves: so without what check questions say of them."""
    yield _line(OWN_COLUMNS)
    for worked in days_of(db, annotator_id):
        yield _line((worked.day, worked.judgments, worked.skips, f"{worked.active_minutes:.1f}"))


def _days(db: Database, person: Annotator, called: str) -> Iterator[tuple[object, ...]]:
    checks = _checks(db, person.id)
    for worked in days_of(db, person.id):
        right = checks.get(worked.day, [])
        accuracy = f"{sum(right) / len(right):.3f}" if right else ""
        minutes = f"{worked.active_minutes:.1f}"
        yield called, worked.day, worked.judgments, worked.skips, minutes, len(right), accuracy


def _checks(db: Database, annotator_id: int) -> dict[str, list[bool]]:
    """By day, whether each check question was answered as the expert did."""
    found: dict[str, list[bool]] = {}
    for row in db.rows(_CHECKS, {"annotator": annotator_id}):
        found.setdefault(row["day"], []).append(check_answers.is_right(row))
    return found


def _line(cells: tuple[object, ...]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


_BY_DAY = """
SELECT substr(created_at, 1, 10) AS day, COUNT(*) AS judgments, COUNT(skipped) AS skips,
    SUM(MIN(milliseconds, :most)) AS visible
FROM live_judgments WHERE annotator_id = :annotator AND import_id IS NULL GROUP BY 1 ORDER BY 1"""
_CHECKS = f"""
SELECT substr(j.created_at, 1, 10) AS day, j.ranks, c.expert
FROM comparisons c CROSS JOIN judgments j ON j.comparison_id = c.id AND j.annotator_id = :annotator
WHERE {check_answers.IN_USE} AND {check_answers.FIRST} AND j.import_id IS NULL"""
