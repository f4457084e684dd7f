"""The process that computes: `python -m rounds.worker STUDY [--until-idle] [--functions DIR] [--parent PID]`.

It claims the runs of one study one after another, executes each (rounds/kinds has one file for each kind), and writes
down how it ended. Whatever happens to it, a run is never lost and never published twice: a run is leased,
checkpoints, and goes on in the next worker.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import logging
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

from feedback_store import runs
from feedback_store.database import Database
from feedback_store.errors import LeaseLost, StoreFull, StoreUnavailable
from language_models.folders import remove_unfinished
from rounds import environment, estimating, export_folder, pruning, studies
from rounds.context import RunCancelled, RunContext, WorkerStopping, untouched_random_state
from rounds.heartbeat import Heartbeat
from rounds.model_host import ModelHost
from rounds.setting_faults import validate
from rounds.settings import settings_model
from rounds.worker_lock import BEAT_SECONDS, WorkerLock, WorkerReplaced

LEASE_SECONDS = 20.0
IDLE_SECONDS = 0.5
STOP_SECONDS = 5.0
GIVE_BACK_SECONDS = 2.0
NO_SPACE_SECONDS = 5.0
LONGEST_LOCKED_SECONDS = 600.0  # behind which a study is not locked but cannot be written
NICENESS = 10
FIRST_IN_LINE = ("sample",)  # what a person waits for: executed between two steps of the kinds below
GIVE_WAY = ("train-reward", "train-policy", "evaluate", "score")

log = logging.getLogger("rounds.worker")


class Worker:
    """Executes the runs of one study, one at a time; `stop()` may be called from any thread."""

    def __init__(
        self,
        folder: Path,
        *,
        lease_seconds: float | None = None,
        name: str | None = None,
        functions: Path | None = None,
    ) -> None:
        self.folder = folder
        self.functions = functions
        self.db = Database.open(folder)
        self.name = name or f"{socket.gethostname()}:{os.getpid()}"
        self.lease_seconds = lease_seconds or float(os.environ.get("TASTEMAKER_LEASE_SECONDS") or LEASE_SECONDS)
        self.models = ModelHost(self.db, studies.settings(self.db).base)
        self.leases: list[runs.Lease] = []
        self._stop = threading.Event()

    def stop(self) -> None:
        """End at the next step boundary; the run goes back to the queue."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def work(self, *, until_idle: bool = False) -> None:
        """Claim and execute until `stop()`, or until no run is queued or running any more."""
        reached = time.monotonic()
        while not self.stopping:
            try:
                lease = runs.claim(self.db, self.name, lease_seconds=self.lease_seconds)
            except StoreUnavailable as error:
                log.warning("No run could be taken up; it is tried again. %s", error)
                if time.monotonic() - reached > LONGEST_LOCKED_SECONDS:
                    raise
                self._stop.wait(IDLE_SECONDS)
                continue
            reached = time.monotonic()
            if lease is not None:
                self.execute(lease)
                self.tidy_up()
            elif until_idle and not runs.active(self.db):
                return
            else:
                self._stop.wait(IDLE_SECONDS)

    def take_over(self) -> None:
        """To be called by the holder of the study's lock alone, before it works: what former workers left ends now.

        Their leases end, so that their runs go on at once (in a container that was started again the worker before had
        this one's name); folders that they did not finish are removed.
        """
        for run in runs.active(self.db):
            if run.status == "running" and run.worker is not None:
                runs.expire_leases(self.db, run.worker)
        remove_unfinished(self.folder / "models")
        export_folder.clear_unfinished(self.folder / "exports")

    def tidy_up(self) -> None:
        """Remove checkpoints that nothing goes on from any more, fold the log of writes back; that it fails is no
        reason to end."""
        try:
            pruning.prune(self.db)
            self.db.checkpoint()
        except (OSError, StoreUnavailable):
            log.exception("The study could not be tidied up; it is tried again after the next run.")

    def execute(self, lease: runs.Lease) -> None:
        """One attempt at one run, to its end: succeeded, failed, cancelled, given back, or abandoned to who holds it
        now.
        """
        run = runs.get(self.db, lease.run_id)
        folder = self.db.folder / "runs" / str(run.id)
        folder.mkdir(parents=True, exist_ok=True)
        log.info("Run %s (%s), attempt %s.", run.id, run.kind, run.attempt)
        self.leases.append(lease)
        try:
            with Heartbeat(self.db.folder, lease, lease_seconds=self.lease_seconds) as heartbeat:
                self._attempt(run, lease, folder, heartbeat)
        except LeaseLost:
            log.warning("Run %s was taken over by another worker; nothing of this attempt is published.", run.id)
        finally:
            self.leases.remove(lease)

    def _attempt(self, run: runs.Run, lease: runs.Lease, folder: Path, heartbeat: Heartbeat) -> None:
        try:
            context = RunContext(
                db=self.db,
                run=run,
                lease=lease,
                settings=validate(settings_model(run.kind), run.config, what=f"{run.kind} settings"),
                study=studies.settings(self.db),
                folder=folder,
                models=self.models,
                heartbeat=heartbeat,
                functions=self.functions,
                stopping=lambda: self.stopping,
                let_others_in=self._execute_first_in_line if run.kind in GIVE_WAY else lambda: None,
            )
            _say_how_the_last_attempt_ended(context)
            context.report("starting")
            estimating.foresee(self.db, lease, context.settings.model_dump(mode="json"))
            _say_what_it_is_computed_on(context)
            result = load_kind(run.kind).run(context)
            if not context.ended:
                runs.succeed(self.db, lease, result)
            log.info("Run %s (%s) succeeded.", run.id, run.kind)
        except LeaseLost:
            raise
        except WorkerStopping:
            self._write_down(run, lambda: runs.release(self.db, lease))
            log.info("Run %s goes back to the queue; it goes on from its last checkpoint.", run.id)
        except StoreFull as error:
            self._fail(run, lease, folder, error)
        except StoreUnavailable:
            log.exception("The study's database cannot be written; run %s goes back to the queue.", run.id)
            self._write_down(run, lambda: runs.release(self.db, lease))
        except RunCancelled:
            self._write_down(run, lambda: runs.cancelled(self.db, lease))
            log.info("Run %s was cancelled.", run.id)
        except Exception as error:
            self._fail(run, lease, folder, error)

    def _fail(self, run: runs.Run, lease: runs.Lease, folder: Path, error: Exception) -> None:
        """Write down why a run failed; where the disk has no space for that either, once there is some."""
        log.exception("Run %s (%s) failed.", run.id, run.kind, exc_info=error)
        with contextlib.suppress(OSError), (folder / "log.txt").open("a", encoding="utf-8") as file:
            file.write("".join(traceback.format_exception(error)))
        self._write_down(run, lambda: runs.fail(self.db, lease, in_words(error)))

    def _write_down(self, run: runs.Run, how_it_ended: Callable[[], None]) -> None:
        """How an attempt ended, where the disk is full or the study locked as soon as it can be: a worker that ended
        over it would leave the run as one that it died in. Not for ever: a study may have become read-only."""
        began = time.monotonic()
        while True:
            try:
                return how_it_ended()
            except StoreUnavailable as error:
                log.warning("How run %s ended is written down as soon as that can be done. %s", run.id, error)
                full = isinstance(error, StoreFull)
                if self._stop.wait(NO_SPACE_SECONDS if full else IDLE_SECONDS):
                    raise
                if not full and time.monotonic() - began > LONGEST_LOCKED_SECONDS:
                    raise

    def _execute_first_in_line(self) -> None:
        """Runs that people wait for, executed by this process between two steps of a longer run.

        A claim ends runs that nobody was heard of for too long: after a machine slept that could be this worker's own,
        so what it holds is renewed first.
        """
        while not self.stopping:
            try:
                for held in self.leases:
                    runs.renew(self.db, held, lease_seconds=self.lease_seconds)
                lease = runs.claim(self.db, self.name, lease_seconds=self.lease_seconds, kinds=FIRST_IN_LINE)
            except StoreUnavailable:
                return  # at the next step
            if lease is None:
                return
            with untouched_random_state(), self._clock_stands_still():
                self.execute(lease)

    @contextlib.contextmanager
    def _clock_stands_still(self) -> Iterator[None]:
        """For the runs that this worker holds: what is executed inside counts as the time of none of them. It is a
        figure, so where it cannot be written, that is no reason not to work."""
        held = list(self.leases)
        self._tell_all(runs.pause, held)
        yield
        self._tell_all(runs.go_on, held)

    def _tell_all(self, tell: Callable[[Database, runs.Lease], None], held: Sequence[runs.Lease]) -> None:
        for lease in held:
            with contextlib.suppress(LeaseLost, StoreUnavailable):
                tell(self.db, lease)

    def give_back(self) -> None:
        """Back to the queue with everything that this worker holds, at once and from any thread. Raises
        StoreUnavailable where the study stays locked: whoever waits for this process kills it soon."""
        db = Database.open(self.folder)
        db.wait_at_most(GIVE_BACK_SECONDS)
        for lease in list(self.leases):
            try:
                runs.release(db, lease)
            except LeaseLost:
                continue
        db.close()


