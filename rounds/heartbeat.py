"""Keeps a run's lease alive from a thread of its own while the run computes, and learns what others want of it."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from feedback_store import runs
from feedback_store.database import FILE_NAME, Database
from feedback_store.errors import LeaseLost
from rounds.memory import RunMemory

SECONDS_BETWEEN_WRITES = 0.3
LONGEST_NAP_SECONDS = 10.0  # that still counts as work

log = logging.getLogger(__name__)


class Heartbeat:
    """Renews a lease every third of its length with the latest progress: `with Heartbeat(folder, lease,
    lease_seconds=20) as heartbeat`.

    `cancelled` is set when somebody cancels the run, `lost` when the lease went to another worker; the run looks at
    both at its next step boundary. The thread has its own database connection.
    """

    def __init__(self, study_folder: Path, lease: runs.Lease, *, lease_seconds: float) -> None:
        self.lease = lease
        self.cancelled = threading.Event()
        self.lost = threading.Event()
        self._folder = study_folder
        self._lease_seconds = lease_seconds
        self._progress: dict[str, Any] = {}
        self._wall_ahead = time.time() - time.monotonic()
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat_until_ended, name=f"heartbeat-{lease.run_id}", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._memory = RunMemory()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._wake.set()
        self._thread.join()
        self._keep_last_progress()
        self._memory.end()

    def report(self, progress: dict[str, Any]) -> None:
        """Progress to show from now on; it is written within half a second."""
        self._progress = dict(progress)
        self._wake.set()

    def _told(self) -> dict[str, Any]:
        return {**self._progress, **self._memory.progress()}

    def _keep_last_progress(self) -> None:
        """The run's peak of memory is known at its end only, when it beats no more."""
        if not (self._folder / FILE_NAME).is_file():
            return  # the study was taken away
        db = Database(self._folder)
        try:
            runs.keep_progress(db, self.lease, self._told())
        except LeaseLost:
            return
        except Exception:
            log.exception("The last progress of run %s could not be written.", self.lease.run_id)
        finally:
            db.close()

    def _beat_until_ended(self) -> None:
        # Not Database.open, which writes: the worker has brought the study up to date, and a study that is locked at
        # this moment must not end the thread. The connection is made by the first beat that gets through.
        db = Database(self._folder)
        try:
            while not self._ended.is_set() and not self.lost.is_set():
                self._wake.clear()
                self._beat(db)
                self._ended.wait(SECONDS_BETWEEN_WRITES)
                self._wake.wait(self._lease_seconds / 3)
        finally:
            db.close()

    def _beat(self, db: Database) -> None:
        # While a machine sleeps the clock on the wall goes on and this one stands still.
        ahead = time.time() - time.monotonic()
        slept = ahead - self._wall_ahead > LONGEST_NAP_SECONDS
        try:
            answer = runs.heartbeat(
                db, self.lease, lease_seconds=self._lease_seconds, progress=self._told(), slept=slept
            )
        except LeaseLost:
            self.lost.set()
        except Exception:  # a busy or full disk is no reason to stop beating
            log.exception("The heartbeat of run %s could not be written; it is tried again.", self.lease.run_id)
        else:
            self._wall_ahead = ahead
            if answer == "cancel":
                self.cancelled.set()
