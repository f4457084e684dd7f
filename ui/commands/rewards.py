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
    rows = [[reward.name, reward.run_id, measures(reward.metrics), reward.created_at] for reward in found]
    print_table(
        ["name", "run", "measures", "made at"],
        rows,
        empty="No reward model yet: `tastemaker run STUDY train-reward` trains one.",
    )


def measures(metrics: Mapping[str, Any] | None) -> str:
    """The figures among the metrics, on one line."""
    from ui.commands.output import as_text

    figures = {name: value for name, value in (metrics or {}).items() if isinstance(value, int | float | str)}
    return as_text(figures)
