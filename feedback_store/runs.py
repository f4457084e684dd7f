"""The queue of runs: claiming by lease, heartbeats, attempts, cancelling and ending.

What a run is made of stands here; what kinds there are is known to the loop alone. `runs` is the whole face: leases.py
holds the row and the fence, run_records.py what a run leaves behind.
"""

import json
from collections.abc import Sequence
from typing import Any, Literal

from feedback_store import canonical, clock
from feedback_store.database import Database
from feedback_store.errors import InvalidInput
from feedback_store.leases import COLUMNS, Lease, Run, Status, fence, finite, get, require_token, run_of, storable
from feedback_store.run_records import (
    LogLine,
    Metric,
    add_metrics,
    judgments_of,
    log,
    logs,
    metrics,
    runs_that_saw,
    snapshot,
)

__all__ = [
    "Lease", "LogLine", "Metric", "Run", "Status", "active", "add_metrics", "cancel", "cancelled", "claim", "enqueue",
    "expire_leases",
    "fail", "fence", "finite", "get", "heartbeat", "judgments_of", "listing", "log", "logs", "metrics", "release",
    "require_token",
    "runs_that_saw", "snapshot", "succeed",
]  # fmt: skip


def enqueue(
    db: Database, kind: str, config: dict[str, Any], *, priority: int = 0, max_attempts: int = 3, now: str | None = None
) -> Run:
    """Queue a run. Raises InvalidInput for a config that is no JSON."""
    canonical.require_clean(config, "config of the run")
    text = canonical.dumps(config)
    with db.transaction():
        cursor = db.execute(
            "INSERT INTO runs (kind, config, priority, max_attempts, created_at) VALUES (?, ?, ?, ?, ?)",
            [kind, text, priority, max_attempts, now or clock.now()],
        )
        return get(db, int(cursor.lastrowid))


def claim(
    db: Database,
    worker: str,
    *,
    lease_seconds: float,
    kinds: Sequence[str] | None = None,
    min_priority: int | None = None,
    now: str | None = None,
) -> Lease | None:
    """Lease the next run: highest priority first, then the oldest. None where nothing waits.

    A run whose lease expired is taken over, with attempt + 1; if it was asked to stop it ends as cancelled, and if its
    worker died max_attempts times as failed, with the likely reason.
    """
    moment = now or clock.now()
    with db.transaction():
        _end_the_abandoned(db, moment)
        row = db.row(
            "SELECT id, token FROM runs WHERE (status = 'queued' OR (status = 'running' AND lease_expires_at <= :now))"
            " AND (:kinds IS NULL OR kind IN (SELECT value FROM json_each(:kinds)))"
            " AND (:least IS NULL OR priority >= :least) ORDER BY priority DESC, id LIMIT 1",
            {"now": moment, "kinds": None if kinds is None else json.dumps(list(kinds)), "least": min_priority},
        )
        if row is None:
            return None
        db.execute(
            "UPDATE runs SET status = 'running', attempt = attempt + 1, token = token + 1, worker = ?,"
            " lease_expires_at = ?, heartbeat_at = ?, started_at = COALESCE(started_at, ?) WHERE id = ?",
            [worker, clock.after(moment, lease_seconds), moment, moment, row["id"]],
        )
        return Lease(row["id"], row["token"] + 1, worker)


def heartbeat(
    db: Database, lease: Lease, *, lease_seconds: float, progress: dict[str, Any] | None = None, now: str | None = None
) -> Literal["continue", "cancel"]:
    """Prolong the lease and store progress; tells whether the run was asked to stop. Raises LeaseLost."""
    moment = now or clock.now()
    with db.transaction():
        fence(db, lease)
        db.execute(
            "UPDATE runs SET lease_expires_at = ?, heartbeat_at = ?, progress = COALESCE(?, progress) WHERE id = ?",
            [
                clock.after(moment, lease_seconds), moment,
                None if progress is None else canonical.dumps(finite(progress)), lease.run_id,
            ],
        )  # fmt: skip
        asked = db.value("SELECT cancel_asked_at FROM runs WHERE id = ?", [lease.run_id])
    return "cancel" if asked else "continue"


def release(db: Database, lease: Lease) -> None:
    """Put the run back into the queue; the attempt does not count. Raises LeaseLost."""
    with db.transaction():
        fence(db, lease)
        db.execute(
            "UPDATE runs SET status = 'queued', attempt = attempt - 1, lease_expires_at = NULL, worker = NULL WHERE id "
            "= ?",
            [lease.run_id],
        )


