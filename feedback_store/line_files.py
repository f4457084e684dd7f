"""Reading files row by row: lines, JSON lines, JSON lists, CSV and Parquet.

Strictly, in flat memory, and without taking a bad row for the whole file: every row comes with the number of the line
that it begins on (in Parquet: of the row), and what cannot be read is a Problem there.
"""

import csv
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

from feedback_store import canonical, json_lists
from feedback_store.byte_files import BYTE_ORDER_MARK, LONGEST_BYTES, Damage, Pieces, chunks, decoded, too_long
from feedback_store.errors import InvalidInput
from feedback_store.exchange_records import Problem

PARQUET_ROWS_AT_ONCE = 256

Row = dict[str, Any]
Convert = Callable[[Row], Any]


def suffix_of(path: Path) -> str:
    """Return the suffix of a file in lower case, without the .gz of a compressed one."""
    return (Path(path.stem).suffix if path.suffix.lower() == ".gz" else path.suffix).lower()


def lines(path: Path, *, blank: bool = False, ends: bool = False) -> Iterator[tuple[int, str | Problem]]:
    r"""Yield (line number from 1, text) of a UTF-8 file (gzip where its name ends in .gz).

    Lines end with \n, \r\n or \r, also mixed; `ends` leaves their ends on, `blank` gives the blank ones too. A line
    that is not UTF-8, longer than LONGEST_BYTES, or behind a damaged place of a gzip file is a Problem.
    """
    for number, raw in _raw_lines(path):
        if isinstance(raw, Problem):
            yield number, raw
            continue
        text = decoded(raw, number)
        if isinstance(text, Problem):
            yield number, text
        elif blank or text.strip():
            yield number, text if ends else text.rstrip("\r\n")


def json_rows(path: Path, convert: Convert) -> Iterator[tuple[int, Any]]:
    """Yield (line number, what `convert` makes of each object) of JSON lines or of one JSON list, or a Problem.

    `convert` raises InvalidInput for a row that it does not take. A file whose first character is [ is a list.
    """
    if not json_lists.is_list(path):
        yield from json_lines(path, convert)
        return
    for count, (number, text) in enumerate(json_lists.items(path), start=1):
        row = text if isinstance(text, Problem) else _converted(number, text, "item", convert)
        yield number, Problem(number, f"Item {count}: {row.reason}") if isinstance(row, Problem) else row


def json_lines(path: Path, convert: Convert) -> Iterator[tuple[int, Any]]:
    """Yield (line number, what `convert` makes of the line's object) of a JSON lines file, or a Problem.

    `convert` raises InvalidInput for a row that it does not take.
    """
    for number, text in lines(path):
        yield number, text if isinstance(text, Problem) else _converted(number, text, "line", convert)


def csv_rows(path: Path, required: tuple[str, ...], convert: Convert) -> Iterator[tuple[int, Any]]:
    """Yield (line number, what `convert` makes of a row's cells by column) of a CSV file with a header, or a Problem.

    The cells are the text that stands there, formulas too. Raises InvalidInput where a required column is missing.
    """
    csv.field_size_limit(LONGEST_BYTES)  # its own limit, 128 KB, is shorter than real answers
    broken: list[Problem] = []
    reader = csv.reader(_lines_of_csv(path, broken), strict=True)
    records = _csv_records(reader, broken)
    header = next((cells for _, cells in records if isinstance(cells, list)), [])
    missing = [name for name in required if name not in header]
    if missing:
        raise InvalidInput(
            f"{path.name} has no column `{missing[0]}`; its columns are {', '.join(header)[:200] or 'none'}."
        )
    twice = [name for name in header if header.count(name) > 1]
    if twice:
        raise InvalidInput(f"{path.name} has two columns `{twice[0][:80]}`. Rename one of them.")
    for number, cells in records:
        yield number, cells if isinstance(cells, Problem) else _of_cells(number, header, cells, convert)


