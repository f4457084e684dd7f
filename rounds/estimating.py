"""The estimate of a run in a study: what estimates.py needs, read from rows, files and the machine."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from feedback_store import completions, exclusions, policies, prompts, reward_models, runs
from feedback_store.database import Database
from feedback_store.errors import InvalidInput
from feedback_store.runs import Lease, Run
from language_models import sources
from language_models.errors import UnknownModel
from language_models.precision import GIGABYTE
from language_models.threads import wanted_threads
from rounds import base_precision, environment, estimates, own_lora, resuming, studies
from rounds.drawn_alike import draw_seed
from rounds.estimates import LATEST, Ended, Estimate
from rounds.evaluating import CannotEvaluate, sides_of
from rounds.policy_settings import training_of
from rounds.settings import SettingsError, parse
from rounds.work import GOES_ON, PROMPT_TOKENS, READ, REFERENCE_PARAMETERS, THERE, Facts

PREDICTED_SERIES = "predicted"  # of a run's metrics: what it was expected to take
TINY_PARAMETERS = 2e5
UNITS = {"m": 1e6, "b": 1e9}
CHARACTERS_A_TOKEN = 4.0
TEMPLATE_TOKENS = 20  # the chat template's own, and the study's system prompt
TEXTS_LOOKED_AT = 500
SAME = ("tastemaker", "threads", "device", "precision")  # of two environments whose times can be compared
SAME_TEXTS = ("seed", "split", "prompts")  # of two evaluations that draw a policy's texts but once
LOOKED_AT = 50
NVIDIA = Path("/proc/driver/nvidia/gpus")


class TooLittleDisk(ValueError):
    """A run would fill the disk; the words say how much it writes and how much is free."""


def estimate_run(db: Database, kind: str, config: Mapping[str, Any]) -> Estimate:
    """What a run with these settings would take in this study, on this machine. One that goes on from another has only
    the rest of the steps to do.
    """
    latest = runs.listing(db, LOOKED_AT, kind=kind, status="succeeded")
    alike = [run for run in latest if _same_environment(db, run, latest[0])]
    same = [run for run in alike if run.config.get("algorithm") == config.get("algorithm")]
    alike = (same or alike)[:LATEST]  # each algorithm goes against the rules in its own way
    found = [_ended(db, run) for run in alike]
    now = facts(db)
    now = replace(now, promised_disk_gb=sum(_kept_gb(run, now) for run in runs.active(db)))
    return estimates.estimate(kind, _left_to_do(db, kind, config), now, [one for one in found if one is not None])


def update_gb(db: Database, config: Mapping[str, Any]) -> float:
    """What an update of a policy would hold beside the models where no layer is computed again."""
    return estimates.update_gb({**config, "compute": {}}, facts(db))


def foresee(db: Database, lease: Lease, config: Mapping[str, Any]) -> None:
    """Before a run's first attempt: keep what it was expected to take, to be held against what it took. Before each:
    raises TooLittleDisk where the disk would be full before its end.
    """
    run = runs.get(db, lease.run_id)
    told = estimate_run(db, run.kind, _with_its_file(db, run.id, config))
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


def against_predicted(db: Database, run: Run) -> dict[str, float | None]:
    """What an ended run took, as shares of what it was expected to take; None where one of the two is not known."""
    told, progress = predicted(db, run.id) or {}, run.progress or {}
    took = {"seconds": run.seconds_at_work, "memory_gb": progress.get("peak_memory_gb")}
    return {
        name: round(value / told[name], 2) if value is not None and told.get(name) else None
        for name, value in took.items()
    }


def facts(db: Database) -> Facts:
    """The study and the machine as they are now."""
    study = studies.settings(db)
    latest = runs.listing(db, limit=1, status="succeeded")
    seen = environment.read(db, latest[0].id) if latest else {}
    characters = prompts.mean_characters(db)
    memory = psutil.virtual_memory()
    return Facts(
        parameters=parameters_of(study.base, db.folder),
        judgments=exclusions.judgments_that_train(db),
        train_prompts=prompts.count(db, "train"),
        holdout_prompts=prompts.count(db, "holdout"),
        max_new_tokens=study.sampling.max_new_tokens,
        sampling_rows=study.sampling.batch_size,
        prompt_tokens=PROMPT_TOKENS if characters is None else TEMPLATE_TOKENS + characters / CHARACTERS_A_TOKEN,
        completion_tokens=completions.mean_tokens(db, latest=TEXTS_LOOKED_AT),
        texts=completions.latest_id(db),
        has_reward=reward_models.latest(db) is not None,
        cores=int(seen.get("threads") or wanted_threads()),
        gpu=seen["device"] not in ("cpu", "mps") if "device" in seen else NVIDIA.is_dir(),
        precision=base_precision.held_in(db) or "fp32",
        base_files_gb=_files_gb(_on_disk(study.base, db.folder)),
        free_memory_gb=memory.available / GIGABYTE,
        total_memory_gb=memory.total / GIGABYTE,
        free_disk_gb=shutil.disk_usage(db.folder).free / GIGABYTE,
    )


def parameters_of(base: str, study: Path) -> float:
    """How many parameters a base has: by the heads of its weights where they lie on the disk, else about, by what its
    name says, else as the bundled one has.
    """
    if base.startswith("tiny:"):
        return TINY_PARAMETERS
    if base.startswith("bundled:"):
        return REFERENCE_PARAMETERS
    folder = _on_disk(base, study)
    if folder is not None and (counted := sources.parameters(folder)):
        return counted
    said = re.search(r"(?<![\d.])(\d+(?:\.\d+)?)([mMbB])(?![a-zA-Z])", base.partition("@")[0])  # no commit
    return float(said[1]) * UNITS[said[2].lower()] if said else REFERENCE_PARAMETERS


def _on_disk(base: str, study: Path) -> Path | None:
    """Where the base's files lie; None where they have to be fetched or made first, or where there is no such base."""
    inside = study / base
    try:
        return sources.on_disk(sources.parse(str(inside) if (inside / "config.json").is_file() else base))
    except UnknownModel:
        return None


