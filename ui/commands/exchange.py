"""`import` and `export`: a study's prompts, completions and judgments from and to files."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.commands.arguments import AsJson, Base, Study
from ui.commands.output import print_fields, print_json, say

if TYPE_CHECKING:
    from feedback_store.exchange_records import ExportReport, Preview


def import_file(
    study: Study,
    file: Annotated[Path, typer.Argument(help="File to read.", show_default=False)],
    format: Annotated[
        str,
        typer.Option(
            "--format",
            help="comparisons, prompts, trl, hh, arena, cheese, ultrafeedback, helpsteer3, argilla, label-studio or "
            "oasst.",
            metavar="NAME",
            show_default=False,
        ),
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
    from feedback_store.database import FILE_NAME
    from rounds import studies

    if undo and dry_run:
        raise typer.BadParameter("--undo takes an import back at once; it cannot be tried with --dry-run")
    exchange.format_that_can(format, "read")  # before a study is made for it
    if not undo and not file.is_file():
        raise FileNotFoundError(2, "There is no such file", str(file))
    with TemporaryDirectory() as nowhere:
        # A study that is not there yet is not made by a dry run.
        tried = Path(nowhere) / "study" if dry_run and not (study / FILE_NAME).exists() else study
        db = studies.open_or_create(tried, base=base, create=not undo)
        report = (
            exchange.undo_import(db, file)
            if undo
            else exchange.import_file(db, file, format, strict=strict, dry_run=dry_run)
        )
        db.close()
    refused = strict and report.left_out > 0
    if as_json:
        print_json(report)
    elif undo:
        print(f"The import of {file.name} was taken back: {report.added} rows.")
    else:
        for problem in report.problems:
            say(f"{file.name}:{problem.line}: {problem.reason}")
        done = "would be added" if dry_run else "added"
        print(f"{report.rows} rows: {report.added} {done}, {report.known} known already, {report.left_out} left out.")
        if refused:
            say("Nothing is taken with --strict while rows have to be left out. Mend them, or import without it.")
    if refused:
        raise typer.Exit(2)


def _filter(name: str, help: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(name, help=help, show_default=False, rich_help_panel="Filters")
    return option


def _of_format(name: str, help: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(name, help=help, show_default=False, metavar="NAME")
    return option


def export(
    study: Study,
    format: Annotated[
        str,
        typer.Option(
            "--format",
            help="comparisons, trl, hh, openai, llama-factory, helpsteer3, judgments or prompts.",
            metavar="NAME",
            show_default=False,
        ),
    ],
    to: Annotated[
        Path | None, typer.Option("--to", help="Folder to write: a new or an empty one.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Counts and three rows; nothing is written.")] = False,
    shape: Annotated[
        str | None,
        _of_format(
            "--shape", "trl: explicit, conversational, implicit or unpaired. llama-factory: alpaca, sharegpt or kto."
        ),
    ] = None,
    rows: Annotated[
        str | None,
        _of_format("--rows", "One row a pair decided by majority (comparisons), or one a judgment (judgments)."),
    ] = None,
    file_type: Annotated[
        str | None, _of_format("--as", "Kind of file: jsonl, jsonl.gz, csv or parquet, as the format has it.")
    ] = None,
    people: Annotated[
        str | None, _of_format("--people", "comparisons: names, or pseudonyms that tell nothing.")
    ] = None,
    snapshot: Annotated[int | None, _filter("--snapshot", "Exactly the judgments that this run saw.")] = None,
    round: Annotated[int | None, _filter("--round", "Comparisons of this round.")] = None,
    split: Annotated[str | None, _filter("--split", "train or holdout.")] = None,
    purpose: Annotated[str | None, _filter("--purpose", "training, evaluation, check or repeat.")] = None,
    policy: Annotated[str | None, _filter("--policy", "Comparisons with a completion of this policy.")] = None,
    person: Annotated[str | None, _filter("--person", "Judgments of this person.")] = None,
    language: Annotated[str | None, _filter("--language", "Prompts in this language.")] = None,
    tag: Annotated[list[str] | None, _filter("--tag", "Prompts with this tag; again: with all of them.")] = None,
    reliability: Annotated[
        float | None,
        _filter("--reliability", "Judgments of people who agree with the others at least so often, 0 to 1."),
    ] = None,
    agreement: Annotated[
        float | None, _filter("--agreement", "Comparisons on which people agree at least so far, 0 to 1.")
    ] = None,
    since: Annotated[str | None, _filter("--since", "Judgments from this day or moment on.")] = None,
    until: Annotated[str | None, _filter("--until", "Judgments up to this day or moment, itself included.")] = None,
    data_licence: Annotated[
        str | None, typer.Option(help="Licence of prompts and imported texts, for the card.", show_default=False)
    ] = None,
    base_licence: Annotated[
        str | None, typer.Option(help="Licence of the base model, for the card.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write what people said as a folder: files by split, what was dropped and why, a dataset card, checksums."""
    from feedback_store import exchange
    from feedback_store.dataset_card import Licences
    from feedback_store.filters import Filters
    from rounds import studies

    if to is None and not dry_run:
        raise typer.BadParameter("name the folder to write with --to, or look first with --dry-run")
    filters = Filters(
        round=round, split=split, purpose=purpose, policy=policy, person=person, language=language,
        tags=tuple(tag or ()), reliability=reliability, agreement=agreement, since=since, until=until,
        snapshot=snapshot,
    )  # fmt: skip
    given = {"shape": shape, "rows": rows, "file_type": file_type, "people": people}
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    db = studies.open_or_create(study)
    report: ExportReport | Preview
    if to is None or dry_run:
        report = exchange.preview(db, format, filters=filters, **options)
    else:
        licences = Licences(data_licence, base_licence)
        report = exchange.export(db, format, to, filters=filters, licences=licences, **options)
    if as_json:
        print_json(report)
        return
    print(f"Wrote {to}" if not dry_run else "Nothing was written.")
    _print_counts(report)
    for row in getattr(report, "rows", []):
        print_json(row)


def _print_counts(report: "ExportReport | Preview") -> None:
    reasons = {
        "dropped": report.dropped,
        "left out": report.left_out,
        "judgments left out": report.judgments_left_out,
    }
    listed = {f"{head}, {why}": count for head, found in reasons.items() for why, count in found.items()}
    print_fields({**report.counts, **listed})
