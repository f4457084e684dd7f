"""One worker a study: a lock that dies with its holder, and a beat that tells a working holder from a stopped one.
Free of torch.

`STUDY/worker.lock` is held with flock by the worker that serves the study; the file says who that is, and its
modification time is the worker's last beat. A holder that no longer beats (stopped, hung) is replaced: the newcomer
puts a new file in the place of the old one, and the old holder sees at its next beat that it is no longer the study's
worker. Leases and their fences keep the two apart.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

FILE = "worker.lock"
BEAT_SECONDS = 2.0


class WorkerRunning(ValueError):
    """Another worker serves this study."""


class WorkerReplaced(RuntimeError):
    """This worker did not beat for so long that another one has taken its place."""


@dataclass(frozen=True)
class WorkerBeat:
    """Who holds the lock of a study, and how long ago it gave its last sign of life (seconds)."""

    pid: int
    host: str
    seconds_ago: float


def beating(folder: Path, *, within_seconds: float = 20.0) -> WorkerBeat | None:
    """The worker that serves the study now; None where none holds the lock or its last beat is older than
    `within_seconds`.
    """
    path = folder / FILE
    try:
        with path.open("r+") as file:
            if _lock(file.fileno()):
                return None
            beat = _read(path)
    except FileNotFoundError:
        return None
    return beat if beat and beat.seconds_ago <= within_seconds else None


class WorkerLock:
    """Held for the worker's life: `with WorkerLock(folder, ...) as lock`, and `lock.beat()` every `BEAT_SECONDS`."""

    def __init__(self, folder: Path, *, stale_seconds: float) -> None:
        self.path = folder / FILE
        self.stale_seconds = stale_seconds
        self._file: int | None = None

    def __enter__(self) -> WorkerLock:
        """Raises WorkerRunning, naming the holder, where another worker beats."""
        for patience in (0.1, 0.1, 0.1, 0.0):  # `beating` holds the lock for a moment
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            if _lock(handle):
                self._file = handle
                self._write(handle)
                break
            os.close(handle)
            time.sleep(patience)
        else:
            beat = _read(self.path)
            if beat and beat.seconds_ago <= self.stale_seconds:
                raise WorkerRunning(
                    f"A worker already serves {self.path.parent.name} (process {beat.pid} on {beat.host}). "
                    "Stop it first, or let it go on."
                )
            self._replace()
        if not self._is_ours():  # another newcomer was quicker
            self._close()
            raise WorkerRunning(f"Another worker has just started on {self.path.parent.name}.")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def beat(self) -> None:
        """A sign of life. Raises WorkerReplaced where another worker has taken this one's place."""
        if not self._is_ours():
            raise WorkerReplaced("This worker gave no sign of life for too long; another one has taken its place.")
        assert self._file is not None
        os.utime(self._file)

    def _replace(self) -> None:
        """Puts a new, locked file in the place of one whose holder no longer beats."""
        newcomer = self.path.with_name(f".{FILE}-{uuid.uuid4().hex[:8]}")
        handle = os.open(newcomer, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        _lock(handle)
        self._write(handle)
        self._file = handle
        os.replace(newcomer, self.path)

    def _write(self, handle: int) -> None:
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)

    def _is_ours(self) -> bool:
        if self._file is None:
            return False
        try:
            there, held = os.stat(self.path), os.fstat(self._file)
        except FileNotFoundError:
            return False
        return (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino)

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(path: Path) -> WorkerBeat | None:
    try:
        holder = json.loads(path.read_text())
        return WorkerBeat(int(holder["pid"]), str(holder["host"]), time.time() - path.stat().st_mtime)
    except (OSError, ValueError, KeyError, TypeError):
        return None
