"""`policy list|export|import|verify|use`: the study's policies."""

from pathlib import Path
from typing import Annotated

import typer

from ui.commands.arguments import AsJson, BaseLicence, DataLicence, Study
from ui.commands.output import print_json, print_table, say

app = typer.Typer(help="Policies of a study: base and adapters.", rich_markup_mode=None)
FIGURES = {"reward_model": "reward", "score": "score", "kl_nats": "KL, nats", "cut_off": "cut off"}
Name = Annotated[str, typer.Argument(help="Name of the policy, such as policy-1.", show_default=False)]


class PolicyDamaged(ValueError):
    """The files of a policy are not the ones that were published."""


class OneForm(ValueError):
    """Options were given that do not go together."""


class CannotVerify(ValueError):
    """Two models could not be compared; the words say why."""


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
            "imported" if policy.imported else policy.kind,
            names.get(policy.parent_id or 0),
            *(policy.metrics.get(name) for name in FIGURES),
            policy.metrics.get("alarms") or None,
            policy.created_at,
        ]
        for policy in found
    ]
    columns = ["name", "", "kind", "parent", *FIGURES.values(), "alarms", "made at"]
    print_table(columns, rows, empty="No policies yet: the worker registers the base when it first starts.")


@app.command("export")
def export(
    study: Study,
    name: Name,
    with_base: Annotated[bool, typer.Option("--with-base", help="The adapter, and its base beside it.")] = False,
    merged: Annotated[bool, typer.Option("--merged", help="The adapter merged into a copy of its base.")] = False,
    to: Annotated[
        Path | None, typer.Option(help="Folder to copy it to as well; must not exist.", show_default=False)
    ] = None,
    data_licence: DataLicence = None,
    base_licence: BaseLicence = None,
    as_json: AsJson = False,
) -> None:
    """Write a policy as a folder that peft, transformers and vLLM load, with a card and checksums.

    An adapter alone is written where its base lies on the hub; a bundled or local base goes with it, or into it. The
    folder lies in the study's exports folder. A worker is started where none is at work.
    """
    import shutil

    from feedback_store import policies
    from rounds import studies, verbs
    from ui.commands.waiting import require_success, see_through

    if with_base and merged:
        raise OneForm("--with-base and --merged are two forms of an export: give one of them, or export twice.")
    db = studies.open_or_create(study)
    policy = policies.by_name(db, name)
    if to is not None and to.exists():
        raise FileExistsError(17, "The folder exists already, nothing was written", str(to))
    form = "merged" if merged else "adapter-with-base" if with_base else "adapter"
    config = {"policy": policy.name, "format": form, "data_licence": data_licence, "base_licence": base_licence}
    run = see_through(db, verbs.start_run(db, "policy-export", config), quiet=as_json)
    folder = study / require_success(run)["folder"]
    if to is not None:
        shutil.copytree(folder, to)
        folder = to
    if as_json:
        print_json({"policy": policy.name, "folder": str(folder), "run": run.id})
    else:
        print(f"{policy.name} is in {folder}")


@app.command("import")
def import_adapter(
    study: Study,
    folder: Annotated[Path, typer.Argument(help="Folder of the adapter, in PEFT's layout.", show_default=False)],
    name: Annotated[
        str | None,
        typer.Option(help="It is called imported-NAME; by default imported-1, and so on.", show_default=False),
    ] = None,
    start: Annotated[
        bool, typer.Option("--start", help="Make it the current policy: the study goes on from it.")
    ] = False,
    vouch: Annotated[
        bool, typer.Option("--vouch", help="It was made for this study's very base, though no file in it tells.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take in a LoRA adapter that was made elsewhere, as a policy of the study.

    It has to have been made for the study's base, which is held as it was when the study was made (so there is no
    --precision here). Policies that are trained from it measure their KL to it. A worker is started where none is at
    work.
    """
    from rounds import studies, verbs
    from ui.commands.waiting import require_success, see_through

    db = studies.open_or_create(study)
    config = {"folder": str(folder), "name": name, "start": start, "vouched": vouch}
    run = see_through(db, verbs.start_run(db, "policy-import", config), quiet=as_json)
    made = require_success(run)["policy"]
    if as_json:
        print_json({"policy": made, "current": start, "run": run.id})
    else:
        print(f"{made} is a policy of the study{', and the current one' if start else ''}.")


@app.command("verify")
def verify(
    study: Study,
    what: Annotated[
        str | None,
        typer.Argument(
            help="Name of a policy, or folder of an export; by default all policies.",
            metavar="POLICY|FOLDER",
            show_default=False,
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            help="With a folder: base to load its adapter on; by default the one that it brings or names.",
            metavar="MODEL",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a policy's files against their checksums, or an export's logits against the study's.

    With a folder, exit code 1 says that what it holds is not the study's policy.
    """
    from feedback_store import policies
    from language_models import folders
    from rounds import studies

    db = studies.open_or_create(study)
    known = [policy.name for policy in policies.listing(db)]
    if what is not None and what not in known and Path(what).is_dir():
        verify_export(study, Path(what), base, as_json=as_json)
        return
    if base is not None:
        given = "none was given" if what is None else f"{what!r} is none"
        raise OneForm(f"--base goes with the folder of an export, and {given}.")
    if what is not None and what not in known:
        raise CannotVerify(f"{what!r} is no folder, and no policy of this study ({', '.join(known) or 'none yet'}).")
    chosen = [policy for policy in policies.listing(db) if what in (None, policy.name)]
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


def verify_export(study: Path, folder: Path, base: str | None, *, as_json: bool) -> None:
    """In a process of its own, which loads the two models; code 1 where they are not the same policy."""
    import json
    import subprocess
    import sys

    words = [sys.executable, "-m", "rounds.verify_export", str(study), str(folder), *(["--base", base] if base else [])]
    if sys.stderr.isatty() and not as_json:
        say("Loading the study's policy and the export, and comparing their logits: a minute or two.")
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        how = f"was killed by signal {-done.returncode}, probably out of memory" if done.returncode < 0 else "failed"
        raise CannotVerify(
            last.removeprefix("verify: ") if done.returncode == 2 else f"the process that compares {how}: {last}"
        )
    found = json.loads(done.stdout)
    if as_json:
        print_json(found)
    else:
        print(found["verdict"])
        for fault in found["differs"]:
            print(f"- {fault}")
    if not found["same"]:
        raise typer.Exit(1)


@app.command("use")
def use(study: Study, name: Name, as_json: AsJson = False) -> None:
    """Make a policy the current one: it writes the next pairs, and the next policy starts from it."""
    from rounds import studies, verbs

    policy = verbs.use_policy(studies.open_or_create(study), name, by="command")
    if as_json:
        print_json({"current": policy.name})
    else:
        print(f"{policy.name} is the current policy.")
