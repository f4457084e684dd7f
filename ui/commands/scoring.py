"""`score`: scores for completions of a file by a reward model."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ui.commands.arguments import AsJson, Study
from ui.commands.output import print_json, print_table, require_place

NO_JUDGMENTS = "The file has no judgment of a pair, so there is nothing to measure the scores against."
FIGURES = {
    "accuracy": ("accuracy", "decided"),
    "length_baseline": ("'the longer one wins'", "decided"),
    "like_length_accuracy": ("accuracy, texts of like length", "like_length_pairs"),
    "like_length_baseline": ("'the longer one wins', like length", "like_length_pairs"),
    "log_loss": ("log-loss of who wins (a coin: 0.693)", "decided"),
    "three_way_log_loss": ("log-loss of first, tie or second", "pairs"),
    "ece": ("calibration error (ECE)", "decided"),
    "brier": ("Brier score (a coin: 0.25)", "decided"),
}
"""Figures of the report on judged pairs: words, and which count each is of."""


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
    """Score completions; where the file has judgments, also accuracy, log-loss, ECE, Brier and the length baseline.

    Each line of the scores stands for a line of the file. A worker is started where none is at work.
    """
    from rounds import studies, verbs
    from ui.commands.runs import print_result
    from ui.commands.waiting import require_success, see_through

    db = studies.open_or_create(study)
    if not file.is_file():
        raise FileNotFoundError(2, "There is no such file", str(file))
    require_place(to)
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
    print_table(["on the judgments", "value", "95 %", "n"], judged_rows(result.get("judged")), empty=NO_JUDGMENTS)


def judged_rows(judged: Mapping[str, Any] | None) -> list[list[Any]]:
    """A row a figure: words, value, interval, of how many pairs. None without judgments."""
    if not judged:
        return []
    rows = [
        [words, judged.get(name), interval(judged, name), judged.get(count)] for name, (words, count) in FIGURES.items()
    ]
    ceiling = judged.get("ceiling") or {}
    if ceiling.get("ceiling") is not None:
        rows.insert(
            1,
            ["best accuracy where people disagree", ceiling["ceiling"], interval(ceiling, "ceiling"), ceiling["pairs"]],
        )
    return rows


def interval(figures: Mapping[str, Any], name: str) -> str | None:
    """The 95 % interval of a figure in words."""
    low, high = figures.get(f"{name}_low"), figures.get(f"{name}_high")
    return None if low is None or high is None else f"{low:.3f} to {high:.3f}"
