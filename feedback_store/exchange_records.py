"""What importing and exporting tell: problems by line, and counts that add up."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Problem:
    """A row that was not taken: its line (from 1) and the reason, for people."""

    line: int
    reason: str


@dataclass(frozen=True)
class ImportReport:
    """What an import did: rows = added + known + left out. `import_id` is None where nothing was stored.

    `problems` tell the first rows that were left out, and why. `brought` counts what the rows added by kind: prompt,
    completion, comparison, judgment.
    """

    format: str
    rows: int
    added: int
    known: int
    problems: list[Problem]
    import_id: int | None
    left_out: int = 0
    brought: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class RowOutcome:
    """What became of a row of an import: `became` is added, known or left_out; `reason` of what was left out; `brought`
    what it added, by kind.
    """

    line: int
    became: str
    reason: str | None = None
    brought: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Kept:
    """A unit that an export keeps: its rows (more than one where a format needs it), the split and the language."""

    rows: list[dict[str, Any]]
    split: str
    language: str


@dataclass(frozen=True)
class Dropped:
    """A unit that an export drops, and why."""

    id: str
    reason: str


@dataclass(frozen=True)
class ExportReport:
    """What an export wrote: the folder, counts by name, the dropped units by reason, and the files' names.

    What filters kept back is in `left_out` (of comparisons or prompts) and `judgments_left_out`, by reason. So units =
    kept + dropped, and comparisons = what was gone through + left out.
    """

    folder: Path
    counts: dict[str, int]
    dropped: dict[str, int] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    judgments_left_out: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Preview:
    """What an export would write: the counts of its report, and its first rows. Nothing is written."""

    counts: dict[str, int]
    dropped: dict[str, int]
    left_out: dict[str, int]
    judgments_left_out: dict[str, int]
    rows: list[dict[str, Any]]
