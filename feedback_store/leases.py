"""The right to write for a run: its row, its lease, and the check of the fencing token.

A lease carries a token that grows with every claim. Every write of a worker checks it inside the writing transaction
(`fence`), so a worker that was stopped past its lease, and whose run another took, can publish nothing
(https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html).
"""

import json
from dataclasses import dataclass
from typing import Any, Literal

from feedback_store import clock
from feedback_store.database import Database, Row
from feedback_store.errors import InvalidInput, LeaseLost

Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]


@dataclass(frozen=True)
class Run:
    """One durable piece of work.

    `token` is the fencing token of its latest lease; `needs`: the runs that have to succeed before it starts;
    `retries_id`: the run that it does over. `attempt_started_at`: since when time is the run's; None while no attempt
    has begun, the last one gave the run back, or its worker does something else first. `earlier_seconds`: how long it
    was the run's before that.
    """

    id: int
    kind: str
    config: dict[str, Any]
    status: Status
    priority: int
    attempt: int
    max_attempts: int
    token: int
    worker: str | None
    lease_expires_at: str | None
    heartbeat_at: str | None
    cancel_asked_at: str | None
    progress: dict[str, Any]
    error: str | None
    result: dict[str, Any] | None
    created_at: str
    started_at: str | None
    ended_at: str | None
    retries_id: int | None
    attempt_started_at: str | None
    earlier_seconds: float
    needs: list[int]

    @property
    def seconds_at_work(self) -> float | None:
        """How long workers were at it, to its end or the last that was heard of it; the time between attempts does not
        count. None of a run that never started.
        """
        if self.started_at is None:
            return None
        heard = self.ended_at or self.heartbeat_at
        if self.attempt_started_at is None or heard is None:
            return self.earlier_seconds
        return self.earlier_seconds + max(0.0, clock.seconds_between(self.attempt_started_at, heard))


@dataclass(frozen=True)
class Lease:
    """The right to write for a run, as long as no other worker got a newer token. `taken_over`: from a worker that was
    not heard of any more.
    """

    run_id: int
    token: int
    worker: str
    taken_over: bool = False


def get(db: Database, run_id: int) -> Run:
    """Return a run by id. Raises InvalidInput where there is none."""
    row = db.row(f"SELECT {COLUMNS} FROM runs WHERE id = ?", [run_id])
    if row is None:
        raise InvalidInput(f"There is no run {run_id}. `tastemaker runs` lists the runs of a study.")
    return run_of(row)


def require_token(db: Database, lease: Lease) -> Run:
    """Raise LeaseLost if another worker got the run since."""
    run = get(db, lease.run_id)
    if run.token != lease.token:
        raise LeaseLost(
            f"Run {run.id} was leased to {run.worker} (lease {run.token}); {lease.worker} held lease {lease.token}, "
            "which is over. Its work is not stored."
        )
    return run


def fence(db: Database, lease: Lease) -> None:
    """Raise LeaseLost unless the lease is the run's latest and the run still runs.

    Call it inside the transaction that writes.
    """
    run = require_token(db, lease)
    if run.status != "running":
        raise LeaseLost(f"Run {run.id} is {run.status}; {lease.worker} cannot write for it any more.")


def finite(values: dict[str, Any]) -> dict[str, Any]:
    """Return `values` with NaN and infinities, which JSON does not know, as None (inside lists and dicts too)."""
    return {name: _finite(value) for name, value in values.items()}


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return finite(value)
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def storable(text: str) -> str:
    """An error report is kept whatever it holds: what cannot be stored is shown as an escape."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")


COLUMNS = (
    "id, kind, config, status, priority, attempt, max_attempts, token, worker, lease_expires_at, heartbeat_at,"
    " cancel_asked_at, progress, error, result, created_at, started_at, ended_at, retries_id,"
    " attempt_started_at, earlier_seconds,"
    " (SELECT json_group_array(needs_run_id) FROM run_dependencies WHERE run_id = runs.id) AS needs"
)


def run_of(row: Row) -> Run:
    """Return a row of `runs` as a Run."""
    decoded = {name: json.loads(row[name]) if row[name] else None for name in ("config", "progress", "result", "needs")}
    return Run(**{**row, **decoded})
