"""The estimate of a run in a study: what estimates.py needs, read from rows, files and the machine."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from feedback_store import judgments, policies, prompts, reward_models, runs
from feedback_store.database import Database
from feedback_store.runs import Lease, Run
from rounds import estimates, resuming, studies
from rounds.estimates import GIGABYTE, LATEST, REFERENCE_PARAMETERS, Ended, Estimate, Facts
from rounds.settings import SettingsError, parse, training_of

PREDICTED_SERIES = "predicted"  # of a run's metrics: what it was expected to take
TINY_PARAMETERS = 2e5
UNITS = {"m": 1e6, "b": 1e9}


class TooLittleDisk(ValueError):
    """A run would fill the disk; the words say how much it writes and how much is free."""


def estimate_run(db: Database, kind: str, config: Mapping[str, Any]) -> Estimate:
    """What a run with these settings would take in this study, on this machine. One that goes on from another has only
    the rest of the steps to do.
    """
    found = [_ended(db, run) for run in runs.listing(db, LATEST, kind=kind, status="succeeded")]
    now = facts(db)
    now = replace(now, promised_disk_gb=sum(_kept_gb(run, now) for run in runs.active(db)))
    return estimates.estimate(kind, _rest(db, config), now, [one for one in found if one is not None])


def foresee(db: Database, lease: Lease, config: Mapping[str, Any]) -> None:
    """Before a run's first attempt: keep what it was expected to take, to be held against what it took. Before each:
    raises TooLittleDisk where the disk would be full before its end.
    """
    run = runs.get(db, lease.run_id)
    told = estimate_run(db, run.kind, config)
    if predicted(db, run.id) is None:
        kept = ("seconds", "seconds_low", "seconds_high", "memory_gb", "disk_gb", "runs")
        runs.add_metrics(db, lease, PREDICTED_SERIES, 0, {name: getattr(told, name) for name in kept})
    there = _size(resuming.run_folder(db.folder, run.id) / resuming.CHECKPOINTS)
    needed, free = told.disk_gb * GIGABYTE - there, shutil.disk_usage(db.folder).free
    if needed > free:
        raise TooLittleDisk(
            f"There is too little room on the disk: this run writes up to {needed / 1e6:.0f} MB (its checkpoints and "
            f"what it makes), and {free / 1e6:.0f} MB are free where the study lies. Make room, then retry the run."
        )


def predicted(db: Database, run_id: int) -> dict[str, Any] | None:
    """What a run was expected to take when it began; None where it has not, or began under a version before."""
    kept = runs.metrics(db, run_id, PREDICTED_SERIES)
    return kept[0].values if kept else None


def facts(db: Database) -> Facts:
    """The study and the machine as they are now."""
    study = studies.settings(db)
    return Facts(
        parameters=parameters_of(study.base, db.folder),
        judgments=judgments.count(db, purpose="training"),
        train_prompts=prompts.count(db, "train"),
        holdout_prompts=prompts.count(db, "holdout"),
        max_new_tokens=study.sampling.max_new_tokens,
        has_reward=reward_models.latest(db) is not None,
        free_memory_gb=free_memory_gb(),
        free_disk_gb=shutil.disk_usage(db.folder).free / GIGABYTE,
    )


def parameters_of(base: str, study: Path) -> float:
    """About how many parameters a base has: by its files, by what its name says, else as the bundled one has."""
    if base.startswith("tiny:"):
        return TINY_PARAMETERS
    kind, _, _ = base.partition(":")
    if kind == "bundled":
        return REFERENCE_PARAMETERS
    if kind != "hub":
        weights = sum(path.stat().st_size for path in (study / base).glob("*.safetensors"))
        return weights / estimates.BYTES_A_PARAMETER or REFERENCE_PARAMETERS
    said = re.search(r"(?<![\d.])(\d+(?:\.\d+)?)([mMbB])(?![a-zA-Z])", base)
    return float(said[1]) * UNITS[said[2].lower()] if said else REFERENCE_PARAMETERS


def free_memory_gb() -> float | None:
    """Memory that can be had without swapping, where the system tells."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")) * 1024 / GIGABYTE
    except (OSError, StopIteration, ValueError):
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GIGABYTE
    except (OSError, ValueError):
        return None


def seconds_between(start: str | None, end: str | None) -> float | None:
    """Seconds from one moment of the store to another, where both are there."""
    if start is None or end is None:
        return None
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def _ended(db: Database, run: Run) -> Ended | None:
    """A run as the estimate takes it; None where its settings are of another version and cannot be read, or where it
    did only the rest of another's work.
    """
    try:
        config = parse(run.kind, run.config)
    except SettingsError:
        return None
    if config.get("resume_from") is not None:
        return None
    result = run.result or {}
    folder = _published_folder(db, result)
    size = _size(folder) if folder else None
    return Ended(
        id=run.id,
        config=config,
        judgments=int(result.get("judgments") or 0),
        seconds=seconds_between(run.started_at, run.ended_at) or 0.0,
        memory_gb=run.progress.get("peak_memory_gb") if run.progress else None,
        published_gb=size / GIGABYTE if size else None,
    )


def _rest(db: Database, config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings of what is left to do."""
    if config.get("resume_from") is None:
        return config
    done = resuming.step_of(db, runs.get(db, config["resume_from"])) or 0
    training = training_of(config)
    rest = {**training, "steps": max(0, training["steps"] - done)}
    return {**config, config.get("algorithm", "ppo"): rest}


def _kept_gb(run: Run, facts: Facts) -> float:
    """What a run that waits or is at work will leave on the disk."""
    try:
        return estimates.kept_gb(run.kind, parse(run.kind, run.config), facts)
    except SettingsError:
        return 0.0


def _size(folder: Path) -> int:
    """Bytes of the files in a folder; 0 where there is none."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _published_folder(db: Database, result: Mapping[str, Any]) -> Path | None:
    if "policy_id" in result:
        folder = policies.get(db, int(result["policy_id"])).folder
    elif "reward_model_id" in result:
        folder = reward_models.get(db, int(result["reward_model_id"])).folder
    else:
        folder = None
    return db.folder / folder if folder else None
