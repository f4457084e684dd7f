"""What a run leaves behind besides its result: metrics, log lines, and the judgments that it saw."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from feedback_store import canonical, clock
from feedback_store.database import Database
from feedback_store.leases import Lease, fence, finite, storable


@dataclass(frozen=True)
class Metric:
    """One point of a series: its readings by name (None where a reading was not finite)."""

    series: str
    step: int
    values: dict[str, float | None]
    at: str


@dataclass(frozen=True)
class LogLine:
    """One line of a run's log. `level`: info, warning or error."""

    id: int
    at: str
    level: str
    text: str


def add_metrics(
    db: Database, lease: Lease, series: str, step: int, values: dict[str, Any], now: str | None = None
) -> None:
    """Store the readings of a step. A resumed run repeats steps: readings of the same name are replaced, others stay.

    Raises LeaseLost.
    """
    with db.transaction():
        fence(db, lease)
        before = db.value(
            "SELECT readings FROM run_metrics WHERE run_id = ? AND series = ? AND step = ?",
            [lease.run_id, series, step],
        )
        readings = {**json.loads(before or "{}"), **finite(values)}
        db.execute(
            "INSERT INTO run_metrics (run_id, series, step, readings, at) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (run_id, series, step) DO UPDATE SET readings = excluded.readings, at = excluded.at",
            [lease.run_id, series, step, canonical.dumps(readings), now or clock.now()],
        )


def metrics(db: Database, run_id: int, series: str | None = None) -> list[Metric]:
    """Return a run's metrics by series and step."""
    rows = db.rows(
        "SELECT series, step, readings, at FROM run_metrics WHERE run_id = :run AND (:series IS NULL OR series = "
        ":series)"
        " ORDER BY series, step",
        {"run": run_id, "series": series},
    )
    return [Metric(row["series"], row["step"], json.loads(row["readings"]), row["at"]) for row in rows]


def take_over_metrics(db: Database, lease: Lease, from_run: int, below: int) -> None:
    """Copy the readings of an earlier run's steps below `below` to the run that goes on from there. Raises LeaseLost.

    Readings that the run has already stay.
    """
    with db.transaction():
        fence(db, lease)
        db.execute(
            "INSERT INTO run_metrics (run_id, series, step, readings, at)"
            " SELECT ?, series, step, readings, at FROM run_metrics WHERE run_id = ? AND step < ?"
            " ON CONFLICT (run_id, series, step) DO NOTHING",
            [lease.run_id, from_run, below],
        )


def log(db: Database, lease: Lease, text: str, level: str = "info", now: str | None = None) -> None:
    """Add a line to the run's log. Raises LeaseLost."""
    with db.transaction():
        fence(db, lease)
        db.execute(
            "INSERT INTO run_logs (run_id, at, level, text) VALUES (?, ?, ?, ?)",
            [lease.run_id, now or clock.now(), level, storable(text)],
        )


def logs(db: Database, run_id: int, after: int = 0, limit: int = 1000) -> list[LogLine]:
    """Return a run's log lines with an id above `after`, oldest first."""
    rows = db.rows(
        "SELECT id, at, level, text FROM run_logs WHERE run_id = ? AND id > ? ORDER BY id LIMIT ?",
        [run_id, after, limit],
    )
    return [LogLine(**row) for row in rows]


def latest_logs(db: Database, run_id: int, before: int | None = None, limit: int = 200) -> list[LogLine]:
    """Return a run's last log lines (those with an id below `before`), oldest first."""
    rows = db.rows(
        "SELECT id, at, level, text FROM run_logs WHERE run_id = :run AND (:before IS NULL OR id < :before)"
        " ORDER BY id DESC LIMIT :limit",
        {"run": run_id, "before": before, "limit": limit},
    )
    return [LogLine(**row) for row in reversed(rows)]


def snapshot(db: Database, lease: Lease, judgment_ids: Sequence[int]) -> int:
    """Store which judgments the run sees and return the snapshot's id (the run's). Raises LeaseLost.

    The first snapshot of a run stays: a resumed run calls `judgments_of` and sees what it saw before.
    """
    with db.transaction():
        fence(db, lease)
        if db.value("SELECT 1 FROM run_judgments WHERE run_id = ? LIMIT 1", [lease.run_id]) is None:
            db.execute(
                "INSERT INTO run_judgments (run_id, judgment_id) SELECT DISTINCT ?, value FROM json_each(?)",
                [lease.run_id, json.dumps(list(judgment_ids))],
            )
    return lease.run_id


def judgments_of(db: Database, run_id: int) -> list[int]:
    """Return the ids of the judgments that a run saw."""
    return [
        row["judgment_id"]
        for row in db.rows("SELECT judgment_id FROM run_judgments WHERE run_id = ? ORDER BY judgment_id", [run_id])
    ]


def runs_that_saw(db: Database, judgment_id: int) -> list[int]:
    """Return the ids of the runs that saw a judgment: what it helped to train."""
    return [
        row["run_id"]
        for row in db.rows("SELECT run_id FROM run_judgments WHERE judgment_id = ? ORDER BY run_id", [judgment_id])
    ]
