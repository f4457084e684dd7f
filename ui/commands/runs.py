"""`run` starts a run, `runs` shows them, `curves` what they read on the way, `cancel` stops one, `retry` starts one
again."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.commands.arguments import AsJson, Functions, RunNumber, Study
from ui.commands.output import as_text, plain, print_json, print_table, say

POLICY_FIGURES = ("score", "held_out", "kl_nats", "cut_off", "stopped_early")
"""What is told of a policy when its training has ended: as on its page."""
EVALUATED_FIGURES = ("completions", "cut_off", "empty", "mean_tokens", "distinct_2", "mean_reward", "kl_nats")
"""What is told of each policy of an evaluation."""


class FunctionsNeedWait(ValueError):
    """Own reward functions were given where no worker starts that would read them."""


class GateNeedsEvaluation(ValueError):
    """A gate was asked for that nothing is evaluated for."""


if TYPE_CHECKING:
    from feedback_store.database import Database
    from feedback_store.runs import Run


def run(
    study: Study,
    kind: Annotated[str, typer.Argument(help="sample, train-reward, train-policy or evaluate.", show_default=False)],
    config: Annotated[
        Path | None, typer.Option(help="Settings from a TOML file.", metavar="FILE.toml", show_default=False)
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", help="One setting, as in ppo.steps=20; may be repeated.", metavar="KEY=VALUE"),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="Settings by a name: quick, normal, thorough; train-policy: fast. --config and --set come on top.",
            metavar="NAME",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Start nothing: print all settings, what it will take, and the command.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for its end; starts a worker where none is at work.")
    ] = False,
    fail_below: Annotated[
        float | None,
        typer.Option(
            "--fail-below",
            help="With evaluate and --wait: exit code 1 where the current policy is preferred to its parent in less.",
            min=0.0,
            max=1.0,
            metavar="SHARE",
            show_default=False,
        ),
    ] = None,
    functions: Functions = None,
    as_json: AsJson = False,
) -> None:
    """Put a run into the study's queue, and with --wait see it through.

    --fail-below is a gate for scripts: it goes by blind judgments where there are ten or more, else by the reward.
    --functions is for the worker that --wait starts; one that is at work already keeps its own.
    """
    from rounds import evaluating, run_plan, studies, verbs

    _require_wait(functions, wait=wait)
    if fail_below is not None and (kind != "evaluate" or not wait):
        raise GateNeedsEvaluation("--fail-below goes with the kind evaluate and --wait: run STUDY evaluate --wait.")
    db = studies.open_or_create(study)
    if fail_below is not None:
        evaluating.require_gate(db, run_plan.resolve(db, kind, values or [], config, preset=preset))
    if dry_run:
        show_plan(db, study, kind, values or [], config, preset, as_json=as_json)
        return
    started = verbs.start_run(db, kind, values or [], config_file=config, preset=preset)
    tell(db, study, started, wait=wait, fail_below=fail_below, functions=functions, as_json=as_json)


def _require_wait(functions: Path | None, *, wait: bool) -> None:
    """Raises FunctionsNeedWait, or NoSuchFolder where the folder of own functions is not there."""
    from rounds import supervisor

    if functions is not None and not wait:
        raise FunctionsNeedWait("--functions goes with --wait, which starts a worker. Else give it to serve or worker.")
    supervisor.require_folder(functions)


def tell(
    db: "Database",
    study: Path,
    started: "Run",
    *,
    wait: bool,
    as_json: bool,
    fail_below: float | None = None,
    functions: Path | None = None,
) -> None:
    """Say that a run was queued; with `wait` see it through and say how it ended: code 1 where it did not succeed, or
    where the current policy's share is below `fail_below`. `functions` as in waiting.see_through.
    """
    from rounds import evaluating
    from ui.commands.waiting import see_through

    if wait:
        started = see_through(db, started, quiet=as_json, functions=functions)
    ended_well = started.status == "succeeded"
    gate = evaluating.gate(db, started) if fail_below is not None and ended_well else None
    if as_json:
        print_json({**plain(started), "gate": gate} if gate else started)
    elif wait:
        print(f"Run {started.id} ({started.kind}) {started.status}{took_words(db, started, before=', ')}.")
        print_result(started.result)
        say_alarms(db, started)
        say_unchanged(started)
    else:
        print(f"Run {started.id} ({started.kind}) is queued. `tastemaker runs {study}` shows how it goes.")
    if wait and started.status != "succeeded":
        if started.error:
            say(f"tastemaker: {started.error}")
        raise typer.Exit(1)
    if gate is not None and fail_below is not None:
        say(f"{gate.words()}. {'Below' if gate.share < fail_below else 'Not below'} {fail_below:g}.")
        if gate.share < fail_below:
            raise typer.Exit(1)


def show_plan(
    db: "Database", study: Path, kind: str, values: list[str], config: Path | None, preset: str | None, *, as_json: bool
) -> None:
    """A run as it would be: all its settings, the command with what differs, time, memory and disk."""
    from rounds import estimating, run_plan, setting_fields
    from ui.commands.output import print_fields

    made = run_plan.plan(db, kind, run_plan.resolve(db, kind, values, config, preset=preset))
    told = estimating.estimate_run(db, kind, made.settings)
    command = run_plan.command(kind, made.changed, str(study))
    if as_json:
        parts = {"kind": kind, "settings": made.settings, "changed": made.changed, "command": command}
        print_json({**parts, "estimate": told})
        return
    print_fields({name: setting_fields.as_typed(value) for name, value in setting_fields.flat(made.settings).items()})
    basis = f"by runs {', '.join(map(str, told.runs))}" if told.runs else "rough: no such run has ended here yet"
    print(f"\nTakes about {told.seconds:.0f} s ({told.seconds_low:.0f} to {told.seconds_high:.0f}; {basis}).")
    stays = f"{size_words(told.disk_gb)} while it runs, of which {size_words(told.kept_gb)} stay"
    print(f"Memory about {told.memory_gb:.1f} GB, disk about {stays}.")
    if told.free_disk_gb is not None:
        others = f" besides {size_words(told.promised_disk_gb)} for other runs" if told.promised_disk_gb else ""
        print(f"Free on the disk: {size_words(told.free_disk_gb)}{others}.")
    for warning in told.warnings:
        what = warning["code"].removeprefix("little_")
        print(f"Warning: {warning['needed_gb']} GB of {what} are needed, {warning['free_gb']} GB are free.")
    print(f"\n{command}")


def size_words(gigabytes: float) -> str:
    """A size as people read it."""
    return f"{gigabytes * 1000:.1f} MB" if gigabytes < 0.1 else f"{gigabytes:.2f} GB"


def retry(
    study: Study,
    number: RunNumber,
    from_checkpoint: Annotated[
        bool,
        typer.Option(
            "--from-checkpoint",
            help="Go on from its newest checkpoint instead of from the start: train-policy only, others take minutes.",
        ),
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for its end; starts a worker where none is at work.")
    ] = False,
    functions: Functions = None,
    as_json: AsJson = False,
) -> None:
    """Put a run that failed or was cancelled into the queue again, as a new run.

    --functions is for the worker that --wait starts; one that is at work already keeps its own.
    """
    from rounds import studies, verbs

    _require_wait(functions, wait=wait)
    db = studies.open_or_create(study)
    run = verbs.retry_run(db, number, from_checkpoint=from_checkpoint)
    tell(db, study, run, wait=wait, functions=functions, as_json=as_json)


def say_alarms(db: "Database", run: "Run") -> None:
    """What went past its limit while a policy was trained; nothing where nothing did."""
    from rounds import run_alarms

    found = run_alarms.of(db, run.id)
    for one in found:
        say(f"Alarm at step {one.step}: {one.code} {as_text(one.value)}, limit {as_text(one.limit)}.")
    if found:
        say("Look at the texts of the policy before you use it.")


def say_unchanged(run: "Run") -> None:
    """That a policy run made nothing new; nothing where it did."""
    from feedback_store import policies

    result = run.result or {}
    if policies.is_unchanged(result):
        stays = result.get("stays_current")
        why = (
            "every later policy was past a limit or clearly worse"
            if result["kept_steps"] == 0
            else "no step changed a weight, so there was nothing to learn: look at the rewards and at what was cut off"
        )
        say(
            f"{result['policy']} is no other than {result['parent']}, which the run started from: {why}."
            f"{f' {stays} stays current.' if stays else ''}"
        )


def print_result(result: dict[str, Any] | None) -> None:
    """The plain figures and names of a run's result, and of the policy that it made."""
    from ui.commands.output import print_fields
    from ui.commands.rewards import of_holdout

    if result:
        metrics = result.get("metrics") or {}
        known = {name: metrics[name] for name in POLICY_FIGURES if metrics.get(name) is not None}
        print_fields({name: one for name, one in {**result, **known}.items() if not isinstance(one, dict | list)})
        if "holdout" in metrics:
            decided, accuracy, interval, longer = of_holdout(metrics)
            print_fields(
                {
                    "decided held-out pairs": decided, "accuracy on them": accuracy, "95 % interval": interval,
                    "length baseline": longer,
                }
            )  # fmt: skip
        if compared := result.get("policies"):
            rows = [[name, *(figures.get(one) for one in EVALUATED_FIGURES)] for name, figures in compared.items()]
            print_table(["policy", *(one.replace("_", " ") for one in EVALUATED_FIGURES)], rows, empty="")


