"""Sides of a benchmark that take turns, so that what else the machine does meets all of them: a process each.

A side is `PYTHON -m MODULE NAME`, in an environment of its own where it needs one. Its first line is the task. It
answers {} once it is ready, waits, and tells each step's seconds, processor seconds and peak memory, and what it adds.
Free of anything that the peers' environments may lack.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.setting import peak_gigabytes

ROOT = Path(__file__).parent.parent
Step = dict[str, Any]
"""What a side told of a step: `seconds`, `processor_seconds`, `peak_gb`, and more."""


class Turns:
    """The side's end: waits for its turn before a step, and tells how it went after it."""

    def __init__(self) -> None:
        self._began = self._processor = 0.0

    def ready(self) -> None:
        """The model is loaded."""
        print("{}", flush=True)

    def await_turn(self) -> None:
        """Returns when it is this side's turn; ends the process where there is none any more."""
        if sys.stdin.readline().strip() != "step":
            sys.exit(0)
        self._began, self._processor = time.perf_counter(), time.process_time()

    def tell(self, **more: Any) -> None:
        """The step is done. `more`: what else is to be known of it."""
        answer = {
            "seconds": time.perf_counter() - self._began,
            "processor_seconds": time.process_time() - self._processor,
            "peak_gb": peak_gigabytes(),
        }
        print(json.dumps(answer | more), flush=True)


@dataclass(frozen=True)
class Side:
    """One of those who take turns: whose python, its module, its name there, and what is its own of the task."""

    python: str
    module: str
    name: str
    own: Mapping[str, Any] = field(default_factory=dict)


@contextmanager
def started(sides: Mapping[str, Side], task: Mapping[str, Any]) -> Iterator[dict[str, Callable[[], Step]]]:
    """All sides, loaded and waiting: a call lets one take its step. They are ended at the end.

    Raises RuntimeError where a side ended before its time.
    """
    processes: dict[str, subprocess.Popen[str]] = {}
    try:
        for label, side in sides.items():
            processes[label] = subprocess.Popen(
                [side.python, "-m", side.module, side.name],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "HF_HUB_OFFLINE": "1"},
            )
            _tell(processes[label], json.dumps({**task, **side.own}))
            _told(label, processes[label])
        yield {label: _step_of(label, process) for label, process in processes.items()}
    finally:
        for process in processes.values():
            process.kill()
            process.wait()


def in_turns(sides: Mapping[str, Side], task: Mapping[str, Any], turns: int) -> dict[str, list[Step]]:
    """The steps of each side, told on stderr as they come; the first warms up and is left out."""
    steps: dict[str, list[Step]] = {label: [] for label in sides}
    with started(sides, task) as take:
        for _ in range(turns):
            for label, step in take.items():
                steps[label].append(step())
                print(label, json.dumps(steps[label][-1]), file=sys.stderr, flush=True)
    return {label: found[1:] for label, found in steps.items()}


def compared(steps: Mapping[str, Sequence[Step]], side: str, ours: str = "ours") -> dict[str, Any]:
    """A side's steps, and for a peer the medians of the turns' ratios to ours: within a turn both met the same
    machine. Processor time varies less than seconds where others want the machine too."""
    found = steps[side]
    row: dict[str, Any] = {
        "seconds_a_step": [round(step["seconds"], 2) for step in found],
        "processor_seconds_a_step": [round(step["processor_seconds"], 2) for step in found],
        "peak_gb": round(found[-1]["peak_gb"], 2),
    }
    if side != ours:
        by_clock, by_processor = (
            [theirs[name] / mine[name] for theirs, mine in zip(found, steps[ours], strict=True)]
            for name in ("seconds", "processor_seconds")
        )
        row |= {
            "ours_is_times_as_fast": round(statistics.median(by_clock), 2),
            "lowest_and_highest": [round(min(by_clock), 2), round(max(by_clock), 2)],
            "ours_is_times_as_fast_by_processor_time": round(statistics.median(by_processor), 2),
            "our_share_of_memory": round(steps[ours][-1]["peak_gb"] / found[-1]["peak_gb"], 2),
        }
    return row


def _step_of(label: str, process: subprocess.Popen[str]) -> Callable[[], Step]:
    def step() -> Step:
        _tell(process, "step")
        return _told(label, process)

    return step


def _tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def _told(label: str, process: subprocess.Popen[str]) -> Step:
    """The next JSON line; other lines are the library's own. Raises RuntimeError where the side ended."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{"):
            try:
                found: Step = json.loads(line)
            except json.JSONDecodeError:
                continue  # a dict that a library printed
            return found
    raise RuntimeError(f"the side {label!r} of the benchmark ended with exit code {process.wait()}; see its messages")