def _say_how_the_last_attempt_ended(context: RunContext) -> None:
    """Where a worker died in this run, its last words: they are the likely reason if it happens again and again."""
    last = context.run.progress
    if not context.lease.taken_over or not last:
        return
    used, there = last.get("peak_memory_gb", 0), last.get("total_memory_gb", 0)
    memory = f"{used} of {there} GB of memory in use"
    why = f"probably out of memory: {memory}" if used > 0.7 * there else memory
    context.log(f"it was killed while {last.get('phase', 'starting')}, {why}", level="error")


def _say_what_it_is_computed_on(context: RunContext) -> None:
    """Where the work was begun on something else, it goes on, but not to the same bits."""
    resumed_from = getattr(context.settings, "resume_from", None)
    found = context.models.environment()
    if changed := environment.begin(context.db, context.lease, found, resumed_from):
        context.log(
            f"It goes on under another environment than it began in ({'; '.join(changed)}): what it ends with need not "
            "be bit-equal to an uncut run."
        )


def load_kind(kind: str) -> ModuleType:
    """The module that executes a kind of run: the file of its name in rounds/kinds."""
    return importlib.import_module(f"rounds.kinds.{kind.replace('-', '_')}")


def in_words(error: BaseException) -> str:
    """What people read of a failed run: our own errors say it themselves, others are named by their type."""
    text = str(error).strip().splitlines()
    last = text[-1] if text else ""
    if isinstance(error, MemoryError) or "out of memory" in last.lower() or "not enough memory" in last.lower():
        return f"The machine has too little memory for this run: {last or 'out of memory'}"
    if isinstance(error, ValueError) and type(error) is not ValueError and last:
        return " ".join(text)
    return f"{type(error).__name__}: {last}" if last else type(error).__name__


