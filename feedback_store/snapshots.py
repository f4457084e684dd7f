"""Label snapshots: which judgments a training sees, chosen and written down."""

from feedback_store import exclusions, preferences, runs
from feedback_store.database import Database
from feedback_store.runs import Lease


def take(db: Database, lease: Lease) -> list[int]:
    """Write down as a run's snapshot the judgments that amount to preferences now; return their ids, in order.

    They are read before the write lock is taken, so that submits do not wait; whoever is left out or withdraws in
    between is not in it. Raises LeaseLost.
    """
    found = preferences.derive(db)
    with db.transaction():
        left_out = {one.annotator_id for one in exclusions.current(db)}
        used = sorted({one.judgment_id for one in found if one.annotator_id not in left_out})
        if used:
            runs.snapshot(db, lease, used)
    return used
