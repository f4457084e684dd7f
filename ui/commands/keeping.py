"""`backup`, `restore` and `check`: keeping a study safe."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ui.commands.arguments import AsJson, Study
from ui.commands.output import print_json, say


def backup(
    study: Study,
    to: Annotated[Path, typer.Argument(help="Folder to write: a new or an empty one.", metavar="TO")],
    as_json: AsJson = False,
) -> None:
    """Copy a study, which may be in use, to a folder: judgments, weights, settings, and a sha256 of every file.

    Every judgment that was saved before it began is in it. Exports and checkpoints of unfinished runs are left out.
    """
    from feedback_store import backups
    from feedback_store.study_folder import in_words

    with _progress("Backing up", as_json) as on_progress:
        made = backups.backup(study, to, on_progress=on_progress)
    for name in made.damaged:
        say(f"{study / name} is damaged, and so is the copy of it. `tastemaker check {study}` says more.")
    if runs := backups.left_behind(study):
        say(
            f"No backup holds checkpoints (here those of run {', '.join(runs)}): a study that is restored from it "
            "starts such a run anew."
        )
    if as_json:
        print_json(made)
        return
    print(f"Wrote {made.folder}: {made.judgments} judgments, {made.files} files, {in_words(made.bytes)}.")


def restore(
    source: Annotated[Path, typer.Argument(help="The folder of the backup.", metavar="FROM", show_default=False)],
    study: Annotated[
        Path, typer.Argument(help="Folder of the study: a new or an empty one.", metavar="STUDY", show_default=False)
    ],
    as_json: AsJson = False,
) -> None:
    """Make a study from a backup, after every file has been checked; it appears whole or not at all.

    Sessions are ended. What was revoked, disabled, withdrawn or erased since the backup has to be done again.
    """
    from feedback_store import backups

    with _progress("Restoring", as_json) as on_progress:
        held = backups.restore(source, study, on_progress=on_progress)
    say(backups.undone_by(held))
    if as_json:
        print_json({"study": study, "made_at": held.made_at, "judgments": held.judgments, "files": held.files})
        return
    print(f"Restored {study} as it was at {held.made_at}: {held.judgments} judgments.")


def check(study: Study, as_json: AsJson = False) -> None:
    """Look for damage: the database, rows and weights against their sha256, and whether they agree. Changes nothing.

    Exit code 0: sound (lines that begin with -- are only worth knowing), 1: something is wrong.
    """
    from feedback_store import study_check

    findings = study_check.check(study)
    sound = not any(finding.fault for finding in findings)
    if as_json:
        print_json({"sound": sound, "findings": findings})
    else:
        for finding in findings:
            print(f"{'!!' if finding.fault else '--'}  {finding.where}: {finding.what}\n      {finding.advice}")
        print("Sound." if sound else "Not sound: see the lines that begin with !!")
    raise typer.Exit(0 if sound else 1)


@contextmanager
def _progress(what: str, as_json: bool) -> Iterator[Callable[[str, int, int], None] | None]:
    """A bar on a terminal's standard error while files are copied; elsewhere nothing."""
    if as_json or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda name, done, total: bar.update(task, description=f"{what} {name}", completed=done, total=total)
