"""Who worked on which day, as a table for a spreadsheet."""

import csv
import io
from collections.abc import Callable

from feedback_store import annotators, frames, pseudonyms, work, work_table
from feedback_store.database import Database

NOW = "2026-11-23T10:00:00.000Z"


def rows_of(db: Database, *, names: bool) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(work_table.work_csv(db, names=names)), newline="")))


def test_a_line_says_how_much_a_person_did_on_a_day_and_how_well(
    db: Database, compare: Callable, judge: Callable
) -> None:
    plain, check, other, skip = compare(db, 4)
    db.execute("UPDATE comparisons SET purpose = 'check', expert = '[1,2]' WHERE id IN (?, ?)", [check, other])
    judge(db, plain, [1, 2], name="=ann", milliseconds=30_000)
    judge(db, check, [1, 2], name="=ann", milliseconds=600_000)
    judge(db, other, [2, 1], name="=ann")
    judge(db, skip, None, name="=ann", skipped="language", milliseconds=30_000)
    annotators.ensure(db, "robot", "simulated")
    judge(db, plain, [1, 2], name="robot")
    (row,) = rows_of(db, names=True)
    day = row.pop("day")
    assert row == {
        "person": "'=ann", "judgments": "4", "skips": "1", "active_minutes": "3.0", "checks": "2",
        "check_accuracy": "0.500",
    }  # fmt: skip
    frame = work.by_person_and_day(frames.judgments(db)).set_index("annotator").loc["=ann"]
    assert (day, frame["judgments"], frame["active_minutes"]) == (f"{frame['day']:%Y-%m-%d}", 4, 3.0)
    assert (frame["skips"], frame["checks"], frame["check_accuracy"]) == (1, 2, 0.5)


def test_leads_read_pseudonyms(db: Database, compare: Callable, judge: Callable) -> None:
    (plain,) = compare(db, 1)
    judge(db, plain, [1, 2], name="ann")
    assert [row["person"] for row in rows_of(db, names=False)] == [pseudonyms.of(pseudonyms.secret_key(db), "ann")]
    assert "ann" not in "".join(work_table.work_csv(db, names=False))


def test_nobody_at_work_is_a_table_of_its_columns(db: Database) -> None:
    assert list(work_table.work_csv(db, names=True)) == [",".join(work_table.COLUMNS) + "\r\n"]
