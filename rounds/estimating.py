"""The estimate of a run in a study: what estimates.py needs, read from rows, files and the machine."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from feedback_store import judgments, policies, prompts, reward_models, runs
from feedback_store.database import Database
from feedback_store.runs import Run
from rounds import estimates, studies
from rounds.estimates import GIGABYTE, LATEST, REFERENCE_PARAMETERS, Ended, Estimate, Facts
from rounds.settings import SettingsError, parse

TINY_PARAMETERS = 2e5
UNITS = {"m": 1e6, "b": 1e9}


def estimate_run(db: Database, kind: str, config: Mapping[str, Any]) -> Estimate:
    """What a run with these settings would take in this study, on this machine."""
    found = [_ended(db, run) for run in runs.listing(db, LATEST, kind=kind, status="succeeded")]
    return estimates.estimate(kind, config, facts(db), [one for one in found if one is not None])


def facts(db: Database) -> Facts:
    """The study and the machine as they are now."""
    study = studies.settings(db)
    return Facts(
        parameters=parameters_of(study.base, db.folder),
        judgments=judgments.count(db, purpose="training"),
        train_prompts=prompts.count(db, "train"),
        holdout_prompts=prompts.count(db, "holdout"),
        max_new_tokens=study.sampling.max_new_tokens,
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
    """A run as the estimate takes it; None where its settings are of another version and cannot be read."""
    try:
        config = parse(run.kind, run.config)
    except SettingsError:
        return None
    result = run.result or {}
    folder = _published_folder(db, result)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder else None
    return Ended(
        id=run.id,
        config=config,
        judgments=int(result.get("judgments") or 0),
        seconds=seconds_between(run.started_at, run.ended_at) or 0.0,
        memory_gb=run.progress.get("peak_memory_gb") if run.progress else None,
        published_gb=size / GIGABYTE if size else None,
    )


def _published_folder(db: Database, result: Mapping[str, Any]) -> Path | None:
    if "policy_id" in result:
        folder = policies.get(db, int(result["policy_id"])).folder
    elif "reward_model_id" in result:
        folder = reward_models.get(db, int(result["reward_model_id"])).folder
    else:
        folder = None
    return db.folder / folder if folder else None
