"""Going on from where a run ended: which checkpoint there is, and whether a new run may take it over.

A run that failed or was cancelled keeps its newest checkpoint for a while (pruning.py). A new run goes on from it when
its setting `resume_from` names the old one; everything that training depends on has to be the same: its settings are
compared here, what the study says is taken from what the old run began with (beginnings.py).
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
from rounds import beginnings
from rounds.policy_settings import ALGORITHMS
from rounds.settings import SettingsError, parse

RESUMABLE = ("train-policy",)
ENDED_EARLY = ("failed", "cancelled")
CHECKPOINTS = "checkpoints"  # in a run's folder
INPUT = "input.jsonl"  # the file that it scores
REWARD = "reward.json"  # what the first attempt fixed of the reward's parts
OF_NO_ACCOUNT = ("resume_from", "start_policy", "reward_model", "shown_prompts", "shown_times", "compute")
"""Settings that may differ: names are given for what the old run took as the latest; how an update is computed changes
what it takes, not what it is."""


class CannotResume(ValueError):
    """There is nothing to go on from, or it is of other work; the words say which and what to do."""


def run_folder(study: Path, run_id: int) -> Path:
    """What a run keeps besides its rows."""
    return study / "runs" / str(run_id)


def steps(checkpoints: Path) -> list[int]:
    """The steps that there are finished checkpoints of, in order."""
    found = (path for path in checkpoints.glob("step-*") if (path / folders.MANIFEST).is_file())
    return sorted(step_named(path) for path in found if path.name[5:].isdigit())


def step_named(checkpoint: Path) -> int:
    """The step that a checkpoint's folder is named after."""
    return int(checkpoint.name.removeprefix("step-"))


def newest_valid(checkpoints: Path) -> Path | None:
    """The newest checkpoint whose files are as they were written, or None. Reads all of it."""
    return folders.newest_whole(checkpoints, "step-*")


def source_of(db: Database, run: Run) -> Run | None:
    """The run whose checkpoint a new run in this one's place could go on from: itself, or, where it ended before its
    first checkpoint, the one that it was to go on from. None where there is none. Reads no weights.
    """
    while run.kind in RESUMABLE and run.status in ENDED_EARLY:
        folder = run_folder(db.folder, run.id)
        if steps(folder / CHECKPOINTS) and beginnings.read(folder):
            return run
        before = run.config.get("resume_from")
        if not isinstance(before, int) or before >= run.id:
            return None
        run = runs.get(db, before)
    return None


def reward_of(study: Path, run_id: int) -> dict[str, Any]:
    """Zero and unit of the reward's parts, and what else a run fixed of them; empty where it never got so far."""
    try:
        found = json.loads((run_folder(study, run_id) / REWARD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def step_of(db: Database, run: Run) -> int | None:
    """The step that a new run could go on from; None where the run cannot be resumed."""
    source = source_of(db, run)
    return steps(run_folder(db.folder, source.id) / CHECKPOINTS)[-1] if source else None


def settings_to_resume(db: Database, run: Run) -> dict[str, Any]:
    """The settings of a run that goes on from the newest checkpoint that this one leads to. Raises CannotResume."""
    source = source_of(db, run)
    began = beginnings.read(run_folder(db.folder, source.id)) if source else None
    if source is None or began is None:
        if run.kind not in RESUMABLE:
            why = f"cannot be gone on from: of all kinds only {', '.join(RESUMABLE)} can, others take minutes"
        elif run.status not in ENDED_EARLY:
            why = "has no checkpoint to go on from: only a run that failed or was cancelled can be gone on from"
        else:
            why = (
                "has no checkpoint to go on from: it ended before its first one, or a later run of its kind has "
                "succeeded, after which none is kept"
            )
        again = f"tastemaker retry STUDY {run.id}" if run.status in ENDED_EARLY else f"tastemaker run STUDY {run.kind}"
        raise CannotResume(f"Run {run.id} ({run.kind}, {run.status}) {why}. Start it anew: {again}.")
    settings = parse(run.kind, run.config)
    return {**settings, **began.names(), "resume_from": source.id}


def require_same_work(db: Database, config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, which name a run to go on from, with what that run began with by its names.

    Raises CannotResume or SettingsError where they ask for other work.
    """
    old = runs.get(db, int(config["resume_from"]))
    theirs = settings_to_resume(db, old)
    no_account = {*OF_NO_ACCOUNT, *ALGORITHMS} - {theirs.get("algorithm")}  # of the algorithms, that which is chosen
    differing = [name for name in theirs if name not in no_account and theirs[name] != config.get(name)]
    taken = {name: theirs[name] for name in ("start_policy", "reward_model", "resume_from")}
    differing += [name for name in taken if name != "resume_from" and config.get(name) not in (None, taken[name])]
    if differing:
        raise SettingsError(
            f"A run that goes on from run {old.id} needs the same settings; these differ: {', '.join(differing)}. "
            f"`tastemaker retry STUDY {old.id} --from-checkpoint` takes them over."
        )
    return {**config, **taken}
