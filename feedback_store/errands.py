"""Errands: work that somebody asks for in a page and that takes long, done by a process of its own.

Whoever asks need not wait: the process goes on when the page is closed and when the server ends, and holds a lock that
tells whether it still lives. An errand is a folder, errands/ID/: order.json says what is to be done, state.json how far
it is and what came out, and files of its own may lie beside. What the verbs do: errand_work.py.
"""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feedback_store import clock, held_file, importing
from feedback_store.accounts import Role, known_role
from feedback_store.database import Database
from feedback_store.errors import Conflict, InvalidInput, StoreUnavailable, StudyNotFound
from feedback_store.study_folder import last_touched

PACKAGES = Path(__file__).resolve().parents[1]
FOLDER = "errands"
MOST_AT_ONCE = 3
KEPT_SECONDS = 2 * 24 * 3600.0
ID = re.compile(r"[0-9a-f]{16}")
SCRATCH = "scratch-"
NOTHING_YET: dict[str, Any] = {"done": 0, "of": None, "ended": None, "error": None, "result": None}


@dataclass(frozen=True)
class Errand:
    """Work that was asked for. `by` is an annotator's id, `role` what they were when they asked: what came out can hold
    what only that role may see. `status` is working, done, failed or cut_off (its process died); `done` rows `of` so
    many (None where that is not known); `error` in words where it failed; `result` is what its verb gave.
    """

    id: str
    verb: str
    order: dict[str, Any]
    by: int
    role: Role
    created_at: str
    folder: Path
    status: str
    done: int
    of: int | None
    error: str | None
    result: Any


def start(
    db: Database,
    verb: str,
    order: dict[str, Any],
    *,
    by: int,
    role: Role,
    then: Callable[[Database], object] | None = None,
    now: str | None = None,
) -> Errand:
    """Begin an errand, asked for as `role`; `then` is called when its process has ended, however it did.

    Raises Conflict where MOST_AT_ONCE are under way, or one on the file that `order` names as its upload.
    """
    with nobody_begins(db):
        tidy(db)
        if sum(one.status == "working" for one in listing(db)) >= MOST_AT_ONCE:
            raise Conflict(f"{MOST_AT_ONCE} exports or imports are under way already. Wait until one of them is done.")
        if "upload" in order:
            require_idle(db, order["upload"])
        errand_id = secrets.token_hex(8)
        folder = db.folder / FOLDER / errand_id
        about = {"verb": verb, "order": order, "by": by, "role": role, "created_at": now or clock.now()}
        try:
            folder.mkdir(mode=0o700)
            process = _begun(db, folder, about)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise StoreUnavailable(
                f"The work could not be started ({error.strerror}). Nothing was changed; look whether the disk is full "
                "or memory short, and try again."
            ) from error
    threading.Thread(target=_watch, args=(process, db.folder, then), name=f"errand {errand_id}", daemon=True).start()
    return get(db, errand_id)


@contextmanager
def nobody_begins(db: Database) -> Iterator[None]:
    """While this lasts no errand is begun; who waits for it waits for moments."""
    (db.folder / FOLDER).mkdir(mode=0o700, exist_ok=True)
    with held_file.turn(db.folder / FOLDER):
        yield


def require_idle(db: Database, upload_id: str) -> None:
    """Raise Conflict where an errand works on an uploaded file. It tells for as long as nobody_begins."""
    if any(one.status == "working" and one.order.get("upload") == upload_id for one in listing(db)):
        raise Conflict("This file is being gone through. Wait until that is done.")


def get(db: Database, errand_id: str) -> Errand:
    """Return an errand. Raises InvalidInput where there is none."""
    found = _read(db.folder / FOLDER / errand_id) if ID.fullmatch(errand_id) else None
    if found is None:
        raise InvalidInput(f"There is no errand {errand_id[:40]!r}. It may be too long ago.")
    return found


def listing(db: Database) -> list[Errand]:
    """Return the errands that are kept, the newest first."""
    found = filter(None, map(_read, (db.folder / FOLDER).glob("*")))
    return sorted(found, key=lambda one: one.created_at, reverse=True)


