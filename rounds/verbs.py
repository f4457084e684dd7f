"""What the pages and commands may do with the loop. Torch-free: what needs a model is put into the queue of runs."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from feedback_store import answered_by_both, audit, comparisons, policies, prompts, questions
from feedback_store import runs as run_rows
from feedback_store.completions import Completion
from feedback_store.database import Database
from feedback_store.policies import Policy
from feedback_store.runs import Run
from rounds import evaluating, presets, resuming, run_checks, run_plan, studies
from rounds import loop_state as loop
from rounds.loop_state import LoopState
from rounds.run_plan import Impossible as Impossible
from rounds.settings import StudySettings

PRIORITIES = {"sample": 10}
"""Runs that a person waits for come first; all others in the order in which they were asked for."""
BATCH_OF_REFILL = 8
IMPORTED_ADAPTER = "adapter"  # in a run's folder: the adapter that it imports


def start_run(
    db: Database,
    kind: str,
    overrides: Mapping[str, Any] | Iterable[str] = (),
    config_file: Path | str | None = None,
    priority: int | None = None,
    needs: Sequence[int] = (),
    preset: str | None = None,
    by: str = "command",
) -> Run:
    """Put a run into the queue, with all its settings resolved; it waits until the runs that it `needs` succeeded. A
    blind evaluation that it is to make begins here, sealed, in the name of `by`.

    Raises one of run_plan.REFUSALS.
    """
    with db.transaction():
        config = run_plan.resolve(db, kind, overrides, config_file, preset=preset)
        source = _named(config, "file") if kind == "score" else None
        adapter = _named(config, "folder") if kind == "policy-import" else None
        rank = PRIORITIES.get(kind, 0) if priority is None else priority
        blind = kind == "evaluate" and config["blind"]["judgments"] > 0
        if blind:  # the sides are fixed now, and the run's own figures are of the same policies
            config["policies"] = [policy.name for policy in evaluating.sides_of(db, config["policies"])]
        run = run_rows.enqueue(db, kind, config, needs=needs, priority=rank)
        _clear_folder(db, run)
        if blind:
            seed = studies.settings(db).seed * run_plan.SEEDS_OF_A_STUDY + run.id
            evaluating.begin(db, run, seed=seed, by=by)
        if source is not None:
            _copy_input(source, db, run)
        if adapter is not None:
            _copy_adapter(adapter, db, run)
    return run


def retry_run(db: Database, run_id: int, *, from_checkpoint: bool = False) -> Run:
    """Queue a run that failed or was cancelled again: from the start, or going on from its newest checkpoint. A blind
    evaluation that it began goes on with it (evaluations.of_run).

    Raises InvalidInput, CannotResume.
    """
    with db.transaction():
        old = run_rows.get(db, run_id)
        if from_checkpoint:
            config = resuming.settings_to_resume(db, old)
        else:
            config = {**old.config, **({"resume_from": None} if "resume_from" in old.config else {})}
        run = run_rows.retry(db, run_id, config=config)
        _clear_folder(db, run)
        kept = resuming.run_folder(db.folder, old.id) / resuming.INPUT
        if kept.is_file():
            _copy_input(kept, db, run)
        if (kept.parent / IMPORTED_ADAPTER).is_dir():
            _copy_adapter(kept.parent / IMPORTED_ADAPTER, db, run)
    return run


def train_next_policy(
    db: Database,
    reward: Mapping[str, Any] | Iterable[str] = (),
    policy: Mapping[str, Any] | Iterable[str] = (),
    preset: str | None = None,
) -> list[Run]:
    """Queue a reward model and a policy trained against it, with settings for both; without the reward the policy run
    is cancelled.
    """
    with db.transaction():
        first = start_run(db, "train-reward", reward, preset=presets.of_the_reward(preset))
        return [first, start_run(db, "train-policy", policy, preset=preset, needs=[first.id])]


def refill(db: Database, annotator_id: int | None = None) -> Run | None:
    """Queue a sample run where the open round has few askable comparisons and none is being sampled.

    Few for this person, where one is named: what they answered themselves is open to others only. After a sample run
    that failed nothing is queued until somebody starts one, for the next would fail as well; and after one that was
    cancelled, for somebody wanted none.
    """
    study = studies.settings(db)
    if not study.refill or study.closed or _missing(db, study, annotator_id) == 0:
        return None
    with db.transaction():
        missing = _missing(db, study, annotator_id)
        latest = run_rows.listing(db, limit=1, kind="sample")
        if missing == 0 or (latest and latest[0].status in resuming.ENDED_EARLY):
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


def side_by_side(db: Database, older: str, newer: str, *, limit: int = 10, offset: int = 0) -> dict[str, Any]:
    """Held-out prompts that both policies (by name) answered: {older, newer, total, rows: [{prompt, a, b}]}.

    Answers drawn with the same seed stand beside each other where there are any; texts of a sealed evaluation are left
    out. InvalidInput for an unknown name.
    """
    ids = [policies.by_name(db, name).id for name in (older, newer)]
    shared = answered_by_both.held_out_prompts(db, *ids)
    chosen = shared[offset : offset + limit]
    sides = [answered_by_both.texts(db, policy, chosen) for policy in ids]
    rows = []
    for prompt in prompts.listing(db, ids=chosen):
        a, b = _alike(sides[0][prompt.id], sides[1][prompt.id])
        text = "\n\n".join(turn["content"] for turn in prompt.messages if turn["role"] != "system")
        rows.append({"prompt_id": prompt.id, "prompt": text, "a": _shown(a), "b": _shown(b)})
    return {"older": older, "newer": newer, "total": len(shared), "rows": rows}


def _named(config: dict[str, Any], setting: str) -> Path:
    """The file or folder that a run reads; the stored settings keep its name only, never a path."""
    path = Path(config[setting])
    whole = path if path.is_file() else path.resolve()  # a folder may be named as . or ..
    config[setting] = whole.name or setting
    return path


def _clear_folder(db: Database, run: Run) -> None:
    """Take away what lies in the folder of a new run: a start that was not stored (a full disk, a kill) left it there,
    and its number comes again."""
    shutil.rmtree(resuming.run_folder(db.folder, run.id), ignore_errors=True)


def _copy_input(source: Path, db: Database, run: Run) -> None:
    folder = resuming.run_folder(db.folder, run.id)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, folder / resuming.INPUT)


def _copy_adapter(source: Path, db: Database, run: Run) -> None:
    """Adapter, record and tokenizer; nothing else of the folder."""
    folder = resuming.run_folder(db.folder, run.id) / IMPORTED_ADAPTER
    folder.mkdir(parents=True, exist_ok=True)
    for name in run_checks.ADAPTER_FILES:
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)


def _missing(db: Database, study: StudySettings, annotator_id: int | None) -> int:
    """Comparisons that the queue lacks; 0 where it is full but for less than a batch, or where it is being filled."""
    if run_rows.active(db, "sample") or not prompts.any_there(db):
        return 0
    target = study.queue_target
    ready = comparisons.counts(db, loop.open_round(db).id).ready
    if annotator_id is not None:
        ready = min(ready, questions.count_unseen(db, annotator_id, target))
    return target - ready if target - ready >= min(BATCH_OF_REFILL, target // 2) else 0


def _alike(first: list[Completion], second: list[Completion]) -> tuple[Completion, Completion]:
    """The latest two that were drawn with the same seed, else the latest of each."""
    seeds = {one.seed: one for one in first if one.seed is not None}
    matched = [(seeds[one.seed], one) for one in second if one.seed in seeds]
    return matched[-1] if matched else (first[-1], second[-1])


def _shown(one: Completion) -> dict[str, Any]:
    return {"completion_id": one.id, "text": one.text, "cut_off": one.finish_reason == "length"}
