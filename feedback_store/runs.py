"""The queue of runs: claiming by lease, heartbeats, attempts, waiting for others, cancelling, retrying and ending.

What a run is made of stands here; what kinds there are is known to the loop alone. `runs` is the whole face: leases.py
holds the row and the fence, run_records.py what a run leaves behind.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
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
    take_over_metrics,
)

__all__ = [
    "Lease",
    "LogLine",
    "Metric",
    "Run",
    "Status",
    "active",
    "add_metrics",
    "cancel",
    "cancelled",
    "claim",
    "count",
    "enqueue",
    "expire_leases",
    "fail",
    "fence",
    "finite",
    "get",
    "heartbeat",
    "judgments_of",
    "keep_progress",
    "latest_retry",
    "listing",
    "log",
    "logs",
    "metrics",
    "related",
    "release",
    "require_token",
    "retry",
    "runs_that_saw",
    "snapshot",
    "succeed",
    "take_over_metrics",
]  # fmt: skip

MOST_RETRIES = 3


def enqueue(
    db: Database,
    kind: str,
    config: dict[str, Any],
    *,
    needs: Sequence[int] = (),
    priority: int = 0,
    max_attempts: int = 3,
    now: str | None = None,
) -> Run:
    """Queue a run; it is claimed only when all runs that it `needs` have succeeded, and is cancelled if one cannot.

    Raises InvalidInput for a config that is no JSON, and where a needed run is not there, failed or was cancelled.
    """
    canonical.require_clean(config, "config of the run")
    with db.transaction():
        return _enqueue(db, kind, config, needs, priority, max_attempts, None, now)


def retry(db: Database, run_id: int, now: str | None = None, *, config: dict[str, Any] | None = None) -> Run:
    """Queue a failed or cancelled run again, as a new run of the same config; what the old one left behind stays.

    `config`: settings of the new run where they are not the old one's. It needs what the old run needed, or what was
    retried in its place. Raises InvalidInput for a run that did not fail, that was retried already, or that is the last
    of MOST_RETRIES retries.
    """
    with db.transaction():
        run = get(db, run_id)
        if run.status not in ("failed", "cancelled"):
            raise InvalidInput(f"Run {run_id} is {run.status}; only a run that failed or was cancelled can be retried.")
        latest = latest_retry(db, run_id)
        if latest != run_id:
            raise InvalidInput(f"Run {run_id} was retried already; the latest retry is run {latest}.")
        if retries_left(db, run_id) == 0:
            raise InvalidInput(
                f"Run {run_id} is retry {MOST_RETRIES} of {MOST_RETRIES} of the same work: see its log for what goes "
                "wrong, and start a new run once that is put right."
            )
        needs = [latest_retry(db, needed) for needed in run.needs]
        return _enqueue(
            db, run.kind, run.config if config is None else config, needs, run.priority, run.max_attempts, run_id, now
        )


def _enqueue(
    db: Database,
    kind: str,
    config: dict[str, Any],
    needs: Sequence[int],
    priority: int,
    max_attempts: int,
    retries_id: int | None,
    now: str | None,
) -> Run:
    for needed in (get(db, needed_id) for needed_id in needs):
        if needed.status in ("failed", "cancelled"):
            raise InvalidInput(
                f"Run {needed.id} ({needed.kind}) is {needed.status}, so a run that needs it would never start. Retry "
                f"run {needed.id} first."
            )
    cursor = db.execute(
        "INSERT INTO runs (kind, config, priority, max_attempts, retries_id, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        [kind, canonical.dumps(config), priority, max_attempts, retries_id, now or clock.now()],
    )
    run_id = int(cursor.lastrowid)
    for needed_id in sorted(set(needs)):
        db.execute("INSERT INTO run_dependencies (run_id, needs_run_id) VALUES (?, ?)", [run_id, needed_id])
    return get(db, run_id)


def latest_retry(db: Database, run_id: int) -> int:
    """Return the run that stands for a run now: the last of those that retry it, else itself."""
    return int(
        db.value(
            "WITH RECURSIVE chain (id) AS (SELECT ? UNION ALL SELECT r.id FROM runs r JOIN chain ON r.retries_id ="
            " chain.id) SELECT MAX(id) FROM chain",
            [run_id],
        )
    )


def retries_left(db: Database, run_id: int) -> int:
    """How many more retries of the same work there may be after a run, of MOST_RETRIES."""
    before = db.value(
        "WITH RECURSIVE chain (id) AS (SELECT retries_id FROM runs WHERE id = ? UNION ALL SELECT r.retries_id FROM"
        " runs r JOIN chain ON r.id = chain.id WHERE chain.id IS NOT NULL) SELECT COUNT(id) FROM chain",
        [run_id],
    )
    return max(0, MOST_RETRIES - int(before))


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
            _CLAIMABLE,
            {"now": moment, "kinds": None if kinds is None else json.dumps(list(kinds)), "least": min_priority},
        )
        if row is None:
            return None
        before = get(db, row["id"])
        db.execute(
            "UPDATE runs SET status = 'running', attempt = attempt + 1, token = token + 1, worker = ?,"
            " lease_expires_at = ?, heartbeat_at = ?, started_at = COALESCE(started_at, ?), attempt_started_at = ?,"
            " earlier_seconds = ? WHERE id = ?",
            [
                worker, clock.after(moment, lease_seconds), moment, moment, moment, before.seconds_at_work or 0.0,
                before.id,
            ],
        )  # fmt: skip
        return Lease(before.id, before.token + 1, worker, taken_over=before.status == "running")


# "status IN" lets SQLite read the partial index of what waits, in the order of the claims, instead of all runs.
_CLAIMABLE = """
SELECT id FROM runs
WHERE status IN ('queued', 'running') AND (status = 'queued' OR lease_expires_at <= :now)
  AND (:kinds IS NULL OR kind IN (SELECT value FROM json_each(:kinds)))
  AND (:least IS NULL OR priority >= :least)
  AND NOT EXISTS (SELECT 1 FROM run_dependencies d JOIN runs n ON n.id = d.needs_run_id
    WHERE d.run_id = runs.id AND n.status <> 'succeeded')
