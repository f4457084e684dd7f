"""Rounds: a label on comparisons, opened when a policy is published.

Never a barrier: people go on while a run trains.
"""

from dataclasses import dataclass

from feedback_store import clock, study_settings
from feedback_store.database import Database


@dataclass(frozen=True)
class Round:
    """A round; `policy_id` is the policy whose completions it compares (None in a study without a base)."""

    id: int
    number: int
    policy_id: int | None
    opened_at: str
    closed_at: str | None


def current(db: Database, now: str | None = None) -> Round:
    """Return the open round; opens round 1 where there is none."""
    found = _open(db)
    if found is None:
        with db.transaction():
            found = _open(db) or _insert(db, study_settings.get(db, "current_policy"), now)
    return found


def begin_next(db: Database, policy_id: int, now: str | None = None) -> Round:
    """Close the open round and open the next one for this policy."""
    with db.transaction():
        current(db, now)
        db.execute("UPDATE rounds SET closed_at = ? WHERE closed_at IS NULL", [now or clock.now()])
        return _insert(db, policy_id, now)


def latest_number(db: Database) -> int | None:
    """Return the number of the latest round, None where none was opened yet; opens none."""
    found: int | None = db.value("SELECT MAX(number) FROM rounds")
    return found


def listing(db: Database) -> list[Round]:
    """Return all rounds, oldest first."""
    return [Round(**row) for row in db.rows("SELECT * FROM rounds ORDER BY number")]


def _open(db: Database) -> Round | None:
    row = db.row("SELECT * FROM rounds WHERE closed_at IS NULL ORDER BY number DESC LIMIT 1")
    return Round(**row) if row else None


def _insert(db: Database, policy_id: int | None, now: str | None) -> Round:
    cursor = db.execute(
        "INSERT INTO rounds (number, policy_id, opened_at) SELECT COALESCE(MAX(number), 0) + 1, ?, ? FROM rounds",
        [policy_id, now or clock.now()],
    )
    row = db.row("SELECT * FROM rounds WHERE id = ?", [cursor.lastrowid])
    assert row is not None
    return Round(**row)
