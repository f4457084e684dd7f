"""The latest heavy figures of a study, computed beside the server and kept with the time they are of.

Whoever looks gets what is there at once; where it is out of date, a process of its own computes it anew
(rounds/beside.py), one at a time whatever the figures, and is ended when it takes too long.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rounds import beside

log = logging.getLogger("tastemaker.web")

Compute = Callable[[Path], dict[str, Any]]


@dataclass(frozen=True)
class Reading:
    """What is known now: the figures (None before the first), whether newer ones are on their way, and whether the last
    attempt failed.
    """

    figures: dict[str, Any] | None
    computing: bool
    failed: bool

    @property
    def as_of(self) -> dict[str, Any]:
        """What a page says about it: when the figures are of, whether newer ones come, whether the last try failed."""
        moment = self.figures["as_of"] if self.figures else None
        return {"as_of": moment, "computing": self.computing, "failed": self.failed}


class LatestFigures:
    """One kind of figures of one study, by its name in rounds.beside. Any thread may ask. `turn` is shared by those
    that must not be computed at the same time.
    """

    def __init__(
        self, folder: Path, name: str, turn: threading.Lock | None = None, compute: Compute | None = None
    ) -> None:
        self._folder = folder
        self._name = name
        self._compute = compute or (lambda folder: beside.in_a_process(name, folder))
        self._turn = turn or threading.Lock()
        self._lock = threading.Lock()
        self._figures: dict[str, Any] | None = None
        self._computed_of: Hashable = None
        self._failed = False
        self._thread: threading.Thread | None = None
        self._changes = 0
        self._ended = -math.inf

    def read(self, state: Hashable, *, rest_seconds: float = 0.0) -> Reading:
        """The figures as they are; computing begins where they are of another state of the study than `state`, but
        not within `rest_seconds` of when it ended last: for pages that ask again and again.
        """
        with self._lock:
            wanted = (state, self._changes)
            running = self._thread is not None and self._thread.is_alive()
            rested = time.monotonic() >= self._ended + rest_seconds
            if not running and rested and self._computed_of != wanted:
                self._thread = threading.Thread(target=self._run, args=(wanted,), name=f"{self._name}-figures")
                self._thread.daemon = True
                self._thread.start()
                running = True
            return Reading(self._figures, running, self._failed)

    def wait(self, seconds: float) -> None:
        """Wait until what is being computed is there."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def changed(self) -> None:
        """Something other than what `read` is told changed what they say, such as who is left out."""
        with self._lock:
            self._changes += 1

    def _run(self, wanted: Hashable) -> None:
        try:
            with self._turn:
                figures = self._compute(self._folder)
            failed = False
        except Exception:
            log.exception("The figures about %s could not be computed", self._name)
            figures, failed = None, True
        with self._lock:
            self._figures, self._failed = figures or self._figures, failed
            self._ended = time.monotonic()
            self._computed_of = wanted  # a failure too: the next change tries again, not every look
