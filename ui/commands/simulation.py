"""`simulate`: whole rounds with simulated annotators who follow a hidden taste, to see that the loop learns."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ui.commands.arguments import AsJson, Base, Study
from ui.commands.output import as_text, print_json

COLUMNS = {
    "round": "round",
    "judgments": "judgments",
    "reward_accuracy": "reward accuracy",
    "length_baseline": "longer wins",
    "share": "share for new policy",
    "share_low": "low",
    "share_high": "high",
    "share_max": "at most",
    "kl_to_base": "KL to base",
    "cut_off_rate": "cut off",
}


def simulate(
    study: Study,
    rounds: Annotated[int, typer.Option("--rounds", help="Rounds to go.", min=1)] = 2,
    pairs: Annotated[int, typer.Option(help="Training comparisons a round, one judgment each.", min=1)] = 48,
    taste: Annotated[
        str, typer.Option(help="Hidden taste: lists, concise, addresses_the_reader, cheerful or mix.")
    ] = "lists",
    annotators: Annotated[
        str, typer.Option(help="Who judges, as in careful:6,hasty:2,left_clicker:1.")
    ] = "careful:4,hasty:2",
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.", min=0)] = 0,
    prompts: Annotated[
        Path | None,
        typer.Option(help="Prompts of a new study; by default the demo's.", metavar="FILE", show_default=False),
    ] = None,
    base: Base = None,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="A setting of a kind of run, as in train-policy.ppo.steps=4; may be repeated.",
            metavar="KEY=VALUE",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Go through rounds of the loop with simulated annotators, and measure after each what was learnt.

    The study is made where there is none. With --json one object a round is printed, on a line of its own.
    """
    from rounds import simulate as simulation

    reports: list[dict[str, Any]] = []
    from ui.commands.waiting import Progress

    with Progress(quiet=as_json) as progress:
        for report in simulation.simulate(
            study,
            rounds=rounds,
            pairs=pairs,
            taste=taste,
            annotators=annotators,
            seed=seed,
            prompts=prompts,
            base=base,
            overrides=values or [],
            on_progress=lambda words: progress.show(str(words)),
        ):
            reports.append(report)
            if as_json:
                print_json(report)
            else:
                print_report(report)


def print_report(report: dict[str, Any]) -> None:
    """One round for people: the figures that matter, one a line."""
    from ui.commands.output import print_fields

    print_fields({words: as_text(report[name]) for name, words in COLUMNS.items() if name in report})
    print(flush=True)
