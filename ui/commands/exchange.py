"""`import` and `export`: a study's prompts, completions and judgments from and to files."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.commands.arguments import AsJson, Base, BaseLicence, DataLicence, Study
from ui.commands.output import print_fields, print_json, say

if TYPE_CHECKING:
    from feedback_store.dataset_card import Licences
    from feedback_store.exchange_records import ExportReport, ImportReport, Preview
    from feedback_store.filters import Filters

BY = "tastemaker import"  # in the audit trail


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
    undo: Annotated[
        bool, typer.Option("--undo", help="Take this file's import back, as a unit. FILE may be an import's number.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Take nothing where one row is bad.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and change nothing.")] = False,
    report_to: Annotated[
        Path | None,
        typer.Option("--report", help="CSV file to write: what became of each line.", show_default=False),
    ] = None,
    base: Base = None,
    as_json: AsJson = False,
) -> None:
    """Read a file into the study, which is made where there is none. Importing the same file twice adds nothing.

    Bad rows are reported with their line and reason; the good ones are taken in one transaction. Exit code 2 where
    there is none.
    """
    from feedback_store import exchange

    if undo and report_to is not None:
        raise typer.BadParameter("--report tells what became of each line; an undo takes back the import as a whole")
    exchange.format_that_can(format, "read")  # before a study is made for it
    if undo:
        _undo(study, file, base, dry_run=dry_run, as_json=as_json)
        return
    if not file.is_file():
        raise FileNotFoundError(2, "There is no such file", str(file))
    report = _taken(study, file, format, base, strict=strict, dry_run=dry_run, report_to=report_to)
    refused = strict and report.left_out > 0
    unusable = report.left_out > 0 and report.added == report.known == 0
    if as_json:
        print_json(report)
    else:
        _print_taken(file, report, dry_run=dry_run, refused=refused)
    if unusable and not refused:
        say(f"Nothing in {file.name} could be taken as {format}: see the reasons above, or try another format.")
    if refused or unusable:
        raise typer.Exit(2)


def _taken(
    study: Path, file: Path, format: str, base: str | None, *, strict: bool, dry_run: bool, report_to: Path | None
) -> "ImportReport":
    """Read the file in, and write down what became of each line where that is asked for."""
    from feedback_store import exchange, import_report
    from feedback_store.database import FILE_NAME
    from rounds import studies

    with TemporaryDirectory() as nowhere:
        # A study that is not there yet is not made by a dry run.
        tried = Path(nowhere) / "study" if dry_run and not (study / FILE_NAME).exists() else study
        with (
            studies.open_or_create(tried, base=base, create=True) as db,
            import_report.writing(Path(nowhere)) as told,
        ):
            report = exchange.import_file(db, file, format, strict=strict, dry_run=dry_run, by=BY, on_row=told.add)
        if report_to is not None:
            with report_to.open("w", encoding="utf-8", newline="") as written:
                written.writelines(import_report.as_csv(Path(nowhere)))
    return report


def _print_taken(file: Path, report: "ImportReport", *, dry_run: bool, refused: bool) -> None:
    for problem in report.problems:
        say(f"{file.name}:{problem.line}: {problem.reason}")
    done = "would be added" if dry_run else "added"
    print(f"{report.rows} rows: {report.added} {done}, {report.known} known already, {report.left_out} left out.")
    if refused:
        say("Nothing is taken with --strict while rows have to be left out. Mend them, or import without it.")


def _undo(study: Path, file: Path, base: str | None, *, dry_run: bool, as_json: bool) -> None:
    """Take an import back, named by its file or its number; or say what that would do."""
    from feedback_store import exchange, import_list, importing
    from rounds import studies

    what: Path | int = int(str(file)) if str(file).isdecimal() and not file.is_file() else file
    with studies.open_or_create(study, base=base) as db:
        if not dry_run:
            report = exchange.undo_import(db, what, by=BY)
            if as_json:
                print_json(report)
            else:
                print(f"The import of {file.name} was taken back: {report.added} rows.")
            return
        effect = import_list.undo_effect(db, int(importing.import_row(db, what)["id"]))
    if as_json:
        print_json(effect)
        return
    print("Nothing was changed.")
    print_fields(
        {
            **{f"would go: {kind}s": count for kind, count in effect.goes.items()},
            **{f"would stay: {kind}s of another import too": count for kind, count in effect.stays.items()},
            "answers given here that would count no more": effect.answers_here,
            "runs that saw its judgments": ", ".join(map(str, effect.trained.runs)) or "none",
        }
    )


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
    data_licence: DataLicence = None,
    base_licence: BaseLicence = None,
    as_json: AsJson = False,
) -> None:
    """Write what people said as a folder: files by split, what was dropped and why, a dataset card, checksums."""
    from feedback_store.dataset_card import Licences
    from feedback_store.filters import Filters

    if to is None and not dry_run:
        raise typer.BadParameter("name the folder to write with --to, or look first with --dry-run")
    filters = Filters(
        round=round, split=split, purpose=purpose, policy=policy, person=person, language=language,
        tags=tuple(tag or ()), reliability=reliability, agreement=agreement, since=since, until=until,
        snapshot=snapshot,
    )  # fmt: skip
    options = {"shape": shape, "rows": rows, "file_type": file_type, "people": people}
    given = {name: value for name, value in options.items() if value is not None}
    report = _exported(study, format, None if dry_run else to, filters, Licences(data_licence, base_licence), given)
    if as_json:
        print_json(report)
        return
    print(f"Wrote {to}" if not dry_run else "Nothing was written.")
    _print_counts(report)
    for row in getattr(report, "rows", []):
        print_json(row)


def _exported(
    study: Path, format: str, to: Path | None, filters: "Filters", licences: "Licences", options: dict[str, Any]
) -> "ExportReport | Preview":
    """Write the export; without a folder, look at what it would hold."""
    from feedback_store import exchange
    from rounds import studies

    with studies.open_or_create(study) as db:
        if to is None:
            return exchange.preview(db, format, filters=filters, **options)
        return exchange.export(db, format, to, filters=filters, licences=licences, **options)


def _print_counts(report: "ExportReport | Preview") -> None:
    reasons = {
        "dropped": report.dropped,
        "left out": report.left_out,
        "judgments left out": report.judgments_left_out,
    }
    listed = {f"{head}, {why}": count for head, found in reasons.items() for why, count in found.items()}
    print_fields({**report.counts, **listed})
