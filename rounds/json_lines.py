"""Files of a run that grow by lines of JSON. A kill may cut a line off or lead to one that comes again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def append(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Whole lines at once; on the disk when this returns."""
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    with path.open("ab") as file:
        if file.tell():
            lines = "\n" + lines  # ends a line that was cut off
        file.write(lines.encode("utf-8", "replace"))
        file.flush()
        os.fsync(file.fileno())


def lines(path: Path) -> list[bytes]:
    """The lines as they are, which need not be whole; none where there is no file."""
    try:
        return path.read_bytes().split(b"\n")
    except OSError:
        return []
