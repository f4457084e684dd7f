"""Seeing a run through from the command line: a worker where none is at work, progress, and the run's end."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ui.commands.output import say

if TYPE_CHECKING:
    from feedback_store.database import Database
    from feedback_store.runs import Run

ENDED = frozenset({"succeeded", "failed", "cancelled"})
POLL_SECONDS = 0.3


class RunFailed(ValueError):
    """A run that was waited for did not succeed; the words are its own."""


def see_through(db: "Database", run: "Run", *, quiet: bool, functions: Path | None = None) -> "Run":
    """Waits until the run has ended and returns it. The run outlives Ctrl-C: it stays in the queue. `functions`: the
    folder of own reward functions for a worker that is started. Raises RunFailed, in the worker's last words, where
    none comes up.
    """
    from feedback_store import runs
    from rounds import supervisor, worker_lock
    from ui.commands.runs import progress_words

    others = worker_lock.beating(db.folder) is not None  # a worker that stays where this command ends
    try:
        with (
            supervisor.start_worker_if_none(db.folder, functions=functions) as worker,
            Progress(quiet=quiet) as progress,
        ):
            claims, starts = 0, 0  # how often runs were taken up, and the worker's starts when that last grew
            while run.status not in ENDED:
                waits = run.status == "queued"
                if (so_far := runs.claims(db)) != claims:  # the worker does come up
                    claims, starts = so_far, worker.restarts
                now = f"queued ({worker.state})" if waits else progress_words(run.progress) or run.status
                progress.show(f"run {run.id} {run.kind}: {now}")
                if waits and worker.restarts - starts >= supervisor.STARTS_IN_VAIN:
                    raise RunFailed(
                        f"No worker comes up for run {run.id} ({run.kind}), which stays in the queue. {worker.state}."
                    )
                time.sleep(POLL_SECONDS)
                run = runs.get(db, run.id)
    except KeyboardInterrupt:
        say(left_words(db.folder, runs.get(db, run.id), others=others))
        raise
    return run


def left_words(study: Path, run: "Run", *, others: bool) -> str:
    """What becomes of a run that nobody waits for any more. `others`: there is a worker beside the one that was started
    to wait, which ends and gives the run back."""
    if run.status in ENDED:
        return f"Run {run.id} ({run.kind}) {run.status}."
    goes_on = "is for the worker that is at work"
    if not others:
        goes_on = f"waits in the queue: the next worker takes it up (`tastemaker worker {study} --until-idle`)"
    return f"Run {run.id} ({run.kind}) {goes_on}. `tastemaker cancel {study} {run.id}` ends it."


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
