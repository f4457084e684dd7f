"""What the pages and commands may do with the loop. Torch-free: what needs a model is put into the queue of runs."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from feedback_store import (
    audit,
    comparisons,
    completions,
    judgments,
    policies,
    prompts,
    questions,
    reward_models,
    run_records,
    seals,
)
from feedback_store import runs as run_rows
from feedback_store.completions import Completion
from feedback_store.database import Database
from feedback_store.policies import Policy
from feedback_store.runs import Run
from rounds import evaluating, studies
from rounds import loop_state as loop
from rounds.loop_state import LoopState
from rounds.settings import SettingsError, StudySettings, parse

PRIORITIES = {"sample": 10}
"""Runs that a person waits for come first; all others in the order in which they were asked for."""
SEEDS_OF_A_STUDY = 1000
BATCH_OF_REFILL = 8


class Impossible(ValueError):
    """A run was asked for that has nothing to work on; the words say what is missing."""


def start_run(
    db: Database,
    kind: str,
    overrides: Mapping[str, Any] | Iterable[str] = (),
    config_file: Path | str | None = None,
    priority: int | None = None,
    needs: Sequence[int] = (),
    by: str = "command",
) -> Run:
    """Put a run into the queue, with all its settings resolved; it waits until the runs that it `needs` succeeded. A
    blind evaluation that it is to make begins here, sealed, in the name of `by`.

    Raises SettingsError, Impossible, InvalidInput, CannotEvaluate.
    """
    study = studies.settings(db)
    with db.transaction():
        number = _next_run_number(db)
        config = parse(kind, overrides, config_file, defaults=_defaults(study, kind, number))
        _check_names(db, config)
        _refuse_impossible(db, kind)
        source = _named_file(config) if kind == "score" else None
        rank = PRIORITIES.get(kind, 0) if priority is None else priority
        run = run_rows.enqueue(db, kind, config, needs=needs, priority=rank)
        if kind == "evaluate" and config["blind"]["judgments"]:
            evaluating.begin(db, run, seed=study.seed * SEEDS_OF_A_STUDY + number, by=by)
        if source is not None:
            folder = db.folder / "runs" / str(run.id)
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / "input.jsonl")
    return run


def train_next_policy(db: Database) -> list[Run]:
    """Queue a reward model and a policy trained against it; without the reward the policy run is cancelled."""
    with db.transaction():
        reward = start_run(db, "train-reward")
        return [reward, start_run(db, "train-policy", needs=[reward.id])]


def refill(db: Database, annotator_id: int | None = None) -> Run | None:
    """Queue a sample run where the open round has few askable comparisons and none is being sampled.

    Few for this person, where one is named: what they answered themselves is open to others only. After a sample run
    that failed nothing is queued until somebody starts one: the next would fail as well.
    """
    study = studies.settings(db)
    if not study.refill or study.closed or _missing(db, study, annotator_id) == 0:
        return None
    with db.transaction():
        missing = _missing(db, study, annotator_id)
        latest = run_rows.listing(db, limit=1, kind="sample")
        if missing == 0 or (latest and latest[0].status == "failed"):
            return None
        return start_run(db, "sample", {"pairs": max(1, min(missing, study.queue_target // 2))})


def use_policy(db: Database, policy: str, *, by: str) -> Policy:
    """Make a policy current, by its name: it writes the next pairs, and the next policy starts from it. Written into
    the audit trail; once more changes nothing. Raises InvalidInput.
    """
    with db.transaction():
        before, chosen = policies.current(db), policies.by_name(db, policy)
        if before is not None and before.id == chosen.id:
            return chosen
        used = policies.use(db, chosen.id, by=by)
        detail = {"policy": used.name, "before": before.name if before else None}
        audit.note(db, actor=by, action="use policy", subject=f"policy {used.id}", detail=detail)
        return used


def loop_state(db: Database) -> LoopState:
    """How the loop stands: counts, figures, runs, the next step and its reason."""
    return loop.loop_state(db)


def run_view(db: Database, run_id: int, *, after_log: int = 0) -> dict[str, Any]:
    """A run with its settings, result, log lines above `after_log`, and curves: reading -> [[step, value], ...]."""
    run = run_rows.get(db, run_id)
    curves: dict[str, list[list[float | None]]] = {}
    for metric in run_records.metrics(db, run_id, "steps"):
        for name, value in metric.values.items():
            curves.setdefault(name, []).append([metric.step, value])
    logs = [
        {"id": line.id, "at": line.at, "level": line.level, "text": line.text}
        for line in run_records.logs(db, run_id, after=after_log)
    ]
    return {**loop.run_row(run), "config": run.config, "result": run.result, "curves": curves, "logs": logs}


def side_by_side(db: Database, older: str, newer: str, *, limit: int = 10, offset: int = 0) -> dict[str, Any]:
    """Held-out prompts that both policies (by name) answered: {older, newer, total, rows: [{prompt, a, b}]}.

    Answers drawn with the same seed stand beside each other where there are any; texts of a sealed evaluation are left
    out. InvalidInput for an unknown name.
    """
    sides = [_by_prompt(db, policies.by_name(db, name).id) for name in (older, newer)]
    shared = [prompt for prompt in prompts.listing(db, "holdout") if prompt.id in sides[0] and prompt.id in sides[1]]
    rows = []
    for prompt in shared[offset : offset + limit]:
        a, b = _alike(sides[0][prompt.id], sides[1][prompt.id])
        text = "\n\n".join(turn["content"] for turn in prompt.messages if turn["role"] != "system")
        rows.append({"prompt_id": prompt.id, "prompt": text, "a": _shown(a), "b": _shown(b)})
    return {"older": older, "newer": newer, "total": len(shared), "rows": rows}


def _next_run_number(db: Database) -> int:
    latest = run_rows.listing(db, limit=1)
    return latest[0].id + 1 if latest else 1


def _defaults(study: StudySettings, kind: str, number: int) -> dict[str, Any]:
    """What the study says for a kind of run. Seeds differ between the runs of a study and between studies."""
    seed = study.seed * SEEDS_OF_A_STUDY + number
    if kind == "sample":
        names = ("holdout_questions", "previous_policy_share", "overlap", "overlap_share")
        asked = {"candidates": study.asked.candidates}
        return {**{name: getattr(study, name) for name in names}, **asked, "seed": seed}
    if kind == "train-reward":
        return {"reward.seed": seed}
    if kind == "train-policy":
        return {"ppo.seed": seed, "ppo.sampling": study.sampling.model_dump(), "ppo.lora": study.lora.model_dump()}
    return {}  # evaluations share one seed, so that a policy evaluated before is not sampled again


def _check_names(db: Database, config: Mapping[str, Any]) -> None:
    """Raises InvalidInput or SettingsError where a policy or reward model is named that does not exist."""
    best_of = config.get("blind", {}).get("best_of", ())
    for name in [config.get("policy"), config.get("start_policy"), *config.get("policies", ()), *best_of]:
        if name is not None and not name.isdigit():
            policies.by_name(db, name)
    wanted = config.get("reward_model")
    known = [model.name for model in reward_models.listing(db)]
    if wanted is not None and wanted not in known:
        have = ", ".join(known) or "none yet; train one with train-reward"
        raise SettingsError(f"There is no reward model {wanted!r}. This study has: {have}.")


def _refuse_impossible(db: Database, kind: str) -> None:
    active = {run.kind for run in run_rows.active(db)}
    if kind in ("sample", "train-reward", "train-policy", "evaluate") and prompts.count(db) == 0:
        raise Impossible("There are no prompts yet. Import some: tastemaker import STUDY FILE --format prompts.")
    if kind == "train-reward" and judgments.count(db, purpose="training") == 0:
        raise Impossible("There are no judgments yet to train a reward model on. Compare some pairs first.")
    if kind in ("train-policy", "score") and reward_models.latest(db) is None and "train-reward" not in active:
        raise Impossible("There is no reward model yet. Train one first: train-reward.")


def _named_file(config: dict[str, Any]) -> Path:
    """The file to score; the stored settings keep its name only, never a path."""
    path = Path(config["file"])
    if not path.is_file():
        raise SettingsError(f"file = {config['file']!r} is not allowed: there is no such file.")
    config["file"] = path.name
    return path


def _missing(db: Database, study: StudySettings, annotator_id: int | None) -> int:
    """Comparisons that the queue lacks; 0 where it is full but for less than a batch, or where it is being filled."""
    if run_rows.active(db, "sample") or not prompts.any_there(db):
        return 0
    target = study.queue_target
    ready = comparisons.counts(db, loop.open_round(db).id).ready
    if annotator_id is not None:
        ready = min(ready, questions.count_unseen(db, annotator_id, target))
    return target - ready if target - ready >= min(BATCH_OF_REFILL, target // 2) else 0


def _by_prompt(db: Database, policy_id: int) -> dict[int, list[Completion]]:
    found: dict[int, list[Completion]] = {}
    written = completions.listing(db, policy_id=policy_id)
    sealed = seals.completions_among(db, [one.id for one in written])
    for one in written:
        if one.id not in sealed:
            found.setdefault(one.prompt_id, []).append(one)
    return found


def _alike(first: list[Completion], second: list[Completion]) -> tuple[Completion, Completion]:
    """The latest two that were drawn with the same seed, else the latest of each."""
    seeds = {one.seed: one for one in first if one.seed is not None}
    matched = [(seeds[one.seed], one) for one in second if one.seed in seeds]
    return matched[-1] if matched else (first[-1], second[-1])


def _shown(one: Completion) -> dict[str, Any]:
    return {"completion_id": one.id, "text": one.text, "cut_off": one.finish_reason == "length"}
