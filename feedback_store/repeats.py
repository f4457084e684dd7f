"""Repeats: a person's own earlier pair asked again with the sides swapped, to see how steady their answers are.

A repeat is a comparison of its own, reserved for that person. It tells about people, never trains.
"""

import json

from feedback_store import comparisons
from feedback_store.askable import COLUMNS, NOT_ANSWERED, NOT_HELD
from feedback_store.comparisons import NewComparison
from feedback_store.database import Database, Row

_WAITING = f"""
SELECT {COLUMNS} FROM comparisons c WHERE c.reserved_for = :annotator AND c.withdrawn = 0 AND c.held_back = 0
  AND c.answers < c.overlap AND c.purpose = 'repeat'
  AND {NOT_ANSWERED} AND {NOT_HELD} ORDER BY c.id LIMIT 1"""
_FAR_ENOUGH_BACK = """
SELECT id FROM live_judgments WHERE annotator_id = :annotator AND import_id IS NULL
ORDER BY id DESC LIMIT 1 OFFSET :after"""
_NOT_REPEATED = """
SELECT c.id, c.round_id, j.shown FROM live_judgments j JOIN comparisons c ON c.id = j.comparison_id
WHERE j.annotator_id = :annotator AND j.id <= :latest AND j.import_id IS NULL AND j.ranks IS NOT NULL
  AND j.shown IS NOT NULL AND c.purpose = 'training' AND c.held_back = 0
  AND NOT EXISTS (SELECT 1 FROM comparisons r WHERE r.repeats_id = c.id AND r.reserved_for = :annotator)
ORDER BY j.id DESC LIMIT 1"""


def next_repeat(db: Database, annotator_id: int, *, after: int, now: str) -> Row | None:
    """Return the repeat to ask a person now, made where none waits; None where no answer is `after` own answers back.

    Inside the caller's transaction.
    """
    waiting = db.row(_WAITING, {"annotator": annotator_id, "now": now})
    if waiting is not None:
        return waiting
    latest = db.value(_FAR_ENOUGH_BACK, {"annotator": annotator_id, "after": after})
    source = db.row(_NOT_REPEATED, {"annotator": annotator_id, "latest": latest}) if latest else None
    if source is None:
        return None
    repeated = comparisons.get(db, source["id"])
    new = NewComparison(
        repeated.prompt_id,
        repeated.completion_ids,
        purpose="repeat",
        chosen_by="repeat",
        is_random=False,
        priority=repeated.priority,
        repeats_id=repeated.id,
        reserved_for=annotator_id,
    )
    comparison_id = comparisons.insert(db, new, round_id=source["round_id"], now=now)
    return db.row(f"SELECT {COLUMNS} FROM comparisons c WHERE c.id = ?", [comparison_id])


def swapped_sides(db: Database, comparison_id: int) -> list[int] | None:
    """Return the order of the sides for a repeat: the other way round than the person saw them; None for no repeat."""
    shown = db.value(
        "SELECT j.shown FROM comparisons c JOIN judgments j ON j.annotator_id = c.reserved_for"
        " AND j.comparison_id = c.repeats_id WHERE c.id = ? AND j.shown IS NOT NULL ORDER BY j.id DESC LIMIT 1",
        [comparison_id],
    )
    return json.loads(shown)[::-1] if shown else None
