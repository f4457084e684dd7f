"""What went past its limit while a policy was trained: rows of the run, which pages show. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass

from feedback_store import run_records
from feedback_store.database import Database

ALARMS = "alarms"  # the series of a run's metrics: per step a reading for each alarm and one for its limit
_LIMIT = ".limit"


@dataclass(frozen=True)
class RunAlarm:
    """An alarm (policy_training/guards.py says what its code means) at the iteration that raised it."""

    step: int
    code: str
    value: float | None
    limit: float | None


def of(db: Database, run_id: int) -> list[RunAlarm]:
    """The alarms of a run, in order."""
    return [
        RunAlarm(row.step, code, value, row.values.get(code + _LIMIT))
        for row in run_records.metrics(db, run_id, ALARMS)
        for code, value in row.values.items()
        if not code.endswith(_LIMIT)
    ]
