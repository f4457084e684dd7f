"""`reward list|export`: the study's reward models."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ui.commands.arguments import AsJson, BaseLicence, DataLicence, Study
from ui.commands.output import print_json, print_table

app = typer.Typer(help="Reward models of a study.", rich_markup_mode=None)


class Form(StrEnum):
    """What a reward model is exported as."""

    module = "module"
    classifier = "classifier"


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


@app.command("export")
def export(
    study: Study,
    form: Annotated[
        Form, typer.Option("--format", help="module: equal scores, a file of its own; classifier: near it, for TRL.")
    ] = Form.module,
    reward_model: Annotated[
        str | None, typer.Option(help="Name of the reward model; by default the latest.", show_default=False)
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="Folder to copy it to as well; must not exist.", show_default=False)
    ] = None,
    data_licence: DataLicence = None,
    base_licence: BaseLicence = None,
    as_json: AsJson = False,
) -> None:
    """Write a reward model as a folder that other programs load, with a card and checksums.

    The folder lies in the study's exports folder. A worker is started where none is at work.
    """
    import shutil

    from rounds import studies, verbs
    from ui.commands.waiting import require_success, see_through

    db = studies.open_or_create(study)
    if to is not None and to.exists():
        raise FileExistsError(17, "The folder exists already, nothing was written", str(to))
    config = {"format": form.value, "data_licence": data_licence, "base_licence": base_licence}
    run = see_through(db, verbs.start_run(db, "reward-export", config | {"reward_model": reward_model}), quiet=as_json)
    result = require_success(run)
    folder = study / result["folder"]
    if to is not None:
        shutil.copytree(folder, to)
        folder = to
    if as_json:
        told = {name: result[name] for name in ("reward_model", "format", "agreement") if name in result}
        print_json({**told, "folder": str(folder), "run": run.id})
    else:
        print(f"{result['reward_model']} is in {folder}")
