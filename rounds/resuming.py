"""Going on from where a run ended: which checkpoint there is, and whether a new run may take it over.

A run that failed or was cancelled keeps its newest checkpoint for a while (pruning.py). A new run goes on from it when
its setting `resume_from` names the old one; everything that training depends on has to be the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from feedback_store import runs
from feedback_store.database import Database
from feedback_store.runs import Run
from language_models import folders
from language_models.errors import CorruptFolder
from rounds.settings import SettingsError, settings_model, validate

RESUMABLE = ("train-policy",)
CHECKPOINTS = "checkpoints"  # in a run's folder
BEGAN_WITH = "began_with.json"  # beside it: the policy and reward model that the first attempt took, by name
REWARD = "reward.json"  # what the first attempt fixed of the reward's parts
OF_NO_ACCOUNT = ("resume_from", "start_policy", "reward_model", "shown_prompts", "shown_times")
"""Settings that may differ: names are given for what the old run took as the latest."""


class CannotResume(ValueError):
    """There is nothing to go on from, or it is of other work; the words say which and what to do."""


def run_folder(study: Path, run_id: int) -> Path:
    """What a run keeps besides its rows."""
    return study / "runs" / str(run_id)


def steps(checkpoints: Path) -> list[int]:
    """The steps that there are finished checkpoints of, in order."""
    found = (path for path in checkpoints.glob("step-*") if (path / folders.MANIFEST).is_file())
    return sorted(int(path.name.removeprefix("step-")) for path in found if path.name[5:].isdigit())


def newest_valid(checkpoints: Path) -> Path | None:
    """The newest checkpoint whose files are as they were written, or None. Reads all of it."""
    for step in reversed(steps(checkpoints)):
        path = checkpoints / f"step-{step:06d}"
        try:
            folders.verify(path)
        except CorruptFolder:
            continue
        return path
    return None


def began_with(study: Path, run_id: int) -> dict[str, str]:
    """`start_policy` and `reward_model` of a run by name; empty where it never got so far."""
    return _kept(study, run_id, BEGAN_WITH)


def reward_of(study: Path, run_id: int) -> dict[str, Any]:
    """Zero and unit of the reward's parts, and what else a run fixed of them; empty where it never got so far."""
    return _kept(study, run_id, REWARD)


def _kept(study: Path, run_id: int, name: str) -> dict[str, Any]:
    try:
        found = json.loads((run_folder(study, run_id) / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def step_of(db: Database, run: Run) -> int | None:
    """The step that a new run could go on from; None where the run cannot be resumed. Reads no weights."""
    if run.kind not in RESUMABLE or run.status not in ("failed", "cancelled") or not began_with(db.folder, run.id):
        return None
    found = steps(run_folder(db.folder, run.id) / CHECKPOINTS)
    return found[-1] if found else None


def settings_to_resume(db: Database, run: Run) -> dict[str, Any]:
    """The settings of a run that goes on from this one's newest checkpoint. Raises CannotResume."""
    if step_of(db, run) is None:
        raise CannotResume(
            f"Run {run.id} ({run.kind}, {run.status}) has no checkpoint to go on from. Retry it from the start."
        )
    settings = validate(settings_model(run.kind), run.config, what=f"{run.kind} settings").model_dump(mode="json")
    return {**settings, **began_with(db.folder, run.id), "resume_from": run.id}


def require_same_work(db: Database, config: Mapping[str, Any]) -> None:
    """Raises CannotResume or SettingsError where these settings, which name a run to go on from, ask for other work."""
    old = runs.get(db, int(config["resume_from"]))
    theirs = settings_to_resume(db, old)
    differing = [name for name in theirs if name not in OF_NO_ACCOUNT and theirs[name] != config.get(name)]
    began = began_with(db.folder, old.id)
    differing += [name for name, value in began.items() if config.get(name) not in (None, value)]
    if differing:
        raise SettingsError(
            f"A run that goes on from run {old.id} needs the same settings; these differ: {', '.join(differing)}. "
            f"`tastemaker retry STUDY {old.id} --from-checkpoint` takes them over."
        )