def _files_gb(base: Path | None) -> float | None:
    """The weights of a base as they lie on the disk, which is what an export copies."""
    files = [path for path in base.glob("*.safetensors") if path.is_file()] if base else []
    return sum(path.stat().st_size for path in files) / GIGABYTE if files else None


def _same_environment(db: Database, run: Run, latest: Run) -> bool:
    """Whether a run's time says something of what the latest one's environment takes."""
    own, its = environment.read(db, run.id), environment.read(db, latest.id)
    return all(own.get(name) == its.get(name) for name in SAME)


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
    if run.kind == "train-policy":
        config = _changed(config, steps=max(1, len(runs.metrics(db, run.id, "steps")) - 1))
        config = {**config, "compute": {**config["compute"], **_switches(db, run)}, GOES_ON: _went_on(db, result)}
    if run.kind == "evaluate":
        config = {**config, THERE: _texts_there(db, config, list(result.get("policies", ())), run.id)}
    folder = _published_folder(db, result)
    if run.kind == "train-policy" and folder and (own := own_lora.lora_of(folder)):
        config = _changed(config, lora=own)
    if run.kind == "score":
        config = _left_to_do(db, run.kind, _with_its_file(db, run.id, config))
    size = _size(folder) if folder else None
    return Ended(
        id=run.id,
        config=config,
        judgments=int(result.get("judgments") or len(runs.judgments_of(db, run.id))),
        seconds=run.seconds_at_work or 0.0,
        memory_gb=run.progress.get("peak_memory_gb") if run.progress else None,
        published_gb=size / GIGABYTE if size else None,
    )


def _went_on(db: Database, result: Mapping[str, Any]) -> bool:
    """Whether the policy that a run made was trained from one that was trained or imported before."""
    made = policies.by_name(db, str(result["policy"])) if "policy" in result else None
    return bool(made and made.parent_id and policies.get(db, made.parent_id).folder)


def _switches(db: Database, run: Run) -> dict[str, str]:
    """How a policy run computed its updates where its settings left that open."""
    kept = environment.read(db, run.id)
    return {name: "on" if kept[name] else "off" for name in environment.CHOSEN if name in kept}


def _left_to_do(db: Database, kind: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of what is left to do."""
    if kind == "score":
        file = Path(config["file"])
        return {**config, READ: file.stat().st_size / CHARACTERS_A_TOKEN if file.is_file() else 0}
    if kind == "evaluate":
        try:
            sides = [policy.name for policy in sides_of(db, config["policies"])]
        except (CannotEvaluate, InvalidInput):  # which is said elsewhere
            sides = []
        return {**config, THERE: _texts_there(db, config, sides)}
    if kind != "train-policy":
        return dict(config)
    start = own_lora.starts_from(db, config)
    if start and (own := own_lora.of_policy(db.folder, start)):  # its adapter stays as large as it is
        config = _changed(config, lora=own)
    if config.get("resume_from") is None:
        return {**config, GOES_ON: start is not None and start.folder is not None}
    done = resuming.step_of(db, runs.get(db, config["resume_from"])) or 0
    return _changed(config, steps=max(0, training_of(config)["steps"] - done))


def _with_its_file(db: Database, run_id: int, config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a run with the file that it scores as it lies in its folder: they keep the file's name alone."""
    there = {"file": str(resuming.run_folder(db.folder, run_id) / resuming.INPUT)} if "file" in config else {}
    return {**config, **there}


def _texts_there(db: Database, config: Mapping[str, Any], names: Sequence[str], before: int | None = None) -> int:
    """How many texts of an evaluation of these policies earlier ones (than run `before`) drew by the same seed, and as
    the study draws now."""
    run_seed = draw_seed(db, studies.settings(db), config["seed"])
    earlier = [
        run
        for run in runs.listing(db, LOOKED_AT, kind="evaluate", status="succeeded")
        if (before is None or run.id < before)
        and all(run.config.get(name) == config[name] for name in SAME_TEXTS)
        and (run.result or {}).get("run_seed", config["seed"]) == run_seed
    ]
    texts = 0
    for name in names:
        results = [run.result for run in earlier if run.result and name in run.result.get("policies", ())]
        texts += max((min(config["samples"], one["samples"]) * one["prompts"] for one in results), default=0)
    return texts


def _changed(config: Mapping[str, Any], **training: Any) -> dict[str, Any]:
    """A run that its KL budget ended early did fewer steps than it was to do, and its start may have brought another
    adapter.
    """
    return {**config, config.get("algorithm", "ppo"): {**training_of(config), **training}}


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
