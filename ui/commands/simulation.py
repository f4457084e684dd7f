"""`simulate`: whole rounds with simulated annotators who follow a hidden taste, to see that the loop learns."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ui.commands.arguments import AsJson, Base, Functions, Precision, Study
from ui.commands.output import as_text, print_json

FIGURES = {
    "round": "round",
    "judgments": "judgments",
    "policy": "policy",
    "share": "share that prefers the new policy to the base (0.5: no better)",
    "share_low": "  from",
    "share_high": "  to",
    "share_max": "  at most possible",
    "reward_accuracy": "accuracy of the reward on fresh pairs of held-out prompts",
    "reward_accuracy_low": "  from",
    "reward_accuracy_high": "  to",
    "length_baseline": "  'the longer one wins'",
    "kl_held_out_nats": "KL to the base on held-out prompts, nats a completion",
    "kl_nats": "  by the texts of its training",
    "cut_off_rate": "cut off",
    "cut_off_rate_base": "  of the base",
    "empty_rate": "empty",
    "identical_rate": "equal to another",
    "distinct_2_ratio": "different word pairs, new to base",
    "alarms": "alarms of the policy's run",
    "collapsed": "collapsed",
    "seconds": "seconds",
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
    precision: Precision = None,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="A setting of a kind of run, as in train-policy.ppo.steps=4; may be repeated.",
            metavar="KEY=VALUE",
        ),
    ] = None,
    functions: Functions = None,
    as_json: AsJson = False,
) -> None:
    """Go through rounds of the loop with simulated annotators, and measure after each what was learnt.

    The study is made where there is none. With --json one object a round is printed, on a line of its own.
    """
    from rounds import simulate as simulation
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
            precision=precision,
            overrides=values or [],
            functions=functions,
            on_progress=progress.show,
        ):
            if as_json:
                print_json(report)
            else:
                print_report(report)


def print_report(report: dict[str, Any]) -> None:
    """One round for people: the figures that matter, one a line."""
    width = max(map(len, FIGURES.values()))
    for name, words in FIGURES.items():
        if name in report:
            print(f"{words:<{width}}  {as_text(report[name])}")
    print(flush=True)
