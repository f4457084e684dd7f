"""The bytes of a file, unpacked where it is compressed, chunk by chunk; and long stretches of them put together."""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from feedback_store.exchange_records import Problem

LONGEST_BYTES = 32 * 1024 * 1024
CHUNK_BYTES = 256 * 1024
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Damage:
    """Why the bytes of a compressed file end before they should."""

    reason: str


def chunks(path: Path) -> Iterator[bytes | Damage]:
    """Yield a file's bytes (unpacked where its name ends in .gz); last a Damage where it cannot be unpacked."""
    try:
        with _open(path) as file:
            while chunk := file.read1(CHUNK_BYTES):  # type: ignore[attr-defined]
                yield chunk
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        yield Damage(f"The compressed file is damaged or cut short from here on ({error}).")


class Pieces:
    """A line or item that comes in pieces; its bytes are let go as soon as they are more than LONGEST_BYTES."""

    def __init__(self) -> None:
        self.size = 0
        self._held: list[bytes] = []

    def add(self, piece: bytes) -> None:
        """Put the next piece behind the others."""
        self.size += len(piece)
        if self.size > LONGEST_BYTES:
            self._held.clear()
        else:
            self._held.append(piece)

    def take(self) -> bytes | None:
        """Return all pieces as one and begin anew; None where they were too many to be kept."""
        whole = None if self.size > LONGEST_BYTES else b"".join(self._held)
        self.size = 0
        self._held.clear()
        return whole


def too_long(line: int, what: str = "line") -> Problem:
    """Say that a line or an item was not taken because of its length."""
    return Problem(line, f"The {what} is longer than {LONGEST_BYTES // 2**20} MB.")


def decoded(raw: bytes, line: int, what: str = "line") -> str | Problem:
    """Return bytes as text, or say where they are not UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        return Problem(line, f"Not UTF-8: byte {error.start + 1} of the {what} is 0x{raw[error.start]:02X}.")


def _open(path: Path) -> BinaryIO:
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value]
