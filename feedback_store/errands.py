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
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feedback_store import clock, held_file
from feedback_store.database import Database
from feedback_store.errors import Conflict, InvalidInput

PACKAGES = Path(__file__).resolve().parents[1]
FOLDER = "errands"
MOST_AT_ONCE = 3
KEPT_SECONDS = 2 * 24 * 3600.0
LOOK_SECONDS = 0.03
ID = re.compile(r"[0-9a-f]{16}")
NOTHING_YET: dict[str, Any] = {"done": 0, "of": None, "ended": None, "error": None, "result": None}


@dataclass(frozen=True)
class Errand:
    """Work that was asked for. `by` is an annotator's id; `status` is working, done, failed or cut_off (its process
    died); `done` rows `of` so many (None where that is not known); `error` in words where it failed; `result` is what
    its verb gave.
    """

    id: str
    verb: str
    order: dict[str, Any]
    by: int
    created_at: str
    folder: Path
    status: str
    done: int
    of: int | None
    error: str | None
    result: Any


def start(db: Database, verb: str, order: dict[str, Any], *, by: int, now: str | None = None) -> Errand:
    """Begin an errand. Raises Conflict where MOST_AT_ONCE are under way."""
    tidy(db)
    if sum(one.status == "working" for one in listing(db)) >= MOST_AT_ONCE:
        raise Conflict(f"{MOST_AT_ONCE} exports or imports are under way already. Wait until one of them is done.")
    errand_id = secrets.token_hex(8)
    folder = db.folder / FOLDER / errand_id
    folder.mkdir(parents=True, mode=0o700)
    about = {"verb": verb, "order": order, "by": by, "created_at": now or clock.now()}
    (folder / "order.json").write_text(json.dumps(about), encoding="utf-8")
    # The child inherits the lock: it is held from now on until the child ends, however that comes about.
    with held_file.held(folder / "lock", "This is under way.") as lock, (folder / "log.txt").open("wb") as log:
        path = os.pathsep.join(filter(None, [str(PACKAGES), os.environ.get("PYTHONPATH")]))
        process = subprocess.Popen(
            # -P: a file in the current folder must not shadow a module.
            [sys.executable, "-P", "-m", "feedback_store.errand_work", str(db.folder.absolute()), errand_id],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[lock],
            start_new_session=True,  # Ctrl-C at the server does not end it
            env={**os.environ, "PYTHONPATH": path},
        )
    threading.Thread(target=process.wait, name=f"errand {errand_id}", daemon=True).start()
    return get(db, errand_id)


def wait(db: Database, errand_id: str, seconds: float) -> Errand:
    """Return an errand when it has ended, or when the time is over."""
    ends = time.monotonic() + seconds
    while (found := get(db, errand_id)).status == "working" and time.monotonic() < ends:
        time.sleep(LOOK_SECONDS)
    return found


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


def tidy(db: Database) -> None:
    """Clear away errands that ended more than KEPT_SECONDS ago."""
    for one in listing(db):
        latest = max(path.stat().st_mtime for path in (one.folder, one.folder / "order.json"))
        if one.status != "working" and time.time() - latest > KEPT_SECONDS:
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
        part = self._folder / "state.part"
        part.write_text(json.dumps(state), encoding="utf-8")
        part.replace(self._folder / "state.json")


def _read(folder: Path) -> Errand | None:
    try:
        about = json.loads((folder / "order.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None  # being made or cleared away at this moment
    # In this order: what ends between the two looks has written its state before it let the lock go.
    working = held_file.is_held(folder / "lock")
    state = dict(NOTHING_YET)
    with suppress(OSError, ValueError):
        state |= json.loads((folder / "state.json").read_text(encoding="utf-8"))
    ended = state.pop("ended")
    status = ended or ("working" if working else "cut_off")
    return Errand(id=folder.name, folder=folder, status=status, **about, **state)
