"""The work of an export, for any format: gone through once, in flat memory, to files that appear whole or not at all.

A format that writes has:

    write(reading, **options) -> iterator of Kept | Dropped     what becomes of each unit
    OPTIONS      {name: (allowed values; the first is the default)}; `file_type` says what its rows can be written as
    UNIT         what is kept or dropped: pairs, comparisons, ...
    TITLE, CARD  the card's heading and text; {option} in it stands for the option's words in WORDS, or its value

and where it needs them: `STEM` (the name of the one file that all rows go to), `HISTORY` (judgments that count no more
as well), `FILTERS` (the only ones that apply), `columns(**options)` (names and types, for CSV, Parquet and the card),
`companions(files, **options)` (further files by name; `files` are those of rows, by split).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from feedback_store import dataset_card, study_folder, whole_folder
from feedback_store.database import FILE_NAME as DATABASE_NAME
from feedback_store.database import Database
from feedback_store.dataset_card import Counts, Licences
from feedback_store.dataset_folder import DatasetFiles, Tally
from feedback_store.errors import InvalidInput
from feedback_store.exchange_reading import OnComparison, Reading
from feedback_store.exchange_records import Dropped, ExportReport, Kept, Preview
from feedback_store.filters import Filters

ROWS_SHOWN = 3


@dataclass(frozen=True)
class Work:
    """An export that can begin: everything that was asked is known and allowed."""

    db: Database
    module: ModuleType
    format: str
    filters: Filters
    options: dict[str, str]
    on_comparison: OnComparison = lambda done: None

    def units(self, reading: Reading) -> Iterator[Kept | Dropped]:
        """Go through the study."""
        options = {name: value for name, value in self.options.items() if name != "file_type"}
        units: Iterator[Kept | Dropped] = self.module.write(reading, **options)
        return units

    def reading(self) -> Reading:
        """The study as this format sees it."""
        history = getattr(self.module, "HISTORY", False)
        return Reading(self.db, self.filters, history=history, on_comparison=self.on_comparison)

    def counts(self, reading: Reading, tally: Tally) -> Counts:
        """The numbers after the last unit."""
        counts = {**reading.counts, **tally.counts(self.module.UNIT)}
        return Counts(counts, dict(tally.dropped), dict(reading.left_out), dict(reading.judgments_left_out))


def prepare(
    db: Database,
    module: ModuleType,
    format: str,
    filters: Filters,
    options: dict[str, Any],
    on_comparison: OnComparison = lambda done: None,
) -> Work:
    """Check options and filters. Raises InvalidInput."""
    allowed: tuple[str, ...] | None = getattr(module, "FILTERS", None)
    strange = [name for name in filters.given if allowed is not None and name not in allowed]
    if strange:
        raise InvalidInput(
            f"The filter {strange[0]} does not apply to the format {format!r}. Filters that do: "
            f"{', '.join(allowed or ())}."
        )
    return Work(db, module, format, filters, _options(module, format, options), on_comparison)


def write(work: Work, to: Path, licences: Licences) -> ExportReport:
    """Write the folder `to`.

    Raises InvalidInput where it exists and is not empty, or a filter names what the study does not have, and
    StoreUnavailable where too little space is free, or the disk refuses a write on the way.
    """
    reading = work.reading()
    # An export of everything is about as large as the database.
    size = (work.db.folder / DATABASE_NAME).stat().st_size
    study_folder.require_free_space(to, size, f"the export {to.name}")
    try:
        return _written(work, reading, to, licences)
    except OSError as error:
        raise study_folder.refused(
            error, f"Of the export {to.name} nothing was kept; free some space or choose another disk, and try again."
        ) from error


def _written(work: Work, reading: Reading, to: Path, licences: Licences) -> ExportReport:
    file_type = work.options.get("file_type", "jsonl")
    columns: dict[str, str] = work.module.columns(**work.options) if hasattr(work.module, "columns") else {}
    with (
        whole_folder.appearing(to) as folder,
        DatasetFiles(folder, file_type=file_type, columns=columns, stem=getattr(work.module, "STEM", None)) as files,
    ):
        for unit in work.units(reading):
            files.add(unit)
        files.close()
        counts = work.counts(reading, files.tally)
        told = {} if file_type == "parquet" else columns
        files.finish({"README.md": _card(work, reading, files, told, counts, licences), **_companions(work, files)})
        names = sorted(path.name for path in folder.iterdir())
    return ExportReport(
        to, dict(counts.counts), dict(counts.dropped), names, dict(counts.left_out), dict(counts.judgments_left_out)
    )


def preview(work: Work) -> Preview:
    """Go through the study and write nothing; return the counts and the first rows."""
    reading, tally = work.reading(), Tally()
    shown: list[dict[str, Any]] = []
    for unit in work.units(reading):
        tally.add(unit)
        if isinstance(unit, Kept) and len(shown) < ROWS_SHOWN:
            shown += unit.rows[: ROWS_SHOWN - len(shown)]
    counts = work.counts(reading, tally)
    return Preview(
        dict(counts.counts), dict(counts.dropped), dict(counts.left_out), dict(counts.judgments_left_out), shown
    )


def _companions(work: Work, files: DatasetFiles) -> dict[str, str]:
    if not hasattr(work.module, "companions"):
        return {}
    texts: dict[str, str] = work.module.companions(files.names, **work.options)
    return texts


def _card(
    work: Work, reading: Reading, files: DatasetFiles, columns: dict[str, str], counts: Counts, licences: Licences
) -> str:
    words = getattr(work.module, "WORDS", {})
    text = work.module.CARD.format(**{name: words.get(value, value) for name, value in work.options.items()})
    return dataset_card.card(
        title=work.module.TITLE,
        text=text,
        files=[(split, name, files.rows_of[name]) for split, name in files.names.items()],
        columns=columns,
        largest=max((files.folder / name).stat().st_size for name in files.names.values()),
        languages=sorted(files.tally.languages),
        counts=counts,
        filters=work.filters.words(),
        snapshot=work.filters.snapshot,
        facts=dataset_card.facts_of(work.db, sorted(reading.people)),
        licences=licences,
    )


def _options(module: ModuleType, format: str, given: dict[str, Any]) -> dict[str, str]:
    known: dict[str, tuple[str, ...]] = module.OPTIONS
    for name, value in given.items():
        if name not in known:
            valid = ", ".join(known) or "none"
            raise InvalidInput(f"The format {format!r} has no option {name!r}. Its options: {valid}.")
        if value not in known[name]:
            raise InvalidInput(
                f"The option {name} of the format {format!r} is {value!r}; allowed are {', '.join(known[name])}."
            )
    return {name: given.get(name, values[0]) for name, values in known.items()}
