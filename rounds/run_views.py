"""Runs as the pages and commands show them: rows of a list, one run with all about it, curves, samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from feedback_store import prompts, run_records
from feedback_store import runs as run_rows
from feedback_store.database import Database
from feedback_store.runs import Run
from rounds import (
    environment,
    estimating,
    failures,
    resuming,
    reward_slices,
    run_alarms,
    run_plan,
    shown_samples,
    token_rows,
)
from rounds.loop_state import run_row
from rounds.settings import SettingsError
from rounds.toml_text import toml_of

MOST_POINTS = 400
"""Points of one curve that are sent; of a longer one every so many, its last one included."""
SAMPLES_A_PAGE = 5
ENDED_EARLY = ("failed", "cancelled")
STEPS_SHOWN = 12


def row(run: Run) -> dict[str, Any]:
    """One line of a list: the run, how long it took or has been at it, and what it published."""
    return {
        **run_row(run),
        "seconds": run.seconds_at_work,
        "published": published(run),
        "retries": run.retries_id,
        "alarm_codes": ((run.result or {}).get("alarms") or []),
    }


def listing(
    db: Database, kind: str | None = None, status: str | None = None, *, limit: int = 50, offset: int = 0
) -> dict[str, Any]:
    """The latest runs of a kind and status, newest first: {runs, total}."""
    found = run_rows.listing(db, limit, kind, status, offset)
    return {"runs": [row(run) for run in found], "total": run_rows.count(db, kind, status)}


def published(run: Run) -> dict[str, str] | None:
    """What a run made that others use: {"policy": name}, {"reward_model": name} or {"export": folder}."""
    result = run.result or {}
    for kind, key, name in (
        ("train-policy", "policy", "policy"),
        ("policy-import", "policy", "policy"),
        ("train-reward", "reward_model", "reward_model"),
        ("policy-export", "folder", "export"),
        ("reward-export", "folder", "export"),
    ):
        if run.kind == kind and isinstance(result.get(key), str):
            return {name: result[key]}
    return None


def run_view(db: Database, run_id: int, *, after_log: int = 0) -> dict[str, Any]:
    """A run with its settings, the command for it, its result, its relatives, why it failed and what can be done, log
    lines above `after_log`, and curves: reading -> [[step, value], ...]. Raises InvalidInput.
    """
    run = run_rows.get(db, run_id)
    related = run_rows.related(db, run_id)
    again = not related["retried_by"] and run_rows.retries_left(db, run_id) > 0
    return {
        **row(run),
        "config": run.config,
        "command": _command(db, run),
        "result": run.result,
        "attempt": run.attempt,
        "max_attempts": run.max_attempts,
        "resumed_from": run.config.get("resume_from"),
        **{name: [_relative(one) for one in found] for name, found in related.items()},
        **ending(db, run),
        "predicted": estimating.predicted(db, run.id),
        "environment": environment.read(db, run.id),
        "can": {
            "cancel": run.ended_at is None and run.cancel_asked_at is None,
            "retry": again and run.status in ENDED_EARLY,
            "resume_step": resuming.step_of(db, run) if again else None,
        },
        "curves": curves(db, run_id),
        "alarms": [asdict(one) for one in run_alarms.of(db, run_id)],
        "reward_quality": reward_slices.quality_view(db, run),
        "logs": [_line(line) for line in run_records.logs(db, run_id, after=after_log)],
    }


def ending(db: Database, run: Run) -> dict[str, Any]:
    """Why a run did not succeed and what to try, where it did not: {"failure": {cause, why, tries} or None}."""
    failure = failures.explain(run.error) if run.status in ENDED_EARLY else None
    if failure is None:
        return {"failure": None}
    tries = [
        {"code": code, "words": words}
        for code, words in failure.tries
        if code != "resume" or resuming.step_of(db, run) is not None
    ]
    return {"failure": {"cause": failure.cause, "why": failure.why, "tries": tries}}


def curves(db: Database, run_id: int, most: int = MOST_POINTS) -> dict[str, list[list[float | None]]]:
    """Each reading of a run's steps as [[step, value], ...], thinned to about `most` points."""
    found: dict[str, list[list[float | None]]] = {}
    for metric in _thinned(run_records.metrics(db, run_id, "steps"), most):
        for name, value in metric.values.items():
            found.setdefault(name, []).append([metric.step, value])
    return found


