"""Keeps one worker process running for a study, and makes sure that a study has one server. Free of torch.

A worker of somebody else's (`tastemaker worker` in another terminal, the one of a server that was just killed) is left
in peace: the supervisor starts its own when that one is gone or no longer beats.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO

from feedback_store import held_file
from feedback_store.database import Database
from rounds import studies, worker_lock

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
HEALTHY_SECONDS = 60.0
STOP_SECONDS = 12.0
ERRORS_FILE, ERRORS_BEFORE = "worker.err", "worker.err.1"
SERVE_LOCK = "serve.lock"
PACKAGES = Path(__file__).resolve().parents[1]


class StudyServed(ValueError):
    """Another process serves this study; the words name it."""


class NoSuchFolder(ValueError):
    """The folder of own reward functions is not there."""


STARTS_IN_VAIN = 3
"""A worker that ends so often before it takes up a run will not come up."""


class WorkerSupervisor:
    """One worker process (`python -m rounds.worker`), started again with growing pauses when it dies.

    `with WorkerSupervisor(folder) as supervisor:` or `start()` and `stop()`. The worker ends by itself when this
    process is gone. `command` replaces the worker in tests.
    """

    def __init__(
        self,
        study_folder: Path,
        *,
        env: Mapping[str, str] | None = None,
        command: list[str] | None = None,
        functions: Path | None = None,
    ) -> None:
        self.folder = Path(study_folder).resolve()
        self._functions = functions
        self.restarts = 0
        self._env = dict(env or {})
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._state = "not started"

    def start(self) -> WorkerSupervisor:
        """Begin to supervise; does nothing where it was begun already."""
        if self._thread is None:
            self._ending.clear()
            self._thread = threading.Thread(target=self._supervise, name="worker-supervisor", daemon=True)
            self._thread.start()
        return self

    def stop(self, timeout: float = STOP_SECONDS) -> None:
        """Tell the worker to put its run back and end; kill it where it has not ended after `timeout` seconds."""
        self._ending.set()
        with self._lock:
            process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._state = "stopped"

    def __enter__(self) -> WorkerSupervisor:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The worker's process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    @property
    def state(self) -> str:
        """What the worker does, in words: running, waiting for another one, or why it ended."""
        return "running" if self.pid is not None else self._state

    def _supervise(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._ending.is_set():
            began = time.monotonic()
            try:
                other = worker_lock.beating(self.folder)
                if other is not None:
                    self._state = f"another worker serves this study (process {other.pid} on {other.host})"
                    self._ending.wait(FIRST_PAUSE_SECONDS)
                    continue
                ended = self._why_it_ended(self._run_once())
            except Exception as error:  # a full disk, a store that is locked: whatever it is, it is tried again
                log.exception("The worker of %s could not be started", self.folder.name)
                ended = f"The worker could not be started: {error}"
            if self._ending.is_set():
                return
            pause = FIRST_PAUSE_SECONDS if time.monotonic() - began > HEALTHY_SECONDS else pause
            self._state = f"{ended}; started again in {pause:.0f} s"
            self.restarts += 1
            self._ending.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _run_once(self) -> int:
        with contextlib.suppress(OSError):  # what the one before said last is often the reason
            if (self.folder / ERRORS_FILE).stat().st_size:
                (self.folder / ERRORS_FILE).replace(self.folder / ERRORS_BEFORE)
        with (self.folder / ERRORS_FILE).open("wb") as errors:
            with self._lock:
                if self._ending.is_set():
                    return 0
                self._process = subprocess.Popen(
                    self._command or worker_command(self.folder, parent=os.getpid(), functions=self._functions),
                    env={**os.environ, **worker_environment(self.folder), **self._env},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    start_new_session=True,  # Ctrl-C in the terminal reaches this process, which then stops the worker
                )
            return self._process.wait()

    def _why_it_ended(self, code: int) -> str:
        lines = (self.folder / ERRORS_FILE).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        if code < 0:
            memory = "; probably out of memory" if code == -9 else ""
            return f"The worker was killed by signal {-code}{memory}"
        return f"The worker ended with code {code}" + (f": {lines[-1]}" if lines and code else "")


def worker_command(folder: Path, *, parent: int, functions: Path | None = None) -> list[str]:
    """The command line of a worker. -P: a file in the current folder must not shadow a module. `functions`: the folder
    of own reward functions. Raises NoSuchFolder where it is none.
    """
    command = [sys.executable, "-P", "-m", "rounds.worker", str(folder), "--parent", str(parent)]
    require_folder(functions)
    return command if functions is None else [*command, "--functions", str(functions.resolve())]


def require_folder(functions: Path | None) -> None:
    """Raises NoSuchFolder where own reward functions are to come from a folder that is not there."""
    if functions is not None and not functions.is_dir():
        raise NoSuchFolder(f"--functions: there is no folder {str(functions)!r}. Give one that holds NAME.py files.")


def worker_environment(folder: Path) -> dict[str, str]:
    """What a worker's environment needs on top of this process's; offline unless the base may have to be fetched."""
    path = os.pathsep.join(filter(None, [str(PACKAGES), os.environ.get("PYTHONPATH")]))
    environment = {"PYTHONPATH": path, "TOKENIZERS_PARALLELISM": "false", "HF_HUB_DISABLE_TELEMETRY": "1"}
    with Database.open(folder, readonly=True) as db:
        fetched = studies.settings(db).base.startswith("hub:")
    return {**environment, "HF_HUB_OFFLINE": "0" if fetched else "1"}


def start_worker_if_none(folder: Path, *, functions: Path | None = None) -> WorkerSupervisor:
    """A started supervisor: where a worker beats it only watches, and starts one when that one ends. `functions`: the
    folder of own reward functions for a worker that it starts. Raises NoSuchFolder where it is none.
    """
    require_folder(functions)
    return WorkerSupervisor(folder, functions=functions).start()


def is_attended(folder: Path) -> bool:
    """Whether a server or a worker is at the study now, and whoever locks it for long makes people wait."""
    return held_file.is_held(folder / SERVE_LOCK) or worker_lock.beating(folder) is not None


class StudyLock:
    """Held by the one process that serves a study: `with StudyLock(folder) as lock`, then `lock.tell(address)`.

    It dies with its holder. Raises StudyServed, naming the holder's process and address.
    """

    def __init__(self, folder: Path) -> None:
        self.path = Path(folder) / SERVE_LOCK
        self._file: IO[str] | None = None

    def __enter__(self) -> StudyLock:
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            with held_file.turn(self.path.parent):  # who only looks whether it is held is not taken for a holder
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise StudyServed(self._holder()) from None
        self._file = os.fdopen(handle, "r+", encoding="utf-8")
        self.tell(None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def tell(self, address: str | None) -> None:
        """Write down who serves the study and where."""
        if self._file is None:
            raise RuntimeError("The lock is not held.")
        self._file.seek(0)
        self._file.truncate()
        json.dump({"pid": os.getpid(), "address": address}, self._file)
        self._file.flush()

    def _holder(self) -> str:
        name = self.path.parent.name
        try:
            holder = json.loads(self.path.read_text(encoding="utf-8"))
            where = f" at {holder['address']}" if holder["address"] else ""
            return f"The study {name} is served already, by process {holder['pid']}{where}. Stop that one first."
        except (OSError, ValueError, KeyError):
            return f"The study {name} is served already, by another process. Stop that one first."