@contextmanager
def scratch(db: Database) -> Iterator[Path]:
    """A folder for a trial by a command, such as of an import on a copy of the study; it goes when the trial is over.

    What a killed trial left holds all that the study held, so the next `tidy` clears it away: its lock died with it.
    """
    with nobody_begins(db):
        tidy(db)
        folder = db.folder / FOLDER / f"{SCRATCH}{secrets.token_hex(8)}"
        folder.mkdir(mode=0o700)
        lock = held_file.hold(folder / "lock", "This is under way.")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def tidy(db: Database) -> None:
    """Clear away errands that ended more than KEPT_SECONDS ago, and what killed trials left. While nobody_begins."""
    for folder in (db.folder / FOLDER).glob(f"{SCRATCH}*"):
        if not held_file.is_held(folder / "lock"):
            shutil.rmtree(folder, ignore_errors=True)
    for one in listing(db):
        latest = last_touched(one.folder, one.folder / "order.json")
        if one.status != "working" and latest is not None and time.time() - latest > KEPT_SECONDS:
            shutil.rmtree(one.folder, ignore_errors=True)


class Progress:
    """What a working process tells of itself, now and then."""

    SECONDS = 0.3

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._told = time.monotonic()
        self.of: int | None = None

    def at(self, done: int) -> None:
        """So many rows are done."""
        if time.monotonic() - self._told >= self.SECONDS:
            self._told = time.monotonic()
            self._write({"done": done, "of": self.of})

    def done(self, done: int, result: Any) -> None:
        """The errand ended well."""
        self._write({"done": done, "of": self.of, "ended": "done", "result": result})

    def failed(self, words: str) -> None:
        """The errand failed."""
        self._write({"ended": "failed", "error": words})

    def _write(self, state: dict[str, Any]) -> None:
        _write_whole(self._folder / "state.json", state)


def _begun(db: Database, folder: Path, about: dict[str, Any]) -> "subprocess.Popen[bytes]":
    """The process of an errand. It holds the lock before the errand can be seen, so nobody sees one as cut off that has
    only just begun.
    """
    # The child inherits the lock: it is held from now on until the child ends, however that comes about.
    lock = held_file.hold(folder / "lock", "This is under way.")
    try:
        _write_whole(folder / "order.json", about)
        with (folder / "log.txt").open("wb") as log:
            path = os.pathsep.join(filter(None, [str(PACKAGES), os.environ.get("PYTHONPATH")]))
            return subprocess.Popen(
                # -P: a file in the current folder must not shadow a module.
                [sys.executable, "-P", "-m", "feedback_store.errand_work", str(db.folder.absolute()), folder.name],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[lock],
                start_new_session=True,  # Ctrl-C at the server does not end it
                env={**os.environ, "PYTHONPATH": path},
            )
    finally:
        os.close(lock)


def _watch(process: "subprocess.Popen[bytes]", study: Path, then: Callable[[Database], object] | None) -> None:
    """Wait for the end of an errand's process; what an import left half when it was killed is taken back."""
    died = process.wait() != 0
    if died or then is not None:
        # Where it cannot be done now, the next import does it, or the next start of the server.
        with suppress(StoreUnavailable, StudyNotFound), Database.open(study) as db:
            if died:
                importing.mend(db)
            if then is not None:
                then(db)


def _read(folder: Path) -> Errand | None:
    if not ID.fullmatch(folder.name) or folder.is_symlink():
        return None
    try:
        about = json.loads((folder / "order.json").read_text(encoding="utf-8"))
        about = {**about, "role": known_role(about.get("role", "admin"))}
        # In this order: what ends between the two looks has written its state before it let the lock go.
        working = held_file.is_held(folder / "lock")
        state = NOTHING_YET | _state(folder)
        ended = state.pop("ended")
        status = ended or ("working" if working else "cut_off")
        return Errand(id=folder.name, folder=folder, status=status, **about, **state)
    except (OSError, ValueError, TypeError, AttributeError):
        return None  # being made or cleared away at this moment, or not ours


def _state(folder: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        state: dict[str, Any] = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        return state
    return {}


def _write_whole(path: Path, content: dict[str, Any]) -> None:
    """Write a file that others see as a whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content), encoding="utf-8")
    part.replace(path)
