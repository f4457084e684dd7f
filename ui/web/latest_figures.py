"""The latest figures about people, computed beside the server and kept with the time they are of.

Whoever looks gets what is there at once; where it is out of date, a process of its own computes it anew
(rounds/people_figures.py), at most one at a time, and is ended when it takes too long.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rounds import people_figures

log = logging.getLogger("tastemaker.web")

Compute = Callable[[Path], dict[str, Any]]


@dataclass(frozen=True)
class Reading:
    """What is known now: the figures of rounds.people_figures (None before the first), whether newer ones are on their
    way, and whether the last attempt failed.
    """

    figures: dict[str, Any] | None
    computing: bool
    failed: bool


class LatestFigures:
    """Figures of one study. Any thread may ask."""

    def __init__(self, folder: Path, compute: Compute | None = None) -> None:
        self._folder = folder
        self._compute = compute or people_figures.in_a_process
        self._lock = threading.Lock()
        self._figures: dict[str, Any] | None = None
        self._computed_of: tuple[int, int] | None = None
        self._failed = False
        self._thread: threading.Thread | None = None
        self._changes = 0

    def read(self, latest: int) -> Reading:
        """The figures as they are; computing begins where they are older than the judgment `latest`."""
        with self._lock:
            wanted = (latest, self._changes)
            running = self._thread is not None and self._thread.is_alive()
            if not running and self._computed_of != wanted:
                self._thread = threading.Thread(target=self._run, args=(wanted,), name="people-figures", daemon=True)
                self._thread.start()
                running = True
            return Reading(self._figures, running, self._failed)

    def wait(self, seconds: float) -> None:
        """Wait until what is being computed is there."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def changed(self) -> None:
        """Something other than an answer changed what they say, such as who is left out."""
        with self._lock:
            self._changes += 1

    def _run(self, wanted: tuple[int, int]) -> None:
        try:
            figures = self._compute(self._folder)
            failed = False
        except Exception:
            log.exception("The figures about people could not be computed")
            figures, failed = None, True
        with self._lock:
            self._figures, self._failed = figures or self._figures, failed
            self._computed_of = wanted  # a failure too: the next answer tries again, not every look