def parquet_rows(path: Path, convert: Convert) -> Iterator[tuple[int, Any]]:
    """Yield (row number from 1, what `convert` makes of the row) of a Parquet file, in batches, or a Problem."""
    import pyarrow  # here, because loading it takes longer than most imports of other files
    from pyarrow import parquet

    number = 0
    try:
        with parquet.ParquetFile(path, pre_buffer=False) as file:
            for batch in file.iter_batches(batch_size=PARQUET_ROWS_AT_ONCE):
                for row in batch.to_pylist():
                    number += 1
                    yield number, _taken(number, _plain(row), convert)
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).strip().split("\n")[0].rstrip(".")[:200]
        yield number + 1, Problem(number + 1, f"The Parquet file cannot be read from here on ({reason}).")


def _converted(number: int, text: str, what: str, convert: Convert) -> Any:
    try:
        row = canonical.loads(text)
    except InvalidInput as error:
        return Problem(number, str(error))
    if not isinstance(row, dict):
        return Problem(number, f"The {what} holds {text[:40]!r}; it has to be an object, {{...}}.")
    # Only an escape can put a NUL or half a surrogate pair into what is UTF-8 and JSON.
    return _taken(number, row, convert, is_clean="\\u" not in text)


def _taken(number: int, row: Row, convert: Convert, *, is_clean: bool = False) -> Any:
    try:
        if not is_clean:
            canonical.require_clean(row, "row")
        return convert(row)
    except InvalidInput as error:
        return Problem(number, str(error))
    except RecursionError:
        return Problem(number, "The row is nested too deep.")


def _plain(value: Any) -> Any:
    """Turn what Parquet knows and JSON does not into text."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, (date, datetime)) else value


def _lines_of_csv(path: Path, broken: list[Problem]) -> Iterator[str]:
    """Yield a CSV's lines with their ends, as the csv module wants them; those that cannot be read go to `broken`."""
    for number, text in lines(path, blank=True, ends=True):
        if isinstance(text, Problem):
            broken.append(Problem(number, text.reason))
            yield "\n"  # keeps the line numbers right
        else:
            yield text


def _csv_records(reader: Any, broken: list[Problem]) -> Iterator[tuple[int, list[str] | Problem]]:
    """Yield (line on which it begins, cells) of each record that is not blank, and the problems among them."""
    while True:
        begin = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            cells = []
            broken.append(Problem(begin, f"Not valid CSV: {error}."))
        spoilt = bool(broken)
        for problem in broken:
            yield problem.line, problem
        broken.clear()
        if cells is None:
            return
        if any(cells) and not spoilt:
            yield begin, cells


def _of_cells(number: int, header: list[str], cells: list[str], convert: Convert) -> Any:
    if len(cells) > len(header):
        return Problem(number, f"The row has {len(cells)} cells; the header has {len(header)} columns.")
    return _taken(number, dict(zip(header, cells, strict=False)), convert)


def _raw_lines(path: Path) -> Iterator[tuple[int, bytes | Problem]]:
    number = 1
    line = Pieces()
    for chunk in _with_whole_ends(chunks(path)):
        if isinstance(chunk, Damage):
            yield number, Problem(number, chunk.reason)
            return
        for piece in chunk.splitlines(keepends=True):  # of bytes: at \n, \r\n and \r only
            line.add(piece)
            if piece.endswith((b"\n", b"\r")):
                yield number, _whole(number, line)
                number += 1
    if line.size:
        yield number, _whole(number, line)


def _whole(number: int, line: "Pieces") -> bytes | Problem:
    raw = line.take()
    if raw is None:
        return too_long(number)
    return raw.removeprefix(BYTE_ORDER_MARK) if number == 1 else raw


def _with_whole_ends(parts: "Iterator[bytes | Damage]") -> "Iterator[bytes | Damage]":
    """Move a carriage return at the end of a chunk to the next one: a newline may follow it there."""
    carry = b""
    for chunk in parts:
        if isinstance(chunk, Damage):
            yield chunk
            return
        whole = carry + chunk
        carry = b"\r" if whole.endswith(b"\r") else b""
        yield whole.removesuffix(b"\r") if carry else whole
    if carry:
        yield carry
