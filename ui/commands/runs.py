"""`run` starts a run, `runs` shows them, `cancel` stops one."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ui.commands.arguments import AsJson, Study
from ui.commands.output import plain, print_json, print_table, say


class GateNeedsEvaluation(ValueError):
    """A gate was asked for that nothing is evaluated for."""


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
    as_json: AsJson = False,
) -> None:
    """Put a run into the study's queue, and with --wait see it through.

    --fail-below is a gate for scripts: it goes by blind judgments where there are ten or more, else by the reward.
    """
    from rounds import evaluating, studies, verbs
    from ui.commands.waiting import see_through

    if fail_below is not None and (kind != "evaluate" or not wait):
        raise GateNeedsEvaluation("--fail-below goes with the kind evaluate and --wait: run STUDY evaluate --wait.")
    db = studies.open_or_create(study)
    started = verbs.start_run(db, kind, values or [], config_file=config)
    if wait:
        started = see_through(db, started, quiet=as_json)
    ended_well = started.status == "succeeded"
    gate = evaluating.gate(db, started) if fail_below is not None and ended_well else None
    if as_json:
        print_json({**plain(started), "gate": gate} if gate else started)
    elif wait:
        print(f"Run {started.id} ({started.kind}) {started.status}.")
        print_result(started.result)
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


def print_result(result: dict[str, Any] | None) -> None:
    """The plain figures and names of a run's result."""
    from ui.commands.output import print_fields

    if result:
        print_fields({name: value for name, value in result.items() if not isinstance(value, dict | list)})


def listing(
    study: Study,
    limit: Annotated[int, typer.Option(help="Show the latest N.", min=1)] = 20,
    as_json: AsJson = False,
) -> None:
    """The study's runs, latest first."""
    from feedback_store import runs
    from rounds import studies

    db = studies.open_or_create(study)
    found = runs.listing(db, limit=limit)
    if as_json:
        print_json(found)
        return
    rows = [[run.id, run.kind, run.status, progress_words(run.progress), run.created_at, run.error] for run in found]
    print_table(
        ["run", "kind", "status", "progress", "asked at", "error"],
        rows,
        empty="No runs yet: `tastemaker run` starts one.",
    )


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
    number: Annotated[int, typer.Argument(help="Number of the run.", metavar="RUN", show_default=False)],
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
