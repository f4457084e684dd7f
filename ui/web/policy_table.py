"""Rows of the page policies: a policy with what made it, an evaluation with how far it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from feedback_store import evaluations, policies, reward_models, runs
from feedback_store.database import Database
from feedback_store.evaluations import Evaluation
from feedback_store.policies import Policy

LATEST_RUNS = 100
OF_TRAINING = ("score", "kl_nats", "length_tokens", "cut_off", "stopped_early")


def rows(db: Database) -> list[dict[str, Any]]:
    """The study's own policies, the newest first. `figures` are those of the latest evaluate run that had it, `trained`
    those of the run that made it; `judgments` what its reward was trained on.
    """
    found = policies.listing(db)
    names = {policy.id: policy.name for policy in found}
    current = policies.current(db)
    evaluated, rewards = _evaluated(db), {model.name: model for model in reward_models.listing(db)}
    depths = _depths(found)
    shown = []
    for policy in reversed(found):
        reward = rewards.get(str(policy.metrics.get("reward_model")))
        shown.append(
            {
                "id": policy.id,
                "name": policy.name,
                "parent": names.get(policy.parent_id) if policy.parent_id is not None else None,
                "depth": depths[policy.id],
                "current": current is not None and policy.id == current.id,
                "run": policy.run_id,
                "reward_model": reward.name if reward else None,
                "judgments": reward.metrics.get("judgments") if reward else None,
                "created_at": policy.created_at,
                "trained": {name: policy.metrics.get(name) for name in OF_TRAINING},
                "figures": evaluated.get(policy.name),
            }
        )
    return shown


def has_reward(db: Database) -> bool:
    """Whether the best of several texts can be taken: there is a reward."""
    return reward_models.latest(db) is not None


def evaluation_row(db: Database, one: Evaluation, read: Callable[[str | None], str | None]) -> dict[str, Any]:
    """An evaluation with how far it is. While it is sealed nothing here depends on who wrote what. `planned` pairs and
    those of `equal` texts, which were dropped, are known when its run is done; `run` is the latest retry of it.
    """
    progress = evaluations.progress(db, one.id)
    run = runs.get(db, runs.latest_retry(db, one.run_id))
    made: dict[str, Any] = (run.result or {}).get("blind") or {}
    return {
        "id": one.id,
        "sides": [{"policy": side.policy, "best_of": side.best_of} for side in one.sides],
        "wanted": one.wanted,
        "judged": progress.judged,
        "skipped": progress.skipped,
        "made": progress.made,
        "left": progress.left,
        "held_back": progress.held_back,
        "planned": made.get("planned"),
        "equal": made.get("equal"),
        "stop_rule": one.stop_rule,
        "error": one.error,
        "sealed": one.sealed,
        "why": one.unsealed_why,
        "unsealed_at": one.unsealed_at,
        "unsealed_by": read(one.unsealed_by),
        "started_by": read(one.started_by),
        "created_at": one.created_at,
        "run": {"id": run.id, "status": run.status, "error": run.error},
    }


def _evaluated(db: Database) -> dict[str, dict[str, Any]]:
    """The latest automatic figures on held-out prompts by policy, with the run that they are of and what tells whether
    those of two runs are of the same prompts."""
    found: dict[str, dict[str, Any]] = {}
    for run in runs.listing(db, limit=LATEST_RUNS, kind="evaluate"):
        result = run.result or {}
        if run.status != "succeeded" or result.get("split", "holdout") != "holdout":
            continue
        known = {
            "run": run.id,
            "as_of": run.ended_at,
            "reward_model": result.get("reward_model"),
            "prompts": result.get("prompts"),
            "drawn": _drawn(result),
        }
        for name, figures in (result.get("policies") or {}).items():
            found.setdefault(name, {**figures, **known})
    return found


def _drawn(result: Mapping[str, Any]) -> str | None:
    """A hash of the prompts of an evaluation and of what its texts were drawn by; None of an older version's."""
    what = [result.get(key) for key in ("prompt_ids", "run_seed", "samples")]
    return None if None in what else hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]


def _depths(found: list[Policy]) -> dict[int, int]:
    """How many parents each policy has; parents come before their children."""
    depths: dict[int, int] = {}
    for policy in found:
        depths[policy.id] = depths.get(policy.parent_id, 0) + 1 if policy.parent_id is not None else 0
    return depths