ORDER BY priority DESC, id LIMIT 1"""


def heartbeat(
    db: Database,
    lease: Lease,
    *,
    lease_seconds: float,
    progress: dict[str, Any] | None = None,
    slept: bool = False,
    now: str | None = None,
) -> Literal["continue", "cancel"]:
    """Prolong the lease and store progress; tells whether the run was asked to stop. Where the machine `slept`, the
    time since the last that was heard is not the run's. Raises LeaseLost.
    """
    moment = now or clock.now()
    with db.transaction():
        fence(db, lease)
        if slept and get(db, lease.run_id).attempt_started_at is not None:
            _bank_time_at_work(db, lease.run_id)
            db.execute("UPDATE runs SET attempt_started_at = ? WHERE id = ?", [moment, lease.run_id])
        db.execute(
            "UPDATE runs SET lease_expires_at = ?, heartbeat_at = ?, progress = COALESCE(?, progress) WHERE id = ?",
            [
                clock.after(moment, lease_seconds), moment,
                None if progress is None else canonical.dumps(finite(progress)), lease.run_id,
            ],
        )  # fmt: skip
        asked = db.value("SELECT cancel_asked_at FROM runs WHERE id = ?", [lease.run_id])
    return "cancel" if asked else "continue"


def renew(db: Database, lease: Lease, *, lease_seconds: float, now: str | None = None) -> None:
    """Prolong a lease that is over, and tell nothing else; others are only looked at. Raises LeaseLost."""
    moment = now or clock.now()
    if (require_token(db, lease).lease_expires_at or "") > moment:
        return
    with db.transaction():
        fence(db, lease)
        db.execute(
            "UPDATE runs SET lease_expires_at = ? WHERE id = ?", [clock.after(moment, lease_seconds), lease.run_id]
        )


def pause(db: Database, lease: Lease, now: str | None = None) -> None:
    """From now until `go_on` time is not the run's: its worker does something else first. Raises LeaseLost."""
    moment = now or clock.now()
    with db.transaction():
        fence(db, lease)
        _bank_time_at_work(db, lease.run_id, heard=moment)


def go_on(db: Database, lease: Lease, now: str | None = None) -> None:
    """Time is the run's again. Raises LeaseLost."""
    with db.transaction():
        fence(db, lease)
        # Where the pause was not written the time went on.
        db.execute(
            "UPDATE runs SET attempt_started_at = COALESCE(attempt_started_at, ?) WHERE id = ?",
            [now or clock.now(), lease.run_id],
        )


def keep_progress(db: Database, lease: Lease, progress: dict[str, Any]) -> None:
    """Store the last progress of an attempt that has ended. Raises LeaseLost where another worker got the run since."""
    with db.transaction():
        require_token(db, lease)
        db.execute("UPDATE runs SET progress = ? WHERE id = ?", [canonical.dumps(finite(progress)), lease.run_id])


def release(db: Database, lease: Lease, now: str | None = None) -> None:
    """Put the run back into the queue; the attempt does not count. One that was asked to stop ends as cancelled. Raises
    LeaseLost.
    """
    moment = now or clock.now()
    with db.transaction():
        fence(db, lease)
        if get(db, lease.run_id).cancel_asked_at:
            _end(db, lease.run_id, "cancelled", moment)
            return
        _bank_time_at_work(db, lease.run_id, heard=moment)
        db.execute(
            "UPDATE runs SET status = 'queued', attempt = attempt - 1, lease_expires_at = NULL, worker = NULL"
            " WHERE id = ?",
            [lease.run_id],
        )


