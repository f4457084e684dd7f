"""Which checkpoints go, and when. The rule:

- Of a run that waits or runs, nothing is touched.
- Of a run that failed or was cancelled, the newest checkpoint that is whole stays, as long as the run can be gone on
  from: until a later run of its kind has succeeded. While a run that waits or runs goes on from it, it stays.
- Of every other run that ended, no checkpoint stays: what it made is published, in a folder of its own.
- What a published policy, reward model or export names is never touched, wherever it lies.

`to_remove` decides from plain records; `prune` looks at the disk, asks it, and deletes. The worker calls it after each
run, in the study that it holds the lock of.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from feedback_store import policies, reward_models, runs
from feedback_store.database import Database
from feedback_store.runs import Run
from rounds import resuming
from rounds.resuming import CHECKPOINTS, RESUMABLE

ACTIVE = ("queued", "running")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kept:
    """What a run keeps. `paths`: its checkpoints, relative to the study, and `newest` the one that is whole, or none;
    `superseded`: a later run of its kind succeeded; `wanted`: a run that has not ended goes on from it.
    """

    run_id: int
    kind: str
    status: str
    paths: Sequence[str]
    newest: str | None
    superseded: bool = False
    wanted: bool = False


def to_remove(kept: Sequence[Kept], cited: Collection[str]) -> list[str]:
    """The paths that go. `cited`: folders, relative to the study, that something published names."""
    found = []
    for run in kept:
        if run.status in ACTIVE:
            continue
        ended_early = run.status in ("failed", "cancelled") and run.kind in RESUMABLE
        stays = {run.newest} if run.wanted or (ended_early and not run.superseded) else set()
        found += [path for path in run.paths if path not in stays and not _touches(path, cited)]
    return found


def prune(db: Database) -> int:
    """Apply the rule to a study; returns how many bytes were freed."""
    freed = 0
    kept = _kept(db)
    for path in to_remove(kept, _cited(db)):
        folder = db.folder / path
        size = sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file())
        try:
            shutil.rmtree(folder)
        except OSError as error:
            log.warning("A checkpoint could not be removed and is tried again later: %s: %s", path, error.strerror)
            continue
        freed += size
    for run in kept:
        folder = resuming.run_folder(db.folder, run.run_id) / CHECKPOINTS
        # With the remains of writers that were killed; but what a failed run left to be looked at stays as long.
        if not resuming.steps(folder) and (run.status != "failed" or run.superseded):
            shutil.rmtree(folder, ignore_errors=True)
    if freed:
        log.info("Old checkpoints were removed: %.1f MB.", freed / 1e6)
    return freed


def _kept(db: Database) -> list[Kept]:
    """What lies on the disk, of runs that the study knows."""
    wanted = {run.config.get("resume_from") for run in runs.active(db)}
    found = []
    for folder in sorted((db.folder / "runs").glob(f"*/{CHECKPOINTS}")):
        if folder.is_symlink() or not folder.parent.name.isdigit():
            continue
        run = _run(db, int(folder.parent.name))
        if run is None or run.status in ACTIVE:
            continue
        paths = [path for path in sorted(folder.iterdir()) if path.is_dir() and path.name.startswith("step-")]
        newest = paths[0] if len(paths) == 1 else resuming.newest_valid(folder)
        found.append(
            Kept(
                run_id=run.id,
                kind=run.kind,
                status=run.status,
                paths=[_relative(db, path) for path in paths],
                newest=_relative(db, newest) if newest else None,
                superseded=_superseded(db, run),
                wanted=run.id in wanted,
            )
        )
    return found


def _cited(db: Database) -> set[str]:
    """Folders that a row names, and all exports."""
    named = [policy.folder for policy in policies.listing(db)] + [model.folder for model in reward_models.listing(db)]
    return {folder for folder in named if folder} | {"exports", "models"}


def _superseded(db: Database, run: Run) -> bool:
    latest = runs.listing(db, limit=1, kind=run.kind, status="succeeded")
    return bool(latest) and latest[0].id > run.id


def _run(db: Database, run_id: int) -> Run | None:
    try:
        return runs.get(db, run_id)
    except ValueError:
        return None


def _relative(db: Database, path: Path) -> str:
    return path.relative_to(db.folder).as_posix()


def _touches(path: str, cited: Collection[str]) -> bool:
    """Whether a path is, holds or lies in something that is named."""
    own = PurePosixPath(path)
    return any(
        own == other or own in other.parents or other in own.parents
        for other in (PurePosixPath(os.path.normpath(name)) for name in cited)
    )
