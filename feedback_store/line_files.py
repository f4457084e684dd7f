"""Reading files of lines, strictly and without taking a bad line for the whole file."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from feedback_store import canonical
from feedback_store.errors import InvalidInput
from feedback_store.exchange_records import Problem

LONGEST_LINE_BYTES = 32 * 1024 * 1024


def lines(path: Path, *, blank: bool = False) -> Iterator[tuple[int, str | Problem]]:
    """Yield (line number from 1, text without its end) of a UTF-8 file (gzip where its name ends in .gz); blank lines
    only with `blank`.

    A line that is not UTF-8, longer than LONGEST_LINE_BYTES, or behind a damaged place of a gzip file is a Problem.
    """
    number = 0
    with _open(path) as file:
        try:
            while raw := file.readline(LONGEST_LINE_BYTES + 1):
                number += 1
                if len(raw) > LONGEST_LINE_BYTES and not raw.endswith(b"\n"):
                    _skip_line(file)
                    yield number, Problem(number, f"The line is longer than {LONGEST_LINE_BYTES // 2**20} MB.")
                    continue
                try:
                    text = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                except UnicodeDecodeError as error:
                    yield (
                        number,
                        Problem(number, f"Not UTF-8: byte {error.start + 1} of the line is 0x{raw[error.start]:02X}."),
                    )
                    continue
                if blank or text.strip():
                    yield number, text
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            yield (
                number + 1,
                Problem(number + 1, f"The compressed file is damaged or cut short from here on ({error})."),
            )


def json_lines(path: Path, convert: Callable[[dict[str, Any]], Any]) -> Iterator[tuple[int, Any]]:
    """Yield (line number, what `convert` makes of the line's object) of a JSON lines file, or a Problem.

    `convert` raises InvalidInput for a row that it does not take.
    """
    for number, text in lines(path):
        if isinstance(text, Problem):
            yield number, text
            continue
        try:
            row = canonical.loads(text)
            if not isinstance(row, dict):
                raise InvalidInput(f"The line holds {text[:40]!r}; it has to be an object, {{...}}.")
            canonical.require_clean(row, "row")
            yield number, convert(row)
        except InvalidInput as error:
            yield number, Problem(number, str(error))


def _open(path: Path) -> BinaryIO:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _skip_line(file: BinaryIO) -> None:
    while (part := file.readline(LONGEST_LINE_BYTES)) and not part.endswith(b"\n"):
        pass
