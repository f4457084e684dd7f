"""Folders as zip files that are streamed while they are made: nothing is held in memory or written to the disk."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

CHUNK = 1 << 20
WHEN = (1980, 1, 1, 0, 0, 0)
"""When every file is said to be from: ZIP knows no earlier time, and equal files give equal bytes."""


class _Sent:
    """What was written since it was last taken; as a file it cannot go back."""

    def __init__(self) -> None:
        self._held = bytearray()

    def write(self, data: bytes, /) -> int:
        self._held.extend(data)
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""

    def taken(self) -> bytes:
        found = bytes(self._held)
        self._held.clear()
        return found


def zipped(folder: str, files: Sequence[tuple[str, Path]]) -> Iterator[bytes]:
    """A zip file in pieces, with (path within, file) below `folder`. Weights hardly shrink, so they are stored as they
    are.
    """
    sent = _Sent()
    with zipfile.ZipFile(sent, "w", zipfile.ZIP_STORED) as archive:
        for name, path in files:
            entry = zipfile.ZipInfo(f"{folder}/{name}", WHEN)
            entry.external_attr = path.stat().st_mode << 16  # where ZIP keeps what may be done with it
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
                while data := source.read(CHUNK):
                    target.write(data)
                    yield sent.taken()
    yield sent.taken()
