"""What a run is computed on and with: versions, processor, threads, device, precision. Kept by its first attempt, and
shown with the run. Torch-free.

"Bit-equal" is claimed for an equal environment alone: where a later attempt, or a run that goes on from an earlier one,
has another, it says so in its log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from feedback_store import runs
from feedback_store.database import Database
from feedback_store.runs import Lease

SERIES = "environment"  # of a run's metrics
CHOSEN = ("gradient_checkpointing", "compile")  # added by a run that updates a model: how it does
WORDS = {"cpu_instructions": "processor instructions", "cpu": "processor"}


def read(db: Database, run_id: int) -> dict[str, Any]:
    """What a run began on; empty before it began, and for a run of a version before."""
    kept = runs.metrics(db, run_id, SERIES)
    return dict(kept[0].values) if kept else {}


def keep(db: Database, lease: Lease, found: Mapping[str, Any]) -> None:
    """To what is known of the run's environment already. Raises LeaseLost."""
    runs.add_metrics(db, lease, SERIES, 0, dict(found))


def begin(db: Database, lease: Lease, found: Mapping[str, Any], resumed_from: int | None = None) -> list[str]:
    """Keeps what the first attempt was begun on; returns in words what differs from what the work was begun on, by an
    earlier attempt or by the run that this one goes on from.
    """
    began = read(db, lease.run_id)
    if not began:
        keep(db, lease, found)
        began = read(db, resumed_from) if resumed_from is not None else {}
    return [
        f"{WORDS.get(name, name)} {began[name]}, now {value}"
        for name, value in found.items()
        if name in began and began[name] != value
    ]
