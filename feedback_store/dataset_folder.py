"""The files of an exported data set: rows by split, dropped.jsonl, a card and checksums.

Rows are written as they come and hashed on the way: memory stays flat, and nothing is read a second time. Sources:
https://arrow.apache.org/docs/python/parquet.html (row groups), https://www.rfc-editor.org/rfc/rfc4180 (CSV).
"""

import csv
import gzip
import hashlib
import io
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from feedback_store import canonical
from feedback_store.exchange_records import Dropped, Kept
from feedback_store.spreadsheet_cells import escaped

STEM_OF_SPLIT = {"train": "train", "holdout": "test"}
DROPPED = "dropped.jsonl"
ROW_GROUP = 5000

Row = dict[str, Any]


class DatasetFiles:
    """Writes the units of an export to a folder, and counts them.

    `file_type`: jsonl, jsonl.gz, csv or parquet; the last two need `columns` (name: text, int, float, bool, texts,
    ints, messages or json). All rows go to one file where `stem` is given; then nothing can be dropped. `names` are the
    files of rows by split, `rows_of` how many rows each has. Use it as a context manager; `close` and `finish` at the
    end.
    """

    def __init__(
        self,
        folder: Path,
        *,
        file_type: str = "jsonl",
        columns: Mapping[str, str] | None = None,
        stem: str | None = None,
    ) -> None:
        self.folder = folder
        self.tally = Tally()
        self.names = (
            {stem: f"{stem}.{file_type}"} if stem else {name: f"{name}.{file_type}" for name in STEM_OF_SPLIT.values()}
        )
        self.rows_of = dict.fromkeys(self.names.values(), 0)
        self._files: dict[str, _HashedFile] = {}
        self._rows = {name: _ROW_FILES[file_type](self._open(name), columns or {}) for name in self.rows_of}
        self._name_of = {split: self.names[stem or name] for split, name in STEM_OF_SPLIT.items()}
        self._dropped = None if stem else _JsonLines(self._open(DROPPED), {})

    def _open(self, name: str) -> "_HashedFile":
        self._files[name] = _HashedFile(self.folder / name)
        return self._files[name]

    def __enter__(self) -> "DatasetFiles":
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()

    def add(self, unit: Kept | Dropped) -> None:
        """Write a unit's rows to the file of its prompt's split; or that it was dropped, and why."""
        self.tally.add(unit)
        if isinstance(unit, Kept):
            name = self._name_of[unit.split]
            for row in unit.rows:
                self._rows[name].add(row)
            self.rows_of[name] += len(unit.rows)
        elif self._dropped is not None:
            self._dropped.add({"id": unit.id, "reason": unit.reason})

    def close(self) -> None:
        """End the files of rows; nothing can be added any more."""
        for rows in (*self._rows.values(), *([self._dropped] if self._dropped else [])):
            rows.end()
        self.__exit__()

    def finish(self, texts: Mapping[str, str]) -> None:
        """Write further files (the card among them) and SHA256SUMS over all. Call `close` first."""
        sums = {name: file.sha256.hexdigest() for name, file in self._files.items()}
        for name, text in texts.items():
            (self.folder / name).write_text(text, encoding="utf-8", newline="\n")
            sums[name] = hashlib.sha256(text.encode()).hexdigest()
        listed = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
        (self.folder / "SHA256SUMS").write_text(listed, encoding="utf-8")


class Tally:
    """Counts the units of an export."""

    def __init__(self) -> None:
        self.units = self.kept = 0
        self.rows: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.languages: set[str] = set()

    def add(self, unit: Kept | Dropped) -> None:
        """Count a unit."""
        self.units += 1
        if isinstance(unit, Dropped):
            self.dropped[unit.reason] += 1
            return
        self.kept += 1
        self.rows[STEM_OF_SPLIT[unit.split]] += len(unit.rows)
        self.languages.add(unit.language)

    def counts(self, unit: str) -> dict[str, int]:
        """Return the counts by name; `unit` names what is kept or dropped."""
        return {
            unit: self.units,
            "kept": self.kept,
            "dropped": self.dropped.total(),
            "rows": self.rows.total(),
            "train": self.rows["train"],
            "test": self.rows["test"],
        }


