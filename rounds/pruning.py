"""Which checkpoints go, and when. The rule:

- Of a run that waits or runs, nothing is touched.
- Of a run that failed or was cancelled, the newest checkpoint that is whole stays, as long as the run can be gone on
  from: until a later run of its kind has succeeded. While a run that waits or runs goes on from it, it stays, and as
  long as one does that ended before its first checkpoint and could be gone on from itself.
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
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from feedback_store import policies, reward_models, runs
from feedback_store.database import Database
from feedback_store.runs import Run
from rounds import resuming
from rounds.resuming import CHECKPOINTS, RESUMABLE

ACTIVE = ("queued", "running")
REMOVED = ".removed-"  # a checkpoint's name while it is deleted
LATEST = 100
"""Runs of a kind that ended early and are asked what they go on from."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kept:
    """What a run keeps. `paths`: its checkpoints, relative to the study, and `newest` the one that is whole, or none;
    `superseded`: a later run of its kind succeeded; `wanted`: a run goes on from it, or may when it is tried again.
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
    kept = _kept(db)  # reads checkpoints whole, which takes too long for a transaction
    gone = []
    with db.transaction():  # nobody asks to go on from a run while it is decided
        wanted = _wanted(db)
        kept = [replace(run, wanted=run.run_id in wanted) for run in kept]
        for path in to_remove(kept, _cited(db)):
            aside = (db.folder / path).with_name(f"{REMOVED}{PurePosixPath(path).name}")
            try:
                (db.folder / path).rename(aside)
            except OSError as error:
                log.warning("A checkpoint could not be removed and is tried again later: %s: %s", path, error.strerror)
                continue
            gone.append(aside)
    for folder in gone:
        freed += sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file())
        shutil.rmtree(folder, ignore_errors=True)
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
    found = []
    for folder in sorted((db.folder / "runs").glob(f"*/{CHECKPOINTS}")):
        if folder.is_symlink() or not folder.parent.name.isdigit():
            continue
        for leftover in folder.glob(f"{REMOVED}*"):  # of a worker that was killed while it deleted
            shutil.rmtree(leftover, ignore_errors=True)
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
            )
        )
    return found


def _wanted(db: Database) -> set[int]:
    """Runs that others go on from, and those that a run which ended early, and is not superseded, leads to."""
    wanted = {run.config.get("resume_from") for run in runs.active(db)}
    for kind in RESUMABLE:
        done = runs.listing(db, limit=1, kind=kind, status="succeeded")
        since = done[0].id if done else 0
        for status in resuming.ENDED_EARLY:
            for run in runs.listing(db, LATEST, kind, status):
                source = resuming.source_of(db, run) if run.id > since else None
                wanted |= {source.id} if source else set()
    return {one for one in wanted if one is not None}


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