def expire_leases(db: Database, worker: str, now: str | None = None) -> int:
    """Let the leases of a worker that is known to be dead end now, so that its runs go on at once; returns how many."""
    with db.transaction():
        cursor = db.execute(
            "UPDATE runs SET lease_expires_at = ? WHERE status IN ('queued', 'running') AND status = 'running'"
            " AND worker = ?",
            [now or clock.now(), worker],
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
    """Cancel a run: a queued one at once, a running one is asked to stop. What waits for it is cancelled when it ends.

    Metrics and log stay. Raises InvalidInput for a run that ended otherwise.
    """
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


def listing(
    db: Database, limit: int = 50, kind: str | None = None, status: str | None = None, offset: int = 0
) -> list[Run]:
    """Return the latest runs, newest first, after `offset` of them."""
    return [
        run_of(row)
        for row in db.rows(
            f"SELECT {COLUMNS} FROM runs WHERE {_FITS} ORDER BY id DESC LIMIT :limit OFFSET :offset",
            {"kind": kind, "status": status, "limit": limit, "offset": offset},
        )
    ]


def count(db: Database, kind: str | None = None, status: str | None = None) -> int:
    """Return how many runs there are."""
    return int(db.value(f"SELECT COUNT(*) FROM runs WHERE {_FITS}", {"kind": kind, "status": status}))


_FITS = "(:kind IS NULL OR kind = :kind) AND (:status IS NULL OR status = :status)"


def related(db: Database, run_id: int) -> dict[str, list[Run]]:
    """Return the runs that a run `needs`, those that need it (`needed_by`) and those that do it over (`retried_by`)."""
    asked = {
        "needs": "id IN (SELECT needs_run_id FROM run_dependencies WHERE run_id = ?)",
        "needed_by": "id IN (SELECT run_id FROM run_dependencies WHERE needs_run_id = ?)",
        "retried_by": "retries_id = ?",
    }
    return {
        name: [run_of(row) for row in db.rows(f"SELECT {COLUMNS} FROM runs WHERE {where} ORDER BY id", [run_id])]
        for name, where in asked.items()
    }


def claims(db: Database) -> int:
    """Return how often runs of the study were taken up, all in all; it only grows."""
    return int(db.value("SELECT COALESCE(SUM(token), 0) FROM runs"))


def active(db: Database, kind: str | None = None) -> list[Run]:
    """Return what is queued or running, in the order in which it will be claimed."""
    rows = db.rows(
        f"SELECT {COLUMNS} FROM runs WHERE status IN ('queued', 'running') AND (:kind IS NULL OR kind = :kind)"
        " ORDER BY priority DESC, id",
        {"kind": kind},
    )
    return [run_of(row) for row in rows]


def _end_the_abandoned(db: Database, moment: str) -> None:
    rows = db.rows(_ABANDONED, [moment])
    for row in rows:
        if row["cancel_asked_at"] or row["attempt"] >= row["max_attempts"]:
            _bank_time_at_work(db, row["id"])
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


def _bank_time_at_work(db: Database, run_id: int, *, heard: str | None = None) -> None:
    """Ends the attempt's time at the moment given, else at the last that was heard of it, whenever that is seen."""
    run = get(db, run_id)
    run = run if heard is None else replace(run, heartbeat_at=heard)
    db.execute(
        "UPDATE runs SET earlier_seconds = ?, attempt_started_at = NULL WHERE id = ?",
        [run.seconds_at_work or 0.0, run_id],
    )


def _end(
    db: Database, run_id: int, status: Status, now: str | None, *, result: str | None = None, error: str | None = None
) -> None:
    moment = now or clock.now()
    _write_end(db, run_id, status, moment, result=result, error=error)
    if status != "succeeded":
        _cancel_what_waits(db, run_id, moment)


def _write_end(
    db: Database, run_id: int, status: Status, moment: str, *, result: str | None = None, error: str | None = None
) -> None:
    db.execute(
        "UPDATE runs SET status = ?, ended_at = ?, lease_expires_at = NULL, result = ?, error = ? WHERE id = ?",
        [status, moment, result, error, run_id],
    )


def _cancel_what_waits(db: Database, run_id: int, moment: str) -> None:
    """End all that waits for a run that will never succeed, and what waits for those in turn."""
    ended = [run_id]
    while ended:
        needed = get(db, ended.pop())
        for row in db.rows(_WAITING, [needed.id]):
            what = "failed" if needed.status == "failed" else "was cancelled"
            said = f"Run {needed.id} ({needed.kind}), which this run needs, {what}. Retry it, then this run."
            _write_end(db, row["run_id"], "cancelled", moment, error=said)
            ended.append(row["run_id"])


_ABANDONED = """
SELECT * FROM runs WHERE status IN ('queued', 'running') AND status = 'running' AND lease_expires_at <= ?"""

_WAITING = """
SELECT d.run_id FROM run_dependencies d JOIN runs r ON r.id = d.run_id WHERE d.needs_run_id = ? AND r.status = 'queued'
ORDER BY d.run_id"""