def every_step(db: Database, run_ids: Sequence[int]) -> list[dict[str, Any]]:
    """All readings of all steps of some runs, {run, step, reading: value}, in the order asked for; none left out, as
    for a program. Raises InvalidInput for a run that is not there."""
    known = [run_rows.get(db, one) for one in dict.fromkeys(run_ids)]
    return [
        {"run": run.id, "step": metric.step, **metric.values}
        for run in known
        for metric in run_records.metrics(db, run.id, "steps")
    ]


def compared(db: Database, run_ids: Sequence[int]) -> dict[str, Any]:
    """Several runs with their curves, for one plot, in the order asked for; each once. Raises InvalidInput."""
    return {"runs": [{**row(run_rows.get(db, one)), "curves": curves(db, one)} for one in dict.fromkeys(run_ids)]}


def samples(db: Database, run_id: int, *, page: int = 0, size: int = SAMPLES_A_PAGE) -> dict[str, Any]:
    """What the run's policy wrote on the way, prompt by prompt: {total, steps, prompts: [{prompt, texts}]}."""
    run_rows.get(db, run_id)
    found = shown_samples.read(resuming.run_folder(db.folder, run_id))
    steps = sorted({one.step for one in found})
    if len(steps) > STEPS_SHOWN:  # the first, the last, and some between
        steps = sorted({steps[round(place * (len(steps) - 1) / (STEPS_SHOWN - 1))] for place in range(STEPS_SHOWN)})
    ids = sorted({one.prompt_id for one in found})
    known = {one.id: one for one in prompts.listing(db, ids=ids[page * size : (page + 1) * size])}
    shown = []
    for prompt_id, prompt in sorted(known.items()):
        texts = [asdict(one) for one in found if one.prompt_id == prompt_id and one.step in steps]
        shown.append({"prompt_id": prompt_id, "prompt": _words(prompt), "texts": texts})
    return {"total": len(ids), "steps": steps, "prompts": shown}


def tokens(db: Database, run_id: int, *, step: int | None, page: int, size: int) -> dict[str, Any]:
    """A few rollouts of a policy's training, token by token: {total, steps, rollouts}, of one iteration or of all."""
    run_rows.get(db, run_id)
    folder = resuming.run_folder(db.folder, run_id)
    total, steps, rollouts = token_rows.read(folder, step=step, first=page * size, count=size)
    known = {one.id: _words(one) for one in prompts.listing(db, ids=sorted({one["prompt_id"] for one in rollouts}))}
    shown = [{**one, "prompt": known[one["prompt_id"]]} for one in rollouts]
    return {"total": total, "steps": steps, "rollouts": shown}


def _words(prompt: prompts.Prompt) -> str:
    return "\n\n".join(turn["content"] for turn in prompt.messages if turn["role"] != "system")


def log_page(db: Database, run_id: int, *, after: int | None, before: int | None, limit: int) -> dict[str, Any]:
    """Log lines, oldest first: those after a line, else the last ones before a line. `more`: whether there are others
    on that side. Raises InvalidInput.
    """
    run_rows.get(db, run_id)
    if after is not None:
        found = run_records.logs(db, run_id, after=after, limit=limit + 1)
        return {"lines": [_line(line) for line in found[:limit]], "more": len(found) > limit}
    found = run_records.latest_logs(db, run_id, before=before, limit=limit + 1)
    return {"lines": [_line(line) for line in found[-limit:]], "more": len(found) > limit}


def config_toml(db: Database, run_id: int) -> str:
    """All settings of a run as a file for `tastemaker run --config`. Raises InvalidInput."""
    run = run_rows.get(db, run_id)
    about = f"# Run {run.id}, {run.kind}: tastemaker run STUDY {run.kind} --config FILE.toml\n"
    return about + toml_of(run.config)


def _command(db: Database, run: Run) -> str | None:
    """The command that asks for the same; none for settings of an older version that cannot be read."""
    try:
        return run_plan.plan(db, run.kind, run.config).command
    except SettingsError:
        return None


def _relative(run: Run) -> dict[str, Any]:
    return {"id": run.id, "kind": run.kind, "status": run.status}


def _line(line: run_records.LogLine) -> dict[str, Any]:
    return {"id": line.id, "at": line.at, "level": line.level, "text": line.text}


def _thinned(found: list[run_records.Metric], most: int) -> list[run_records.Metric]:
    if len(found) <= most:
        return found
    stride = -(-len(found) // most)
    return [one for place, one in enumerate(found) if place % stride == 0 or place == len(found) - 1]
