"""What errands do: `python -m feedback_store.errand_work STUDY ID`, started by errands.start, at low priority.

Each verb takes (study, order, progress) and gives a result that JSON can hold.
"""

import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from feedback_store import errands, exchange, export_shelf, import_report, uploads
from feedback_store.database import Database
from feedback_store.dataset_card import Licences
from feedback_store.errands import Errand, Progress
from feedback_store.exchange_records import ImportReport
from feedback_store.filters import Filters
from feedback_store.study_folder import FULL, refused
from feedback_store.uploads import Upload

NICENESS = 10


def try_import(db: Database, errand: Errand, progress: Progress) -> tuple[int, Any]:
    """A dry run, on a copy of the study: those who work on it wait for nothing. Order: upload, format."""
    upload = uploads.require_whole(db, errand.order["upload"])
    with import_report.writing(errand.folder) as told:
        take = _telling(upload, progress, told)
        report = exchange.try_beside_others(db, upload.path, errand.order["format"], errand.folder, on_row=take)
    return report.rows, _counts(report)


def take_import(db: Database, errand: Errand, progress: Progress) -> tuple[int, Any]:
    """An import beside others. Order: upload, format, actor. The file is cleared away when it was taken."""
    upload = uploads.require_whole(db, errand.order["upload"])
    with import_report.writing(errand.folder) as told:
        take = _telling(upload, progress, told)
        format, actor = errand.order["format"], errand.order["actor"]
        report = exchange.import_beside_others(db, upload.path, format, by=actor, on_row=take)
    uploads.remove(db, upload.id)
    return report.rows, _counts(report)


def preview(db: Database, errand: Errand, progress: Progress) -> tuple[int, Any]:
    """What an export would hold. Order: format, filters, options."""
    order = errand.order
    progress.of = export_shelf.units(db)
    found = exchange.preview(
        db, order["format"], filters=_filters(order["filters"]), on_comparison=progress.at, **order["options"]
    )
    return progress.of or 0, asdict(found)


def export(db: Database, errand: Errand, progress: Progress) -> tuple[int, Any]:
    """An export onto the shelf. Order: format, filters, options, name, data_licence, base_licence."""
    order = errand.order
    progress.of = export_shelf.units(db)
    report = exchange.export(
        db,
        order["format"],
        export_shelf.folder_of(db, order["name"]),
        filters=_filters(order["filters"]),
        licences=Licences(order["data_licence"], order["base_licence"]),
        on_comparison=progress.at,
        **order["options"],
    )
    made = export_shelf.describe(db, order["name"], report, errand)
    return progress.of or 0, asdict(made)


VERBS: dict[str, Callable[[Database, Errand, Progress], tuple[int, Any]]] = {
    "try import": try_import, "import": take_import, "preview": preview, "export": export,
}  # fmt: skip


def _filters(given: dict[str, Any]) -> Filters:
    return Filters(**{**given, "tags": tuple(given.get("tags", ()))})


def _telling(upload: Upload, progress: Progress, told: import_report.Writer) -> Callable[[Any], None]:
    """What is told of each row: to the report, and to whoever waits."""
    progress.of = import_report.lines_of(upload.path)

    def take(outcome: Any) -> None:
        told.add(outcome)
        progress.at(told.rows)

    return take


def _counts(report: ImportReport) -> dict[str, Any]:
    return {name: value for name, value in asdict(report).items() if name != "problems"}


def main(study: str, errand_id: str) -> None:
    """Do an errand; what goes wrong stands in its state in words, and in its log in full."""
    with suppress(OSError):
        os.nice(NICENESS)
    with Database.open(Path(study)) as db:
        errand = errands.get(db, errand_id)
        progress = Progress(errand.folder)
        try:
            progress.done(*VERBS[errand.verb](db, errand, progress))
        except Exception as error:
            traceback.print_exc()
            if isinstance(error, OSError) and error.errno in FULL:
                error = refused(error, "The work came to nothing; free some space and begin it again.")
            ours = isinstance(error, ValueError) and type(error).__module__.startswith("feedback_store.")
            unexpected = f"Something went wrong on the server; errands/{errand_id}/log.txt in the study tells more."
            progress.failed(str(error) if ours else unexpected)


if __name__ == "__main__":
    main(*sys.argv[1:])