class _HashedFile(io.RawIOBase):
    """A file whose sha256 is taken while it is written."""

    def __init__(self, path: Path) -> None:
        self.sha256 = hashlib.sha256()
        self._file = path.open("wb")

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell()

    def write(self, data: Any) -> int:
        self.sha256.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        if not self._file.closed:
            self._file.flush()

    def close(self) -> None:
        self._file.close()
        super().close()


class _RowFile(Protocol):
    def __init__(self, file: BinaryIO | io.RawIOBase, columns: Mapping[str, str]) -> None: ...

    def add(self, row: Row) -> None: ...

    def end(self) -> None: ...


class _JsonLines:
    def __init__(self, file: BinaryIO | io.RawIOBase, columns: Mapping[str, str]) -> None:
        self._file = file

    def add(self, row: Row) -> None:
        self._file.write((canonical.dumps(row) + "\n").encode())

    def end(self) -> None:
        pass


class _PackedJsonLines(_JsonLines):
    def __init__(self, file: BinaryIO | io.RawIOBase, columns: Mapping[str, str]) -> None:
        # No name and no time inside: equal rows give equal bytes.
        super().__init__(gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0), columns)  # type: ignore[arg-type]

    def end(self) -> None:
        self._file.close()


class _Csv:
    def __init__(self, file: BinaryIO | io.RawIOBase, columns: Mapping[str, str]) -> None:
        self._file = file
        self._columns = columns
        self._text = io.StringIO(newline="")
        self._writer = csv.writer(self._text)  # lines end in CR LF, so that a lone CR or LF in a text is quoted as well
        self._writer.writerow(columns)

    def add(self, row: Row) -> None:
        cells = (_as_text(_as_cell(row[name], kind)) for name, kind in self._columns.items())
        self._writer.writerow([escaped(cell) for cell in cells])
        if self._text.tell() > 2**16:
            self.end()

    def end(self) -> None:
        self._file.write(self._text.getvalue().encode())
        self._text.seek(0)
        self._text.truncate()


class _Parquet:
    def __init__(self, file: BinaryIO | io.RawIOBase, columns: Mapping[str, str]) -> None:
        import pyarrow
        import pyarrow.parquet

        self._arrow = pyarrow
        self._columns = columns
        self._schema = _arrow_schema(columns)
        self._writer = pyarrow.parquet.ParquetWriter(pyarrow.PythonFile(file, mode="w"), self._schema)
        self._rows: list[Row] = []

    def add(self, row: Row) -> None:
        self._rows.append({name: _as_cell(row[name], kind) for name, kind in self._columns.items()})
        if len(self._rows) >= ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        self._writer.write_table(self._arrow.Table.from_pylist(self._rows, schema=self._schema))
        self._rows = []

    def end(self) -> None:
        if self._rows:
            self._flush()
        self._writer.close()


_ROW_FILES: dict[str, type[_RowFile]] = {
    "jsonl": _JsonLines, "jsonl.gz": _PackedJsonLines, "csv": _Csv, "parquet": _Parquet,
}  # fmt: skip


def _arrow_schema(columns: Mapping[str, str]) -> Any:
    import pyarrow

    message = pyarrow.struct([("role", pyarrow.string()), ("content", pyarrow.string())])
    types = {
        "text": pyarrow.string(), "int": pyarrow.int64(), "float": pyarrow.float64(), "bool": pyarrow.bool_(),
        "texts": pyarrow.list_(pyarrow.string()), "ints": pyarrow.list_(pyarrow.int64()),
        "messages": pyarrow.list_(message), "json": pyarrow.string(),
    }  # fmt: skip
    return pyarrow.schema([(name, types[kind]) for name, kind in columns.items()])


def _as_cell(value: Any, kind: str) -> Any:
    return canonical.dumps(value) if kind == "json" and value is not None else value


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return canonical.dumps(value)
