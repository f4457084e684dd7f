"""A folder for other programs below the study's exports: written under a temporary name, with SHA256SUMS, renamed."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from language_models.folders import file_sha256
from rounds.context import RunContext

MARK = "run~"
"""What names of unfinished exports of runs begin with: pages and commands write beside them, in other processes."""


@contextmanager
def export_folder(context: RunContext, name: str) -> Iterator[Path]:
    """Yields a temporary folder to fill; on leaving it gets its checksums and becomes exports/NAME.

    An older export of that name is replaced. On an error inside the block nothing is left behind.
    """
    exports = context.study_folder / "exports"
    exports.mkdir(exist_ok=True)
    final = exports / name
    temporary = exports / f".writing-{MARK}{name}-{uuid.uuid4().hex[:8]}"
    temporary.mkdir()
    try:
        yield temporary
        _write_sums(temporary)
        context.check()
        shutil.rmtree(final, ignore_errors=True)
        os.rename(temporary, final)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def described(context: RunContext, name: str) -> dict[str, object]:
    """What a run's result says of an export: its folder within the study, and its files."""
    folder = context.study_folder / "exports" / name
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return {"folder": str(folder.relative_to(context.study_folder)), "files": files}


def _write_sums(folder: Path) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{file_sha256(path)}  {path.relative_to(folder)}" for path in files]
    (folder / "SHA256SUMS").write_text("\n".join(lines) + "\n", encoding="utf-8")
