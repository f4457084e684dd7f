"""`reward list`: the study's reward models."""

from collections.abc import Mapping
from typing import Any

import typer

from ui.commands.arguments import AsJson, Study
from ui.commands.output import print_json, print_table

app = typer.Typer(help="Reward models of a study.", rich_markup_mode=None)


@app.callback()
def group() -> None:
    """Reward models of a study."""


@app.command("list")
def listing(study: Study, as_json: AsJson = False) -> None:
    """All reward models with what they were measured at."""
    from feedback_store import reward_models
    from rounds import studies

    db = studies.open_or_create(study)
    found = reward_models.listing(db)
    if as_json:
        print_json(found)
        return
    rows = [
        [reward.name, reward.run_id, reward.metrics.get("judgments"), *of_holdout(reward.metrics), reward.created_at]
        for reward in found
    ]
    columns = ["name", "run", "judgments", "held out", "accuracy", "95 %", "longer wins", "made at"]
    print_table(columns, rows, empty="No reward model yet: `tastemaker run STUDY train-reward` trains one.")


def of_holdout(metrics: Mapping[str, Any]) -> list[Any]:
    """Decided pairs of held-out prompts, accuracy on them, its interval, and what "the longer one wins" reaches."""
    holdout = metrics.get("holdout") or {}
    low, high = holdout.get("accuracy_low"), holdout.get("accuracy_high")
    interval = f"{low:.2f} to {high:.2f}" if low is not None and high is not None else None
    return [holdout.get("decided"), holdout.get("accuracy"), interval, holdout.get("length_baseline")]
