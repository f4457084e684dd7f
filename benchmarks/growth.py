"""How work grows with its size: processor time a real token, and peak memory.

Each size is a process of its own; sizes are measured in turns, so that what else the machine does meets all of them.

A module that is measured reads one task from stdin and prints {"tokens", "seconds", "peak_gb"} as its last line.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.turns import ROOT

Task = dict[str, Any]
Told = dict[str, float]


def measured(module: str, tasks: Mapping[str, Task], rounds: int) -> dict[str, list[Told]]:
    """What each task's process told, round after round."""
    found: dict[str, list[Told]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            found[name].append(alone(module, task))
    return found


def alone(module: str, task: Task) -> Told:
    """A task in a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-m", module],
        cwd=ROOT,
        input=json.dumps(task),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    told: Told = json.loads(ran.stdout.strip().splitlines()[-1])
    return told


def of_size(told: Sequence[Told]) -> dict[str, Any]:
    """One size over its rounds."""
    return {
        "tokens": told[0]["tokens"],
        "microseconds_a_token": round(statistics.median(map(_microseconds, told)), 1),
        "peak_gb": max(one["peak_gb"] for one in told),
    }


def time_a_token_times(small: Sequence[Told], large: Sequence[Told]) -> dict[str, Any]:
    """How many times as long a token of the large size takes: a ratio within each round."""
    ratios = [_microseconds(one) / _microseconds(other) for one, other in zip(large, small, strict=True)]
    return {
        "value": round(statistics.median(ratios), 2),
        "lowest_and_highest": [round(min(ratios), 2), round(max(ratios), 2)],
    }


def memory_times(small: Sequence[Told], large: Sequence[Told]) -> float:
    """How many times the memory of the small size the large one takes at its peak."""
    least, most = (max(one["peak_gb"] for one in told) for told in (small, large))
    return round(most / least, 2)


def _microseconds(told: Told) -> float:
    return 1e6 * told["seconds"] / told["tokens"]
