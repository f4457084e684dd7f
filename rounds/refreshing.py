"""A thread that keeps the refreshed reward up to date, behind the answers: none waits for it. Torch-free."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from feedback_store import features, judgments, newest_judgments, reward_models
from feedback_store.database import Database

if TYPE_CHECKING:
    from rounds.refreshed_reward import Absorber, Refreshed

log = logging.getLogger("tastemaker.web")

FEWEST_JUDGMENTS = 20
LOOKS_EVERY_SECONDS = 15.0
"""Imports, and features that the worker filled in, come without a nudge."""
AT_LEAST_SECONDS = 0.25
"""Between two rounds of absorbing: answers of many people come together."""


@dataclass(frozen=True)
class State:
    """What tells that rows behind the latest judgment were changed: judgments that `counted`, an import taken back or
    somebody left out (`behind`), features filled in, a new reward model that knows people otherwise, what it was
    `told`."""

    counted: int
    features: int
    reward_model: int
    behind: tuple[int, ...]
    told: int


class Refreshing:
    """The refreshed reward of one study, None before FEWEST_JUDGMENTS. Any thread may nudge and read."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._nudged = threading.Event()
        self._ending = threading.Event()
        self._changes = 0
        self._seen: State | None = None
        self._thread: threading.Thread | None = None
        self._absorber: Absorber | None = None
        self._current: Refreshed | None = None

    @property
    def current(self) -> Refreshed | None:
        """What is known now; seconds behind the latest judgment at most."""
        found = self._current
        return found if found is not None and len(found.judgments) >= FEWEST_JUDGMENTS else None

    def nudge(self) -> None:
        """A judgment was stored, or taken back."""
        self._nudged.set()

    def changed(self) -> None:
        """Who counts was changed: everything is made from rows again, without waiting for the next look."""
        self._changes += 1
        self._nudged.set()

    def start(self) -> None:
        """Begin to follow the study."""
        self._thread = threading.Thread(target=self._follow, name="refreshing", daemon=True)
        self._thread.start()

    def stop(self, seconds: float = 2.0) -> None:
        """End the thread; what it was at is lost, and made again from rows."""
        self._ending.set()
        self._nudged.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def _follow(self) -> None:
        while not self._ending.is_set():
            self._nudged.clear()
            try:
                self.look()
            except Exception:
                log.exception("The refreshed reward could not be brought up to date; it is made from rows next time")
                self._absorber = None
            self._ending.wait(AT_LEAST_SECONDS)
            self._nudged.wait(LOOKS_EVERY_SECONDS)

    def look(self) -> None:
        """Bring it up to date once: by what was judged since, or from rows where anything else was changed."""
        latest = newest_judgments.latest(self._db)
        if latest == 0:
            return
        before = self._state()  # what changes while it works is seen at the next look
        if self._current is not None and self._absorber is not None and latest > self._current.latest:
            if not self._is_stale(self._current, before):
                self._current = self._absorber.catch_up()
                self._seen = replace(before, counted=self._state().counted)
                return
            self._absorber = None
        if self._absorber is None or before != self._seen:
            from rounds.refreshed_reward import Absorber  # scipy: a server is ready before it is loaded

            self._seen = before
            self._absorber = Absorber(self._db)
            self._current = self._absorber.start()

    def _is_stale(self, known: Refreshed, state: State) -> bool:
        """Whether more happened than what an Absorber catches up on: it was told that who counts was changed, or
        features were filled in that judgments waited for."""
        seen = self._seen
        return seen is None or state.told != seen.told or (known.missing > 0 and state.features != seen.features)

    def _state(self) -> State:
        return State(
            counted=judgments.count(self._db, purpose="training"),
            features=features.count(self._db),
            reward_model=reward_models.latest_id(self._db),
            behind=newest_judgments.changes_behind(self._db),
            told=self._changes,
        )
