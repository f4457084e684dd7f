"""What a kind of run is given: settings, study, models in memory, and one call to make between two steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feedback_store import runs
from feedback_store.database import Database
from feedback_store.errors import LeaseLost
from rounds.heartbeat import Heartbeat
from rounds.resuming import CHECKPOINTS
from rounds.settings import StudySettings

if TYPE_CHECKING:
    from rounds.model_host import ModelHost


class RunCancelled(Exception):
    """Somebody cancelled the run; it stops at this step boundary."""


class WorkerStopping(Exception):
    """The worker was told to end; the run goes back to the queue and goes on from its checkpoint later."""


@dataclass
class RunContext:
    """One attempt at one run."""

    db: Database
    run: runs.Run
    lease: runs.Lease
    settings: Any
    study: StudySettings
    folder: Path
    models: ModelHost
    heartbeat: Heartbeat
    stopping: Callable[[], bool]
    let_others_in: Callable[[], None]
    functions: Path | None = None  # the folder of own reward functions, from the worker's command line
    ended: bool = False
    _started: float = field(default_factory=time.monotonic)
    _first_step: int | None = None

    @property
    def study_folder(self) -> Path:
        return self.db.folder

    @property
    def checkpoints(self) -> Path:
        """Where a trainer keeps what it needs to go on after a kill; pruning.py says how long they stay."""
        return self.folder / CHECKPOINTS

    def report(self, phase: str, *, step: int = 0, steps: int = 0, **more: Any) -> None:
        """Progress to show: what is done now, the steps done of all, and an estimate of the seconds left."""
        if self._first_step is None and step > 0:
            self._first_step, self._started = step, time.monotonic()
        seconds_left = None
        done = step - (self._first_step or 0)
        if done > 0 and steps >= step:
            seconds_left = round((time.monotonic() - self._started) / done * (steps - step), 1)
        self.heartbeat.report({"phase": phase, "step": step, "steps": steps, "seconds_left": seconds_left, **more})

    def new_phase(self) -> None:
        """The next `report` starts its estimate of the time left anew."""
        self._first_step = None

    def check(self) -> None:
        """Raises LeaseLost, RunCancelled or WorkerStopping where the run must not go on."""
        if self.heartbeat.lost.is_set():
            raise LeaseLost(f"Run {self.run.id} was taken over by another worker.")
        if self.heartbeat.cancelled.is_set():
            raise RunCancelled
        if self.stopping():
            raise WorkerStopping

    def between_steps(
        self, phase: str, *, step: int, steps: int, series: str | None = None, values: Mapping[str, Any] | None = None
    ) -> None:
        """To be called between two steps, when everything done so far can be found again: shows progress, writes one
        row of metrics, stops the run where it must stop, and lets runs that a person waits for go first.
        """
        self.report(phase, step=step, steps=steps)
        if series is not None and values is not None:
            runs.add_metrics(self.db, self.lease, series, step, dict(values))
        self.check()
        self.let_others_in()
        self.check()

    def log(self, text: str, *, level: str = "info") -> None:
        """One line for people, kept with the run."""
        runs.log(self.db, self.lease, text, level=level)
        with (self.folder / "log.txt").open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}\n")

    def file(self, name: str) -> Path:
        """A file of this run's folder."""
        return self.folder / name


@contextmanager
def untouched_random_state() -> Iterator[None]:
    """Python's, numpy's and torch's global generators go on afterwards as if nothing had been drawn inside."""
    import random

    import numpy
    import torch

    state, numpy_state = random.getstate(), numpy.random.get_state()
    devices: Sequence[int] = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    with torch.random.fork_rng(devices=devices):
        try:
            yield
        finally:
            random.setstate(state)
            numpy.random.set_state(numpy_state)
