"""Pairs that nobody is asked, because a text of theirs says which model wrote it, until a lead decides.

Retired check questions are marked in the same way (check_questions.py); they are none of these.
"""

from feedback_store import audit, comparisons
from feedback_store.database import Database
from feedback_store.errors import InvalidInput


def listing(db: Database, *, limit: int = 20, offset: int = 0) -> tuple[list[int], int]:
    """Return the ids of pairs that wait for a decision, the oldest first, and how many there are."""
    rows = db.rows(f"SELECT id {_WAITING} ORDER BY id LIMIT ? OFFSET ?", [limit, offset])
    return [row["id"] for row in rows], int(db.value(f"SELECT COUNT(*) {_WAITING}") or 0)


def decide(db: Database, public_id: str, *, serve: bool, by: str, now: str | None = None) -> None:
    """Let people be asked a pair after all, or keep it out for good. Raises InvalidInput for one that does not wait."""
    with db.transaction():
        pair = comparisons.get(db, public_id)
        if not pair.held_back or pair.withdrawn or pair.purpose == "check":
            raise InvalidInput(f"The pair {public_id} does not wait for a decision: somebody decided it already.")
        change = "held_back = 0" if serve else "withdrawn = 1"
        db.execute(f"UPDATE comparisons SET {change} WHERE id = ?", [pair.id])
        action = "serve held back pair" if serve else "keep out held back pair"
        audit.note(db, actor=by, action=action, subject=f"comparison {pair.id}", now=now)


_WAITING = "FROM comparisons WHERE held_back = 1 AND withdrawn = 0 AND purpose <> 'check'"
