"""What importing and exporting tell: problems by line, and counts that add up."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Problem:
    """A row that was not taken: its line (from 1) and the reason, for people."""

    line: int
    reason: str


@dataclass(frozen=True)
class ImportReport:
    """What an import did: rows = added + known + problems. `import_id` is None where nothing was stored."""

    format: str
    rows: int
    added: int
    known: int
    problems: list[Problem]
    import_id: int | None


@dataclass(frozen=True)
class ExportReport:
    """What an export wrote: the folder, counts by name, the dropped rows by reason, and the files' names."""

    folder: Path
    counts: dict[str, int]
    dropped: dict[str, int] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Written:
    """What a format's `write` tells `exchange.export`."""

    counts: dict[str, int]
    dropped: dict[str, int] = field(default_factory=dict)
