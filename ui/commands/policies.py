"""`policy list|export|verify|use`: the study's policies."""

from pathlib import Path
from typing import Annotated

import typer

from ui.commands.arguments import AsJson, Study
from ui.commands.output import print_json, print_table, say

app = typer.Typer(help="Policies of a study: base and adapters.", rich_markup_mode=None)
FIGURES = {"reward_model": "reward", "score": "score", "kl_nats": "KL, nats", "cut_off": "cut off"}
Name = Annotated[str, typer.Argument(help="Name of the policy, such as policy-1.", show_default=False)]


class PolicyDamaged(ValueError):
    """The files of a policy are not the ones that were published."""


@app.callback()
def group() -> None:
    """Policies of a study: base and adapters."""


@app.command("list")
def listing(study: Study, as_json: AsJson = False) -> None:
    """All policies; the current one writes the next pairs."""
    from feedback_store import policies
    from rounds import studies

    db = studies.open_or_create(study)
    found, current = policies.listing(db), policies.current(db)
    if as_json:
        print_json({"current": current.name if current else None, "policies": found})
        return
    names = {policy.id: policy.name for policy in found}
    rows = [
        [
            policy.name,
            "current" if current and policy.id == current.id else "",
            policy.kind,
            names.get(policy.parent_id or 0),
            *(policy.metrics.get(name) for name in FIGURES),
            policy.created_at,
        ]
        for policy in found
    ]
    columns = ["name", "", "kind", "parent", *FIGURES.values(), "made at"]
    print_table(columns, rows, empty="No policies yet: the worker registers the base when it first starts.")


@app.command("export")
def export(
    study: Study,
    name: Name,
    merged: Annotated[bool, typer.Option("--merged", help="Merge the adapter into a copy of the base.")] = False,
    to: Annotated[
        Path | None, typer.Option(help="Folder to copy it to as well; must not exist.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a policy as a folder that peft or transformers load, with a card and checksums.

    The folder lies in the study's exports folder. A worker is started where none is at work.
    """
    import shutil

    from feedback_store import policies
    from rounds import studies, verbs
    from ui.commands.waiting import require_success, see_through

    db = studies.open_or_create(study)
    policy = policies.by_name(db, name)
    if to is not None and to.exists():
        raise FileExistsError(17, "The folder exists already, nothing was written", str(to))
    run = see_through(
        db, verbs.start_run(db, "policy-export", {"policy": policy.name, "merged": merged}), quiet=as_json
    )
    folder = study / require_success(run)["folder"]
    if to is not None:
        shutil.copytree(folder, to)
        folder = to
    if as_json:
        print_json({"policy": policy.name, "folder": str(folder), "run": run.id})
    else:
        print(f"{policy.name} is in {folder}")


@app.command("verify")
def verify(
    study: Study,
    name: Annotated[str | None, typer.Argument(help="Name of the policy; by default all.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Check every file of a policy against the checksums that were published with it."""
    from feedback_store import policies
    from language_models import folders
    from rounds import studies

    db = studies.open_or_create(study)
    chosen = [policies.by_name(db, name)] if name else policies.listing(db)
    checked = [policy for policy in chosen if policy.folder]
    for policy in checked:
        if folders.verify(study / str(policy.folder)) != policy.manifest_sha256:
            raise PolicyDamaged(
                f"{policy.name}: its manifest is not the one that was published; restore {policy.folder} from a copy"
            )
    if as_json:
        print_json({"verified": [policy.name for policy in checked]})
    elif checked:
        print(f"Every file is as published: {', '.join(policy.name for policy in checked)}")
    else:
        say("Nothing to verify: the base has no folder in the study.")


@app.command("use")
def use(study: Study, name: Name, as_json: AsJson = False) -> None:
    """Make a policy the current one: it writes the next pairs, and the next policy starts from it."""
    from rounds import studies, verbs

    policy = verbs.use_policy(studies.open_or_create(study), name, by="command")
    if as_json:
        print_json({"current": policy.name})
    else:
        print(f"{policy.name} is the current policy.")
