"""`plan` says what so many people and judgments would tell."""

from typing import Annotated

import typer

from ui.commands.arguments import AsJson, Study
from ui.commands.output import print_fields, print_json, print_table


def plan(
    study: Study,
    people: Annotated[int, typer.Option(help="People who judge.", min=1, max=100_000, show_default=False)],
    judgments: Annotated[
        int, typer.Option(help="Judgments of all together.", min=1, max=100_000_000, show_default=False)
    ],
    assume: Annotated[
        list[str] | None,
        typer.Option(help="An assumption: skips, ties, seconds, accuracy or agreement.", metavar="NAME=VALUE"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What so many judgments come to: labels, widths of intervals, differences that can be told."""
    from rounds import planning, studies

    found = planning.plan_of(studies.open_or_create(study), people, judgments, _assumed(assume or []))
    if as_json:
        print_json(found)
        return
    print_fields(
        {
            "labels to train on": f"{found.training} ({found.training_decided} decided)",
            "on held-out prompts": f"{found.holdout} ({found.holdout_decided} decided)",
            "comparisons": f"{found.comparisons}, {found.shared} of them judged by several",
            "second judgments": found.again,
            "check questions": found.checks,
            "repeats": found.repeats,
            "skipped": found.skipped,
            "accuracy of the reward": _half(found.accuracy_half),
            "raw agreement": _half(found.agreement_half),
            "for each person": f"{found.each} judgments, {found.hours_each:.1f} hours"
            + (f", {found.days} days" if found.days else ""),
        }
    )
    print_table(
        ["blind judgments of two policies", "a share of wins told from a half"],
        [
            [f"{one.judgments}{note}", "not even all of them" if one.share is None else f"{one.share:.2f}"]
            for one, note in [
                (found.new_against_old, " (new against old, on the way)"),
                *((x, "") for x in found.blind_studies),
            ]
        ],
        empty="",
    )
    print_table(
        ["assumed", "value", "source"],
        [[name, one["value"], one["source"]] for name, one in found.assumptions.model_dump().items()],
        empty="",
    )


def _half(width: float | None) -> str:
    return "nothing to measure on" if width is None else f"± {width:.3f}"


def _assumed(words: list[str]) -> dict[str, float]:
    found = {}
    for word in words:
        name, _, value = word.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise typer.BadParameter(f"{word!r} is no assumption: write NAME=NUMBER, such as ties=0.2.") from None
    return found