def expire_leases(db: Database, worker: str, now: str | None = None) -> int:
    """Let the leases of a worker that is known to be dead end now, so that its runs go on at once; returns how many."""
    with db.transaction():
        cursor = db.execute(
            "UPDATE runs SET lease_expires_at = ? WHERE status = 'running' AND worker = ?", [now or clock.now(), worker]
        )
    return int(cursor.rowcount)


def succeed(db: Database, lease: Lease, result: dict[str, Any], now: str | None = None) -> None:
    """End the run as succeeded; again by the same lease it adds to the result. Raises LeaseLost."""
    with db.transaction():
        run = require_token(db, lease)
        if run.status == "succeeded":
            merged = canonical.dumps({**(run.result or {}), **finite(result)})
            db.execute("UPDATE runs SET result = ? WHERE id = ?", [merged, run.id])
            return
        fence(db, lease)
        _end(db, run.id, "succeeded", now, result=canonical.dumps(finite(result)))


def fail(db: Database, lease: Lease, error: str, now: str | None = None) -> None:
    """End the run as failed, with words. Raises LeaseLost."""
    with db.transaction():
        fence(db, lease)
        _end(db, lease.run_id, "failed", now, error=storable(error))


def cancelled(db: Database, lease: Lease, now: str | None = None) -> None:
    """End the run as cancelled, by its worker. Raises LeaseLost."""
    with db.transaction():
        fence(db, lease)
        _end(db, lease.run_id, "cancelled", now)


def cancel(db: Database, run_id: int, now: str | None = None) -> Run:
    """Cancel a run: a queued one at once, a running one is asked to stop. Raises InvalidInput for one that ended."""
    with db.transaction():
        run = get(db, run_id)
        if run.status == "queued":
            _end(db, run_id, "cancelled", now)
        elif run.status == "running":
            db.execute(
                "UPDATE runs SET cancel_asked_at = COALESCE(cancel_asked_at, ?) WHERE id = ?",
                [now or clock.now(), run_id],
            )
        elif run.status != "cancelled":
            raise InvalidInput(f"Run {run_id} has {run.status} already; only a queued or running run can be cancelled.")
        return get(db, run_id)


def listing(db: Database, limit: int = 50, kind: str | None = None, status: str | None = None) -> list[Run]:
    """Return the latest runs, newest first."""
    return [
        run_of(row)
        for row in db.rows(
            f"SELECT {COLUMNS} FROM runs WHERE (:kind IS NULL OR kind = :kind) AND (:status IS NULL OR status = "
            ":status)"
            " ORDER BY id DESC LIMIT :limit",
            {"kind": kind, "status": status, "limit": limit},
        )
    ]


def active(db: Database, kind: str | None = None) -> list[Run]:
    """Return what is queued or running, in the order in which it will be claimed."""
    rows = db.rows(
        f"SELECT {COLUMNS} FROM runs WHERE status IN ('queued', 'running') AND (:kind IS NULL OR kind = :kind)"
        " ORDER BY priority DESC, id",
        {"kind": kind},
    )
    return [run_of(row) for row in rows]


def _end_the_abandoned(db: Database, moment: str) -> None:
    rows = db.rows("SELECT * FROM runs WHERE status = 'running' AND lease_expires_at <= ?", [moment])
    for row in rows:
        if row["cancel_asked_at"]:
            _end(db, row["id"], "cancelled", moment)
        elif row["attempt"] >= row["max_attempts"]:
            last_error = db.value(
                "SELECT text FROM run_logs WHERE run_id = ? AND level = 'error' ORDER BY id DESC LIMIT 1", [row["id"]]
            )
            times = "once" if row["attempt"] == 1 else f"{row['attempt']} times"
            reason = last_error or "it was killed, probably because memory ran out"
            heard = f"last heard of at {row['heartbeat_at']}"
            said = f"The worker died {times} during this run, {heard}. Likely reason: {reason}."
            _end(db, row["id"], "failed", moment, error=said)


def _end(
    db: Database, run_id: int, status: str, now: str | None, *, result: str | None = None, error: str | None = None
) -> None:
    db.execute(
        "UPDATE runs SET status = ?, ended_at = ?, lease_expires_at = NULL, result = ?, error = ? WHERE id = ?",
        [status, now or clock.now(), result, error, run_id],
    )
