"""Importing and exporting files, by formats found in formats/ by their file name.

A format has a docstring that names its source, and one or both of:

    read(path) -> iterator of (line number, NewPrompt | row of the format `comparisons` | Problem)
    write(reading, **options) -> iterator of Kept | Dropped      what else belongs to it: see exporting.py
"""

import importlib
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

from feedback_store import backups, exporting, importing
from feedback_store import filters as narrowing
from feedback_store.database import FILE_NAME, Database
from feedback_store.dataset_card import Licences
from feedback_store.errors import UnknownFormat
from feedback_store.exchange_reading import OnComparison
from feedback_store.exchange_records import ExportReport, ImportReport, Preview
from feedback_store.filters import Filters
from feedback_store.importing import OnRow
from feedback_store.study_folder import require_free_space

FORMATS_FOLDER = Path(__file__).parent / "formats"
EVERYTHING = Filters()
NOT_KNOWN = Licences()


def formats() -> list[str]:
    """Return the names of all formats as they are written on the command line, without importing them."""
    return sorted(path.stem.replace("_", "-") for path in FORMATS_FOLDER.glob("*.py") if path.stem != "__init__")


def formats_that(verb: str) -> list[str]:
    """Return the names of the formats that can `read` or `write`."""
    return [name for name in formats() if hasattr(_module(name), verb)]


def format_that_can(format: str, verb: str) -> ModuleType:
    """Return the module of a format that can `read` or `write`. Raises UnknownFormat."""
    word = "imported" if verb == "read" else "exported"
    module = _module(format) if format in formats() else None
    if module is None or not hasattr(module, verb):
        valid = ", ".join(formats_that(verb))
        raise UnknownFormat(f"The format {format!r} cannot be {word}. Formats that can: {valid}.")
    return module


def import_file(
    db: Database,
    path: Path | str,
    format: str,
    *,
    strict: bool = False,
    dry_run: bool = False,
    holdout_share: float | None = None,
    seed: int | None = None,
    now: str | None = None,
    by: str | None = None,
    on_row: OnRow | None = None,
) -> ImportReport:
    """Take a file into the study, in one transaction; rows that cannot be taken are reported with line and reason.

    With `strict` one bad row means that none is taken; with `dry_run` nothing is stored. Rows that were imported before
    add nothing. Hold-out share and seed of the split come from the study's settings unless given. `on_row` is told what
    became of each row; `by` is who does it, for the audit trail. Raises UnknownFormat, InvalidInput.
    """
    split = importing.Split(holdout_share, seed)
    read = format_that_can(format, "read").read
    return importing.take(
        db, read, Path(path), format, split, strict=strict, dry_run=dry_run, now=now, by=by, on_row=on_row
    )


def import_beside_others(
    db: Database, path: Path | str, format: str, *, by: str | None = None, on_row: OnRow | None = None
) -> ImportReport:
    """Take a file into a study while people work on it, in many short transactions: slower, but nobody waits.

    What is taken counts at once. Where it is cut off, all of it is taken back. Raises UnknownFormat, InvalidInput,
    Conflict where another such import is under way.
    """
    read = format_that_can(format, "read").read
    split = importing.Split(None, None)
    return importing.take_in_parts(db, read, Path(path), format, split, by=by, on_row=on_row)


def try_beside_others(
    db: Database,
    path: Path | str,
    format: str,
    scratch: Path,
    *,
    strict: bool = False,
    on_row: OnRow | None = None,
) -> ImportReport:
    """What `import_file` would say, tried on a copy of the study below `scratch`: nobody who works on it waits.

    Raises UnknownFormat, InvalidInput, and StoreUnavailable where the copy has no room.
    """
    require_free_space(scratch, (db.folder / FILE_NAME).stat().st_size, "the dry run, which works on a copy")
    with TemporaryDirectory(dir=scratch) as copy:
        backups.copy_database(db.folder / FILE_NAME, Path(copy) / FILE_NAME)
        with Database.open(copy) as tried:
            return import_file(tried, path, format, strict=strict, dry_run=True, on_row=on_row)


def undo_import(db: Database, what: Path | str | int, now: str | None = None, *, by: str | None = None) -> ImportReport:
    """Take back an import, by its id or its file, as a unit: what it brought is neither asked, trained on nor exported
    any more.

    The file is told by its content where it is still there, else by its name. What the study did with it meanwhile
    stays, and counts again when the file is imported again. Raises InvalidInput
    where there is no such import, or it was taken back before.
    """
    return importing.undo(db, what, now, by=by)


def export(
    db: Database,
    format: str,
    to: Path | str,
    *,
    filters: Filters = EVERYTHING,
    licences: Licences = NOT_KNOWN,
    on_comparison: OnComparison = lambda done: None,
    **options: str,
) -> ExportReport:
    """Write the study in a format to the folder `to`, which appears whole or not at all.

    `options` are those of the format (`file_type`: what its rows are written as); `filters` narrow what is written;
    `on_comparison` is told now and then how many comparisons were gone through. Raises UnknownFormat, and InvalidInput
    where the folder exists and is not empty, or an option or a filter is not known.
    """
    work = exporting.prepare(db, format_that_can(format, "write"), format, filters, options, on_comparison)
    return exporting.write(work, Path(to), licences)


def preview(
    db: Database,
    format: str,
    *,
    filters: Filters = EVERYTHING,
    on_comparison: OnComparison = lambda done: None,
    **options: str,
) -> Preview:
    """Return what `export` would write: its counts, and the first rows. Raises as `export` does."""
    work = exporting.prepare(db, format_that_can(format, "write"), format, filters, options, on_comparison)
    return exporting.preview(work)


def require_possible(db: Database, format: str, filters: Filters, options: dict[str, str]) -> None:
    """Raise as `export` does where it could not begin."""
    exporting.prepare(db, format_that_can(format, "write"), format, filters, options)
    narrowing.require_known(db, filters)


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"feedback_store.formats.{name.replace('-', '_')}")
