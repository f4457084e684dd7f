"""Reward models: one row for each that a run trained and published."""

import json
from dataclasses import dataclass
from typing import Any

from feedback_store import canonical, clock, policies, runs
from feedback_store.database import Database, Row
from feedback_store.errors import InvalidInput


@dataclass(frozen=True)
class RewardModel:
    """A published reward model; `folder` is relative to the study."""

    id: int
    name: str
    folder: str
    base_sha256: str
    manifest_sha256: str
    run_id: int
    metrics: dict[str, Any]
    created_at: str


def next_number(db: Database, run_id: int | None = None) -> int:
    """Return the number that the next reward model gets.

    For a run that has published already, the number that it got.
    """
    return policies.number_after(db, "SELECT name, run_id FROM reward_models WHERE name LIKE ?", "reward", run_id)


def publish(
    db: Database,
    lease: runs.Lease,
    *,
    folder: str,
    base_sha256: str,
    manifest_sha256: str,
    metrics: dict[str, Any],
    result: dict[str, Any] | None = None,
    now: str | None = None,
) -> RewardModel:
    """Store a trained reward model and end its run as succeeded, in one fenced transaction.

    The run's result is `result` plus reward_model_id, reward_model and metrics. The same run publishing again gets the
    row that it made. Raises LeaseLost for a worker that lost its run, and then stores nothing.
    """
    moment = now or clock.now()
    with db.transaction():
        runs.require_token(db, lease)
        row = db.row("SELECT * FROM reward_models WHERE run_id = ?", [lease.run_id])
        if row is not None:
            return _reward_model(row)
        runs.fence(db, lease)
        name = f"reward-{next_number(db)}"
        cursor = db.execute(
            "INSERT INTO reward_models (name, folder, base_sha256, manifest_sha256, run_id, metrics, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [name, folder, base_sha256, manifest_sha256, lease.run_id, canonical.dumps(runs.finite(metrics)), moment],
        )
        model = get(db, int(cursor.lastrowid))
        outcome = {**(result or {}), "reward_model_id": model.id, "reward_model": model.name, "metrics": model.metrics}
        runs.succeed(db, lease, outcome, now=moment)
        return model


def get(db: Database, reward_model_id: int) -> RewardModel:
    """Return a reward model by id. Raises InvalidInput where there is none."""
    row = db.row("SELECT * FROM reward_models WHERE id = ?", [reward_model_id])
    if row is None:
        names = (
            ", ".join(f"{model.id} ({model.name})" for model in listing(db))
            or "none yet; train one with `train-reward`"
        )
        raise InvalidInput(f"There is no reward model {reward_model_id}. This study has: {names}.")
    return _reward_model(row)


def listing(db: Database) -> list[RewardModel]:
    """Return all reward models in id order."""
    return [_reward_model(row) for row in db.rows("SELECT * FROM reward_models ORDER BY id")]


def latest_id(db: Database) -> int:
    """Return the id of the reward model that was published last, 0 before the first: it tells whether there is a newer
    one without reading its figures.
    """
    return int(db.value("SELECT MAX(id) FROM reward_models") or 0)


def latest(db: Database) -> RewardModel | None:
    """Return the reward model that was published last, or None."""
    row = db.row("SELECT * FROM reward_models ORDER BY id DESC LIMIT 1")
    return _reward_model(row) if row else None


def _reward_model(row: Row) -> RewardModel:
    return RewardModel(**{**row, "metrics": json.loads(row["metrics"])})