def listing(
    study: Study,
    limit: Annotated[int, typer.Option(help="Show the latest N.", min=1)] = 20,
    as_json: AsJson = False,
) -> None:
    """The study's runs, latest first."""
    from feedback_store import runs
    from rounds import environment, estimating, run_views, studies

    db = studies.open_or_create(study)
    found = runs.listing(db, limit=limit)
    if as_json:
        told = [
            {
                **run_views.ending(db, run),
                "predicted": estimating.predicted(db, run.id),
                "environment": environment.read(db, run.id),
            }
            for run in found
        ]
        print_json([{**asdict(run), **run_views.row(run), **more} for run, more in zip(found, told, strict=True)])
        return
    rows = [[run.id, run.kind, status_words(run), how_far(db, run), run.created_at, run.error] for run in found]
    print_table(
        ["run", "kind", "status", "progress", "asked at", "error"],
        rows,
        empty="No runs yet: `tastemaker run` starts one.",
    )


def curves(
    study: Study,
    numbers: Annotated[list[int], typer.Argument(help="Runs by number.", metavar="RUN...", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """What runs read at each step, as CSV: a row a step, a column a reading; empty where a run has no such reading."""
    import csv
    import sys

    from rounds import run_views, studies

    rows = run_views.every_step(studies.open_or_create(study), numbers)
    if as_json:
        print_json(rows)
        return
    writer = csv.DictWriter(
        sys.stdout, list(dict.fromkeys(["run", "step", *(name for row in rows for name in row)])), lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(rows)


def status_words(run: "Run") -> str:
    """Its status, with the alarms that a policy raised while it was trained."""
    alarms = (run.result or {}).get("alarms")
    return f"{run.status}, alarm: {', '.join(alarms)}" if alarms else run.status


def how_far(db: "Database", run: "Run") -> str:
    """What it is at; of one that has ended how long it took."""
    if run.ended_at is not None:
        return took_words(db, run)
    waits = {"seconds_left": None} if run.status == "queued" else {}
    return progress_words({**run.progress, **waits}) if run.progress else ""


def took_words(db: "Database", run: "Run", before: str = "") -> str:
    """How long it took, and what it was expected to take when it began; nothing where neither is known."""
    from rounds import estimating

    if run.seconds_at_work is None:
        return ""
    told = estimating.predicted(db, run.id)
    expected = f" ({told['seconds']:.0f} s expected)" if told and run.status == "succeeded" else ""
    return f"{before}took {run.seconds_at_work:.0f} s{expected}"


def progress_words(progress: dict[str, Any] | None) -> str:
    """Phase, step of steps and time left, as far as they are known."""
    if not progress:
        return ""
    parts = [str(progress.get("phase") or "")]
    if progress.get("steps"):
        parts.append(f"{progress.get('step', 0)}/{progress['steps']}")
    if progress.get("seconds_left") is not None:
        parts.append(f"{progress['seconds_left']:.0f} s left")
    return " ".join(part for part in parts if part)


def cancel(
    study: Study,
    number: RunNumber,
    as_json: AsJson = False,
) -> None:
    """Stop a run. One that waits ends at once; one at work stops between two steps."""
    from feedback_store import runs
    from rounds import studies

    db = studies.open_or_create(study)
    runs.cancel(db, number)
    run = runs.get(db, number)
    if as_json:
        print_json(run)
    else:
        print(f"Run {run.id} ({run.kind}) is {'asked to stop' if run.status == 'running' else run.status}.")
        if run.kind == "train-policy" and run.started_at:
            again = f"tastemaker retry {study} {run.id} --from-checkpoint"
            print(f"Until a later policy run has succeeded `{again}` goes on from its newest checkpoint.")
