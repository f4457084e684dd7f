"""`import` and `export`: a study's prompts, completions and judgments from and to files."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.commands.arguments import AsJson, Base, BaseLicence, DataLicence, Precision, Study
from ui.commands.export_options import (
    Agreement,
    DryRun,
    FileType,
    Format,
    Language,
    OfPolicy,
    People,
    Person,
    Purpose,
    Reliability,
    Round,
    Rows,
    Shape,
    Since,
    Snapshot,
    Split,
    Tags,
    To,
    Until,
)  # fmt: skip
from ui.commands.output import print_fields, print_json, require_place, say

if TYPE_CHECKING:
    from feedback_store.database import Database
    from feedback_store.dataset_card import Licences
    from feedback_store.exchange_records import ExportReport, ImportReport, Preview
    from feedback_store.filters import Filters

BY = "tastemaker import"  # in the audit trail
LONGEST_NUMBER = 15  # of an import, in digits


def import_file(
    study: Study,
    file: Annotated[Path, typer.Argument(help="File to read.", show_default=False)],
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="comparisons, prompts, trl, hh, arena, cheese, ultrafeedback, helpsteer3, argilla, label-studio or "
            "oasst.",
            metavar="NAME",
            show_default=False,
        ),
    ] = None,
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
    precision: Precision = None,
    as_json: AsJson = False,
) -> None:
    """Read a file into the study, which is made where there is none. Importing the same file twice adds nothing.

    Bad rows are reported with their line and reason; the good ones are taken, all or none. While the study is served or
    a worker is at it, they are taken a few at a time, so that nobody waits. Exit code 2 where there is none.
    """
    from feedback_store import canonical, exchange

    if undo and report_to is not None:
        raise typer.BadParameter("--report tells what became of each line; an undo takes back the import as a whole")
    if undo:
        _undo(study, file, base, dry_run=dry_run, as_json=as_json)
        return
    if format is None:
        raise typer.BadParameter(f"name the file's format with --format: {', '.join(exchange.formats_that('read'))}")
    exchange.format_that_can(format, "read")  # before a study is made for it
    require_place(report_to)
    if not file.is_file():
        raise FileNotFoundError(2, "There is no such file", str(file))
    model = (base, precision)
    report = _taken(study, file, format, model, strict=strict, dry_run=dry_run, report_to=report_to)
    name = canonical.readable(file.name)
    refused = strict and report.left_out > 0
    unusable = report.left_out > 0 and report.added == report.known == 0
    if as_json:
        print_json(report)
    else:
        _print_taken(name, report, dry_run=dry_run, refused=refused)
    if unusable and not refused:
        say(f"Nothing in {name} could be taken as {format}: see the reasons above, or try another format.")
    if refused or unusable:
        raise typer.Exit(2)


def _taken(
    study: Path,
    file: Path,
    format: str,
    model: tuple[str | None, str | None],
    *,
    strict: bool,
    dry_run: bool,
    report_to: Path | None,
) -> "ImportReport":
    """Read the file in, and write down what became of each line where that is asked for. `model`: base and precision
    of a new study.
    """
    from feedback_store import import_report
    from feedback_store.database import FILE_NAME
    from rounds import evaluating, studies

    base, precision = model
    with TemporaryDirectory() as nowhere:
        # A study that is not there yet is not made by a dry run.
        tried = Path(nowhere) / "study" if dry_run and not (study / FILE_NAME).exists() else study
        with studies.open_or_create(tried, base=base, precision=precision, create=True) as db:
            report = _read_in(db, file, format, Path(nowhere), strict=strict, dry_run=dry_run)
            if not dry_run:
                evaluating.look_again(db)
        if report_to is not None:
            with report_to.open("w", encoding="utf-8", newline="") as written:
                written.writelines(import_report.as_csv(Path(nowhere)))
    return report


def _read_in(db: "Database", file: Path, format: str, told: Path, *, strict: bool, dry_run: bool) -> "ImportReport":
    """At once where nobody is at the study; else so that nobody waits: tried on a copy, taken a few rows at a time.

    What became of each row is written into the folder `told`.
    """
    from feedback_store import errands, exchange, import_report
    from rounds.supervisor import is_attended

    def tell(how: "Callable[..., ImportReport]", *given: Path, **more: Any) -> "ImportReport":
        with import_report.writing(told) as rows:
            return how(db, file, format, *given, **more, on_row=rows.add)

    if not is_attended(db.folder):
        return tell(exchange.import_file, strict=strict, dry_run=dry_run, by=BY)
    if dry_run or strict:
        with errands.scratch(db) as scratch:
            report = tell(exchange.try_beside_others, scratch, strict=strict)
        if dry_run or report.left_out:
            return report
    return tell(exchange.import_beside_others, by=BY)


def _print_taken(name: str, report: "ImportReport", *, dry_run: bool, refused: bool) -> None:
    for problem in report.problems:
        say(f"{name}:{problem.line}: {problem.reason}")
    done = "would be added" if dry_run else "added"
    print(f"{report.rows} rows: {report.added} {done}, {report.known} known already, {report.left_out} left out.")
    if refused:
        say("Nothing is taken with --strict while rows have to be left out. Mend them, or import without it.")


def _undo(study: Path, file: Path, base: str | None, *, dry_run: bool, as_json: bool) -> None:
    """Take an import back, named by its file or its number; or say what that would do."""
    from feedback_store import canonical, exchange, import_list, importing
    from rounds import evaluating, studies

    is_number = str(file).isdecimal() and len(str(file)) <= LONGEST_NUMBER and not file.is_file()
    what: Path | int = int(str(file)) if is_number else file
    with studies.open_or_create(study, base=base) as db:
        if not dry_run:
            report = exchange.undo_import(db, what, by=BY)
            evaluating.look_again(db)
            if as_json:
                print_json(report)
            else:
                print(f"The import of {canonical.readable(file.name)} was taken back: {report.added} rows.")
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


def export(
    study: Study,
    format: Format,
    to: To = None,
    dry_run: DryRun = False,
    shape: Shape = None,
    rows: Rows = None,
    file_type: FileType = None,
    people: People = None,
    snapshot: Snapshot = None,
    round: Round = None,
    split: Split = None,
    purpose: Purpose = None,
    policy: OfPolicy = None,
    person: Person = None,
    language: Language = None,
    tag: Tags = None,
    reliability: Reliability = None,
    agreement: Agreement = None,
    since: Since = None,
    until: Until = None,
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
