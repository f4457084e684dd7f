"""Backups: a study as one folder in which every file is known by its sha256, and the way back.

    BACKUP/manifest.json   what the backup is of, when it was made, sha256 and bytes of every other file
    BACKUP/study.db        every judgment that was acknowledged before the copy began; passes integrity_check
    BACKUP/models/         all weights
    BACKUP/runs/           input, results and log of each run, without its checkpoints
    BACKUP/secret.key      where the study has one

Why it is made in this way:

- The database is copied by SQLite's online backup in one step, not page by page in several and not by VACUUM INTO. One
  step is one read transaction: it sees what was committed when it began, writers go on meanwhile (WAL), and nothing
  makes it begin again (https://www.sqlite.org/backup.html). It copies pages as they are, at the disk's speed, where
  VACUUM INTO builds each table and index anew and so keeps the log from being folded back for longer. The copy is then
  checked, and that is a check of the study as well.
- It is copied before the weights. Folders of weights are in their place before their row is, and are never changed or
  removed: whatever the rows name is there to be copied.
- Weights are copied, not hard-linked: a backup that shares its blocks with the study is damaged together with it.
- Left out: checkpoints of unfinished runs (such a run begins again from its start), exports (can be made again), other
  backups, locks.
- Files of a backup are read-only (mode 0400), so that a backup that is opened as a study by mistake stays as it is.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from feedback_store import clock, database, sessions, whole_folder
from feedback_store.database import FILE_NAME, SUB_FOLDERS, Database
from feedback_store.errors import CorruptBackup, InvalidInput, StoreError, StoreUnavailable, StudyExists, StudyNotFound
from feedback_store.sqlite import sqlite3
from feedback_store.study_folder import SECRET_KEY, require_free_space

MANIFEST = "manifest.json"
FORMAT = "tastemaker-backup"
VERSION = 1
FOLDERS = ("models", "runs")
CHECKPOINTS = "checkpoints"  # in the folder of a run
LOCKED_PAUSE_SECONDS = 0.05
UNFINISHED = ".writing-"

Progress = Callable[[str, int, int], None]
"""Is told which file is at work, how many bytes are done, and how many there are in all."""


@dataclass(frozen=True)
class Backup:
    """A backup in `folder`: when it was made, how many judgments (rows, superseded ones included), files and bytes it
    holds. `damaged` names files of weights that differed from their own manifest when they were copied.
    """

    folder: Path
    made_at: str
    judgments: int
    files: int
    bytes: int
    damaged: list[str]


def backup(study: Path | str, to: Path | str, *, now: str | None = None, on_progress: Progress | None = None) -> Backup:
    """Back up the study in a folder, which may be in use, to the folder `to`, which appears whole or not at all.

    Raises StudyNotFound; InvalidInput where `to` is not empty or lies among the study's own files; StoreUnavailable
    where space is short or the database stays locked; StoreError where the database is damaged.
    """
    study, to = Path(study), Path(to)
    if not (study / FILE_NAME).is_file():
        raise StudyNotFound(f"No study in {study}: there is no file {FILE_NAME}. Check the path.")
    whole_folder.require_empty(to)
    _require_apart(study, to)
    size = _bytes(study, _files_beside_the_database(study)) + _database_bytes(study)
    require_free_space(to, size, "the backup")
    with whole_folder.appearing(to) as temporary:
        copying = _Copying(size, on_progress)
        copying.begin(FILE_NAME)
        judgments = copy_database(study / FILE_NAME, temporary / FILE_NAME)
        copying.add((temporary / FILE_NAME).stat().st_size)
        sums = {FILE_NAME: whole_folder.sha256(temporary / FILE_NAME)}
        for name in _files_beside_the_database(study):
            copying.begin(name)
            with suppress(FileNotFoundError):  # a file of a run's own, put away meanwhile
                sums[name] = whole_folder.copy(study / name, temporary / name, copying.add)
        made = Backup(to, now or clock.now(), judgments, len(sums), _bytes(temporary, sums), _damaged(temporary, sums))
        _write_manifest(temporary, made, sums)
        for path in temporary.rglob("*"):
            path.chmod(0o700 if path.is_dir() else 0o400)
    return made


def left_behind(study: Path | str) -> list[str]:
    """The runs of a study whose checkpoints no backup holds, by their numbers: what is restored starts them anew."""
    steps = Path(study).glob(f"runs/*/{CHECKPOINTS}/step-*")
    return sorted({path.parent.parent.name for path in steps}, key=lambda name: (len(name), name))


def restore(source: Path | str, study: Path | str, *, on_progress: Progress | None = None) -> Backup:
    """Make a study from a backup; every file is checked first, and the study appears whole or not at all.

    Nobody is logged in to it, whoever was when the backup was made; `undone_by` says what else is as it was then.
    Returns what was restored. Raises CorruptBackup naming the file that is wrong, StudyExists or InvalidInput where
    something is at `study` already, StoreUnavailable where space is short.
    """
    source, study = Path(source), Path(study)
    if (study / FILE_NAME).exists():
        raise StudyExists(f"The folder {study} already holds a study. A backup is restored into a new folder only.")
    whole_folder.require_empty(study)
    held, sums = read(source)
    require_free_space(study, held.bytes, "the restored study")
    copying = _Copying(2 * held.bytes, on_progress)
    _verify(source, sums, copying)
    with whole_folder.appearing(study) as temporary:
        for name in SUB_FOLDERS:
            (temporary / name).mkdir(mode=0o700)
        for name, expected in sums.items():
            copying.begin(name)
            if whole_folder.copy(source / name, temporary / name, copying.add) != expected:
                raise _differs(source, name)
            (temporary / name).chmod(0o600)
        _make_ready(temporary)
    return held


def undone_by(held: Backup) -> str:
    """Say what a study that was restored from a backup does not know, for whoever restored it."""
    return (
        f"What was revoked, disabled, withdrawn or erased after {held.made_at} is not so in this study: tokens and "
        "invitations revoked since let in again, disabled people have their accounts, and erased words are back. Do it "
        "again. All sessions were ended."
    )


def _make_ready(study: Path) -> None:
    """End the sessions of a restored study, and put its database into the mode of one in use: until it is in WAL mode
    whoever opens it waits for all readers.
    """
    try:
        with Database(study) as db:  # not `open`, which brings up to date: that is for whoever opens the study
            if db.value("SELECT 1 FROM sqlite_master WHERE name = 'sessions'"):  # 0.1.0 had none
                sessions.end_all(db)
    except sqlite3.DatabaseError as error:
        raise database.in_other_words(error) or CorruptBackup(
            f"The backup's {FILE_NAME} cannot be read as a study ({error}). Nothing was restored; take another backup."
        ) from error


def verify(source: Path | str) -> Backup:
    """Check every file of a backup against its sha256. Raises CorruptBackup naming the file."""
    held, sums = read(Path(source))
    _verify(Path(source), sums, _Copying(held.bytes, None))
    return held


def read(source: Path) -> tuple[Backup, dict[str, str]]:
    """Return what the manifest of a backup says: the backup, and the sha256 of each file. Raises CorruptBackup."""
    path = source / MANIFEST
    if not path.is_file():
        raise CorruptBackup(f"{source} is no backup, or was never finished: it has no {MANIFEST}.")
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        sums = {_inside(name): str(file["sha256"]) for name, file in said["files"].items()}
        size = sum(int(file["bytes"]) for file in said["files"].values())
        held = Backup(source, str(said["made_at"]), int(said["judgments"]), len(sums), size, list(said["damaged"]))
        known = said["format"] == FORMAT and said["version"] <= VERSION and FILE_NAME in sums
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise CorruptBackup(f"{path} cannot be read ({error!r}). Take another backup.") from error
    if not known:
        raise CorruptBackup(
            f"{path} is of the format {said['format']!r}, version {said['version']!r}; this program restores "
            f"{FORMAT} up to version {VERSION}, with a {FILE_NAME}. Take another backup, or install a newer version."
        )
    return held, sums


def copy_database(source: Path, target: Path) -> int:
    """Copy a database, which may be in use, in one step; return how many judgments the copy holds.

    The copy is one file, in no WAL mode, and passed integrity_check. Raises StoreUnavailable where it stays locked for
    BUSY_TIMEOUT_SECONDS, StoreError where it is damaged.
    """
    if source.stat().st_size == 0:
        raise StoreError(
            f"The database {source} was emptied, so no backup was made of it. Restore the study from an earlier backup."
        )
    # For writing where that is possible: after a crash the first to open a database puts its log in order.
    writable = os.access(source, os.W_OK) and os.access(source.parent, os.W_OK)
    uri = database.address(source, readonly=not writable)
    try:
        with (
            closing(sqlite3.connect(uri, uri=True, timeout=LOCKED_PAUSE_SECONDS)) as original,
            closing(sqlite3.connect(target)) as copied,
        ):
            original.backup(copied, pages=-1, progress=_bounded_wait(), sleep=LOCKED_PAUSE_SECONDS)
            copied.execute("PRAGMA journal_mode = DELETE").fetchall()
            fault = copied.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if fault != "ok":
                raise StoreError(
                    f"The database {source} is damaged ({fault}), so no backup was made of it. Look at it with "
                    "`tastemaker check`; keep your earlier backups."
                )
            return int(copied.execute("SELECT COUNT(*) FROM judgments").fetchone()[0])
    except sqlite3.DatabaseError as error:
        raise StoreError(f"The database {source} cannot be copied ({error}). No backup was made.") from error


def _bounded_wait() -> Callable[[int, int, int], None]:
    """A backup's progress call that raises once the database has been locked for too long (never so in WAL mode)."""
    until = time.monotonic() + database.BUSY_TIMEOUT_SECONDS

    def look(status: int, remaining: int, total: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > until:
            raise StoreUnavailable(
                f"Another process kept the study's database locked for {database.BUSY_TIMEOUT_SECONDS:.0f} seconds. No "
                "backup was made; try again."
            )

    return look


class _Copying:
    """Counts bytes for whoever wants to see how far it is."""

    def __init__(self, total: int, on_progress: Progress | None) -> None:
        self._total, self._tell = total, on_progress or (lambda name, done, total: None)
        self._name, self._done = "", 0

    def begin(self, name: str) -> None:
        self._name = name
        self.add(0)

    def add(self, count: int) -> None:
        self._done += count
        self._tell(self._name, self._done, max(self._total, self._done))


def _require_apart(study: Path, to: Path) -> None:
    """A backup may lie in the study's backups/, but not among what it copies."""
    inside, at = study.resolve(), to.resolve()
    if at == inside or (inside in at.parents and inside / "backups" not in at.parents):
        raise InvalidInput(
            f"{to} lies among the files of the study itself. Name a folder elsewhere, or in its backups/."
        )


def _files_beside_the_database(study: Path) -> list[str]:
    names = [str(path.relative_to(study)) for folder in FOLDERS for path in _walk(study / folder, study)]
    return [*([SECRET_KEY] if (study / SECRET_KEY).is_file() else []), *names]


def _walk(folder: Path, study: Path) -> Iterator[Path]:
    """Files below a folder in order, but for what a writer is at work on, and checkpoints of runs."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name.startswith(UNFINISHED) or path.relative_to(study).parts[::2] == ("runs", CHECKPOINTS):
            continue
        if path.is_dir():
            yield from _walk(path, study)
        elif path.is_file():
            yield path


def _database_bytes(study: Path) -> int:
    """At most what the copy takes: the pages in the file and those that stand in the log only."""
    wal = study / f"{FILE_NAME}-wal"
    return (study / FILE_NAME).stat().st_size + (wal.stat().st_size if wal.exists() else 0)


def _bytes(folder: Path, names: Any) -> int:
    size = 0
    for name in names:
        with suppress(FileNotFoundError):
            size += (folder / name).stat().st_size
    return size


def _damaged(folder: Path, sums: dict[str, str]) -> list[str]:
    """Files of weights whose bytes are not those that their folder's own manifest names."""
    wrong = []
    for name in sums:
        if PurePosixPath(name).name == MANIFEST and name.startswith("models/"):
            for inner, expected in manifest_of_weights(folder / PurePosixPath(name).parent).items():
                path = str(PurePosixPath(name).parent / inner)
                if sums.get(path) != expected:
                    wrong.append(path)
    return sorted(wrong)


def manifest_of_weights(folder: Path) -> dict[str, str]:
    """Return the sha256 of each file of a folder of weights, as its manifest.json names them; nothing where it cannot
    be read.
    """
    try:
        sums = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["sha256"]
        return {str(name): str(value) for name, value in sums.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _write_manifest(folder: Path, made: Backup, sums: dict[str, str]) -> None:
    files = {name: {"sha256": value, "bytes": (folder / name).stat().st_size} for name, value in sums.items()}
    said = {
        "format": FORMAT,
        "version": VERSION,
        "made_at": made.made_at,
        "judgments": made.judgments,
        "damaged": made.damaged,
        "files": files,
    }
    # In ASCII: so a file name that is no UTF-8 has a form that reads back as the same name.
    (folder / MANIFEST).write_text(json.dumps(said, indent=1), encoding="ascii")


def _inside(name: str) -> str:
    """A name that a manifest gives, if it stays inside the backup. Raises ValueError."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or path.parts[0] not in (FILE_NAME, SECRET_KEY, *FOLDERS):
        raise ValueError(f"the name {name!r} does not belong into a backup")
    return name


def _verify(source: Path, sums: dict[str, str], copying: _Copying) -> None:
    for name, expected in sums.items():
        copying.begin(name)
        if not (source / name).is_file():
            raise CorruptBackup(
                f"The backup's file {source / name} is missing. Nothing was restored; take another one."
            )
        if whole_folder.sha256(source / name, copying.add) != expected:
            raise _differs(source, name)


def _differs(source: Path, name: str) -> CorruptBackup:
    return CorruptBackup(
        f"The backup's file {source / name} differs from its sha256 in {MANIFEST}. Nothing was restored; take another "
        "backup."
    )
