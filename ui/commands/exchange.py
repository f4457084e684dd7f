"""`import` and `export`: a study's prompts, completions and judgments from and to files."""

from pathlib import Path
from typing import Annotated

import typer

from ui.commands.arguments import AsJson, Base, Study
from ui.commands.output import print_fields, print_json, say


def import_file(
    study: Study,
    file: Annotated[Path, typer.Argument(help="File to read.", show_default=False)],
    format: Annotated[
        str, typer.Option("--format", help="comparisons, prompts or trl.", metavar="NAME", show_default=False)
    ],
    undo: Annotated[bool, typer.Option("--undo", help="Take this file's import back, as a unit.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Take nothing where one row is bad.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and change nothing.")] = False,
    base: Base = None,
    as_json: AsJson = False,
) -> None:
    """Read a file into the study, which is made where there is none. Importing the same file twice adds nothing.

    Bad rows are reported with their line and reason; the good ones are taken in one transaction.
    """
    from feedback_store import exchange
    from feedback_store.errors import UnknownFormat
    from rounds import studies

    readable = exchange.formats_that("read")
    if format not in readable:  # before a study is made for it
        raise UnknownFormat(f"The format {format!r} cannot be imported. Formats that can: {', '.join(readable)}.")
    if not undo and not file.is_file():
        raise FileNotFoundError(2, "There is no such file", str(file))
    db = studies.open_or_create(study, base=base, create=not undo)
    report = (
        exchange.undo_import(db, file)
        if undo
        else exchange.import_file(db, file, format, strict=strict, dry_run=dry_run)
    )
    if as_json:
        print_json(report)
        return
    if undo:
        print(f"The import of {file.name} was taken back: {report.added} rows.")
        return
    for problem in report.problems:
        say(f"{file.name}:{problem.line}: {problem.reason}")
    done = "would be added" if dry_run else "added"
    print(f"{report.rows} rows: {report.added} {done}, {report.known} known already, {len(report.problems)} left out.")


def export(
    study: Study,
    format: Annotated[str, typer.Option("--format", help="comparisons or trl.", metavar="NAME", show_default=False)],
    to: Annotated[Path, typer.Option("--to", help="Folder to write: a new or an empty one.", show_default=False)],
    shape: Annotated[
        str | None, typer.Option(help="Of trl: explicit, implicit, conversational or unpaired.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write what people said as a folder: files by split, what was dropped and why, a dataset card, checksums."""
    from feedback_store import exchange
    from rounds import studies

    db = studies.open_or_create(study)
    report = exchange.export(db, format, to, **({} if shape is None else {"shape": shape}))
    if as_json:
        print_json(report)
        return
    print(f"Wrote {report.folder}")
    print_fields({**report.counts, **{f"dropped, {reason}": count for reason, count in report.dropped.items()}})
