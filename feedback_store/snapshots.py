"""Label snapshots: which judgments a training sees, chosen and written down."""

from collections.abc import Collection
from dataclasses import dataclass

from feedback_store import judgments, preferences, runs
from feedback_store.database import Database
from feedback_store.runs import Lease


@dataclass(frozen=True)
class Taken:
    """A run that wrote down which judgments it saw, and what it made of them (names, None where nothing)."""

    run: int
    kind: str
    status: str
    created_at: str
    reward_model: str | None
    policy: str | None


def listing(db: Database, limit: int = 200) -> list[Taken]:
    """Return the runs whose snapshot can be exported, the newest first."""
    rows = db.rows(
        "SELECT r.id AS run, r.kind, r.status, r.created_at, m.name AS reward_model, p.name AS policy FROM runs r"
        " LEFT JOIN reward_models m ON m.run_id = r.id LEFT JOIN policies p ON p.run_id = r.id"
        " WHERE EXISTS (SELECT 1 FROM run_judgments s WHERE s.run_id = r.id) ORDER BY r.id DESC LIMIT ?",
        [limit],
    )
    return [Taken(**row) for row in rows]


def take(db: Database, lease: Lease, *, on_prompts: Collection[int] | None = None) -> list[int]:
    """Write down as a run's snapshot the judgments that amount to preferences now; return their ids, in order.

    With `on_prompts` only those outside the hold-out on these prompts: what trains a policy straight.
    They are read before the write lock is taken, so that submits do not wait; what counts no more by then (replaced,
    undone, taken back with its import, of somebody who was left out) is not in it. Raises LeaseLost.
    """
    found = preferences.derive(db)
    if on_prompts is not None:
        prompts = set(on_prompts)
        found = [one for one in found if one.split != "holdout" and one.prompt_id in prompts]
    with db.transaction():
        used = judgments.counting(db, {one.judgment_id for one in found})
        if used:
            runs.snapshot(db, lease, used)
    return used
