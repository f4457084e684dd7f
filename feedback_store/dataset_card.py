"""The card of an exported data set (README.md): what is in it, how it was made, what is missing, and whose it is.

Source of the YAML: https://huggingface.co/docs/hub/datasets-manual-configuration (`datasets` opens the folder by it).
`datasets` guesses types by the first 10 MB, or 10,000 rows of CSV, and fails where a column that was empty there holds
something later. So the card tells the types of columns, and where they are not known (rows of free shape) that a file
is read at once.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from feedback_store import canonical, policies
from feedback_store.database import Database

NOT_STATED = "not stated; find it out before you pass this on"
# Licences of the models that the project names itself.
LICENCE_OF_BASE = {"bundled:smollm2-135m-instruct": "Apache-2.0"}
READ_AT_ONCE = range(10 * 2**20, 2**31 - 1)
"""Sizes of files that `datasets` would read in parts, and can read at once."""


@dataclass(frozen=True)
class Licences:
    """Under which licences the prompts and other imported texts are, and the base that wrote; None where not known."""

    data: str | None = None
    base: str | None = None


@dataclass(frozen=True)
class Facts:
    """What the card says of the study: lines in Markdown."""

    base: str
    imports: list[str]
    people: str
    consent: str


@dataclass(frozen=True)
class Counts:
    """The numbers of a card: what there was, kept and dropped units, and what filters kept back."""

    counts: Mapping[str, int]
    dropped: Mapping[str, int]
    left_out: Mapping[str, int]
    judgments_left_out: Mapping[str, int]


def facts_of(db: Database, people: Sequence[int]) -> Facts:
    """Read what the card says of the study; `people` are the ids of those whose judgments are in the export."""
    base = policies.base(db)
    imports = db.rows("SELECT file_name, format, added FROM imports WHERE undone_at IS NULL ORDER BY id")
    ids = json.dumps(sorted(people))
    kinds = db.rows(
        "SELECT kind, COUNT(*) AS n FROM annotators WHERE id IN (SELECT value FROM json_each(?)) GROUP BY kind",
        [ids],
    )
    number = {row["kind"]: int(row["n"]) for row in kinds}
    consented = db.value(
        "SELECT COUNT(DISTINCT c.annotator_id) FROM consents c JOIN annotators a ON a.id = c.annotator_id"
        " WHERE c.withdrawn_at IS NULL AND a.kind = 'person' AND a.id IN (SELECT value FROM json_each(?))",
        [ids],
    )
    here = number.get("person", 0)
    return Facts(
        f"{base.source} (sha256 {(base.base_sha256 or '')[:12]})" if base else "none",
        [f"{row['file_name']} (format {row['format']}, {row['added']} rows)" for row in imports],
        f"{here} of this study, {number.get('imported', 0)} that came with files,"
        f" {number.get('simulated', 0)} simulated",
        f"of the {here} judges of this study {consented} have a consent on record that stands",
    )


def card(
    *,
    title: str,
    text: str,
    files: Sequence[tuple[str, str, int]],
    columns: Mapping[str, str],
    largest: int,
    languages: Sequence[str],
    counts: Counts,
    filters: str,
    snapshot: int | None,
    facts: Facts,
    licences: Licences,
) -> str:
    """Return the text of README.md. `files` are (split, file name, rows), `largest` the bytes of the largest one;
    `columns` their names and types (dataset_folder.py), none where the files tell them or nobody knows them.
    """
    base = licences.base or LICENCE_OF_BASE.get(facts.base.partition(" ")[0])
    data = licences.data or NOT_STATED
    lines = ["---", *_configs(files, columns, largest)]
    if languages:
        lines += ["language:", *(f"- {canonical.dumps(name)}" for name in languages)]
    lines += ["---", "", f"# {title}", "", text.strip(), ""]
    lines += ["## What it was made from", ""]
    lines += [f"- Filters: {filters}."]
    if snapshot is not None:
        lines += [f"- Snapshot: exactly the judgments that run {snapshot} saw, superseded or not since."]
    lines += [f"- Base model: {facts.base}. Licence: {base or NOT_STATED}."]
    lines += [f"- Prompts and other imported texts. Licence: {data}."]
    lines += [f"- Imported: {name}." for name in facts.imports]
    lines += [f"- Judges: {facts.people}.", f"- Consent: {facts.consent}.", f"- Languages: {_listed(languages)}."]
    lines += ["", "## Counts", "", "| file | rows |", "|---|---|"]
    lines += [f"| {name} | {rows} |" for _, name, rows in files]
    lines += ["", "| counted | number |", "|---|---|"]
    lines += [f"| {name} | {number} |" for name, number in counts.counts.items()]
    for head, reasons in (
        ("dropped because", counts.dropped),
        ("left out by a filter", counts.left_out),
        ("judgments left out by a filter", counts.judgments_left_out),
    ):
        if reasons:
            lines += ["", f"| {head} | number |", "|---|---|"]
            lines += [f"| {reason} | {number} |" for reason, number in sorted(reasons.items())]
    lines += ["", "`sha256sum --check SHA256SUMS` tells whether the files are as they were written."]
    return "\n".join(lines) + "\n"


def _configs(files: Sequence[tuple[str, str, int]], columns: Mapping[str, str], largest: int) -> list[str]:
    """`datasets` refuses a configuration with an empty file."""
    filled = [(split, name) for split, name, rows in files if rows]
    if not filled:
        return []
    lines = ["configs:", "- config_name: default", "  data_files:"]
    lines += [f"  - split: {split}\n    path: {name}" for split, name in filled]
    if not columns and largest in READ_AT_ONCE:
        return [*lines, f"  chunksize: {largest + 1}"]
    if columns:
        cells = filled[0][1].endswith(".csv")  # a cell of CSV that is no plain value is JSON in a text
        lines += ["dataset_info:", "  features:"]
        lines += [f"  - name: {name}\n    {_feature(kind, cells)}" for name, kind in columns.items()]
    return lines


def _feature(kind: str, cells: bool) -> str:
    """A column's type as `datasets` writes it."""
    return _PLAIN.get(kind) or (_PLAIN["text"] if cells else _NESTED[kind])


_PLAIN = {"text": "dtype: string", "int": "dtype: int64", "float": "dtype: float64", "bool": "dtype: bool"}
_NESTED = {
    "texts": "list: string", "ints": "list: int64",
    "messages": "list:\n    - name: role\n      dtype: string\n    - name: content\n      dtype: string",
}  # fmt: skip


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