def _watch(worker: Worker, lock: WorkerLock, parent: int | None, told_to_end: list[int]) -> None:
    """Beats for the study's lock; ends the worker when a signal told it to, or its parent is gone; ends the process
    where a step takes too long to stop.
    """
    told_at: float | None = None
    next_beat = 0.0
    while True:
        if told_to_end:
            worker.stop()
        if parent is not None and os.getppid() != parent and not worker.stopping:
            log.info("The process that started this worker is gone.")
            worker.stop()
        if time.monotonic() >= next_beat:
            next_beat = time.monotonic() + BEAT_SECONDS
            try:
                lock.beat()
            except WorkerReplaced as error:
                if not worker.stopping:
                    log.warning("%s", error)
                worker.stop()
            except OSError as error:  # a full disk, say: it is tried again
                log.warning("The study's lock could not be renewed (%s).", error)
        if worker.stopping:
            told_at = told_at or time.monotonic()
            if time.monotonic() - told_at > STOP_SECONDS:
                # As after a kill, which every run survives: the step is lost, the checkpoint before it is not.
                try:
                    worker.give_back()
                    log.info("Ended inside a step; its run is queued again.")
                except StoreUnavailable as error:
                    log.warning("Ended inside a step; its run goes on when its lease has ended (%s)", error)
                finally:
                    logging.shutdown()
                    os._exit(0)
        time.sleep(0.2)


def _log_to(folder: Path) -> None:
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        handlers=[logging.StreamHandler(sys.stderr), logging.FileHandler(folder / "worker.log", encoding="utf-8")],
    )


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="rounds.worker", description="Executes the runs of a study.")
    parser.add_argument("study", type=Path)
    parser.add_argument("--until-idle", action="store_true", help="end when no run is queued or running")
    parser.add_argument("--functions", type=Path, metavar="DIR", help="folder of own reward functions")
    parser.add_argument("--parent", type=int, metavar="PID", help="end when this process is no longer the parent")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Exit code 0 when told to end or idle, 2 with a line of words where it cannot start."""
    arguments = _arguments(argv)
    # Read when torch is loaded, which is later. Threads that spin while they wait make a niced worker ten times slower
    # as soon as anything else (a server, a browser) wants a core as well.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with ExitStack() as stack:
        try:
            Database.open(arguments.study).close()
            lease_seconds = float(os.environ.get("TASTEMAKER_LEASE_SECONDS") or LEASE_SECONDS)
            lock = stack.enter_context(WorkerLock(arguments.study, stale_seconds=lease_seconds))
            _log_to(arguments.study)
            os.nice(NICENESS)
            worker = Worker(arguments.study, lease_seconds=lease_seconds, functions=arguments.functions)
            told_to_end: list[int] = []
            for number in (signal.SIGTERM, signal.SIGINT):
                # Not worker.stop(): setting an event in a handler hangs where it interrupts the wait on that event.
                signal.signal(number, lambda number, _frame: told_to_end.append(number))
            threading.Thread(target=_watch, args=(worker, lock, arguments.parent, told_to_end), daemon=True).start()
            worker.models.register_base()
            worker.take_over()
            worker.work(until_idle=arguments.until_idle)
            worker.db.close()
        except (ValueError, OSError) as error:
            print(f"worker: {error}", file=sys.stderr)
            return 2
    log.info("The worker has ended.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
