"""A folder for other programs below the study's exports: written under a temporary name, with SHA256SUMS, flushed to
disk, renamed."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from language_models.folders import put_back, remove_unfinished, replace_folder
from rounds import checksums
from rounds.context import RunContext

MARK = "run~"
"""What names of unfinished exports of runs begin with: pages and commands write beside them, in other processes."""
ASIDE = f".writing-{MARK}was~"
"""What an older export's name begins with while the newer one takes its place."""


@contextmanager
def export_folder(context: RunContext, name: str) -> Iterator[Path]:
    """Yields a temporary folder to fill; on leaving it gets its checksums and becomes exports/NAME.

    An older export of that name is replaced. On an error nothing is left behind, and an older export stays.
    """
    exports = context.study_folder / "exports"
    exports.mkdir(exist_ok=True)
    final = exports / name
    temporary = exports / f".writing-{MARK}{name}-{uuid.uuid4().hex[:8]}"
    temporary.mkdir()
    try:
        yield temporary
        checksums.write(temporary)
        context.check()
        replace_folder(temporary, final, exports / f"{ASIDE}{name}")
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def clear_unfinished(exports: Path) -> None:
    """Deletes what a worker that was killed left behind; an older export that it had moved aside gets its place back.
    Only the study's one worker may call this."""
    for aside in exports.glob(f"{ASIDE}*"):
        put_back(aside, exports / aside.name.removeprefix(ASIDE))
    remove_unfinished(exports, MARK)


def described(context: RunContext, name: str) -> dict[str, object]:
    """What a run's result says of an export: its folder within the study, and its files."""
    folder = context.study_folder / "exports" / name
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return {"folder": str(folder.relative_to(context.study_folder)), "files": files}
