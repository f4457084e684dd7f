"""Seeing a run through from the command line: a worker where none is at work, progress, and the run's end."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from feedback_store.database import Database
    from feedback_store.runs import Run

ENDED = frozenset({"succeeded", "failed", "cancelled"})
POLL_SECONDS = 0.3


class RunFailed(ValueError):
    """A run that was waited for did not succeed; the words are its own."""


def see_through(db: "Database", run: "Run", *, quiet: bool, functions: Path | None = None) -> "Run":
    """Waits until the run has ended and returns it. The run outlives Ctrl-C: it stays in the queue. `functions`: the
    folder of own reward functions for a worker that is started.
    """
    from feedback_store import runs
    from rounds import supervisor
    from ui.commands.runs import progress_words

    with supervisor.start_worker_if_none(db.folder, functions=functions), Progress(quiet=quiet) as progress:
        while run.status not in ENDED:
            progress.show(f"run {run.id} {run.kind}: {progress_words(run.progress) or run.status}")
            time.sleep(POLL_SECONDS)
            run = runs.get(db, run.id)
    return run


def require_success(run: "Run") -> dict[str, Any]:
    """The run's result; raises RunFailed with the run's own words."""
    if run.status != "succeeded":
        raise RunFailed(f"run {run.id} ({run.kind}) {run.status}: {run.error or 'no reason given'}")
    return run.result or {}


class Progress:
    """One line that is written over on a terminal; elsewhere a line whenever the words change, at most every 10 s."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.live = sys.stderr.isatty()
        self.last = ""
        self.shown_at = 0.0

    def __enter__(self) -> "Progress":
        return self

    def show(self, words: str) -> None:
        now = time.monotonic()
        if self.quiet or words == self.last or (not self.live and now - self.shown_at < 10):
            return
        self.last, self.shown_at = words, now
        if self.live:
            print(f"\r\033[K{words[:118]}", end="", file=sys.stderr, flush=True)
        else:
            print(words, file=sys.stderr, flush=True)

    def __exit__(self, *trace: object) -> None:
        if self.live and self.last:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
