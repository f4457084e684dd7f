"""`score`: scores for completions of a file by a reward model."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from ui.commands.arguments import AsJson, Study
from ui.commands.output import print_json


def score(
    study: Study,
    file: Annotated[
        Path, typer.Argument(help="JSON lines with prompts and completions (format comparisons).", show_default=False)
    ],
    reward_model: Annotated[
        str | None,
        typer.Option(
            help="Name or number of the reward model; by default the latest.", metavar="NAME", show_default=False
        ),
    ] = None,
    to: Annotated[Path | None, typer.Option(help="Write the scores here too.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Score completions; where the file has judgments, also accuracy, log-loss, ECE and the length baseline.

    Each line of the scores stands for a line of the file. A worker is started where none is at work.
    """
    from rounds import studies, verbs
    from ui.commands.runs import print_result
    from ui.commands.waiting import require_success, see_through

    db = studies.open_or_create(study)
    if not file.is_file():
        raise FileNotFoundError(2, "There is no such file", str(file))
    name = f"reward-{reward_model}" if reward_model and reward_model.isdigit() else reward_model
    run = verbs.start_run(db, "score", {"file": str(file), "reward_model": name})
    run = see_through(db, run, quiet=as_json)
    result = require_success(run)
    scores = study / "runs" / str(run.id) / "scores.jsonl"
    if to is not None:
        shutil.copyfile(scores, to)
    if as_json:
        print_json({**result, "run": run.id, "scores": str(to or scores)})
        return
    print_result(result)
    print(f"scores  {to or scores}")
