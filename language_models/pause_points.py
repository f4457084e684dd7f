"""Named points at which a test can hold a process still, to kill or to stop it just there.

`TASTEMAKER_PAUSE_AT=NAME:MARKER_FILE` makes the process write the marker file (with its own process id) when it first
passes the point of that name, and sleep there until the marker is removed or the process is killed;
`NAME@3:MARKER_FILE` waits for the third passing. Without the variable a point costs one look at the environment.
`POINTS` are those that a run which trains a policy passes, in order; tests kill it at each.
"""

import os
import time
from collections import Counter
from pathlib import Path

POINTS = (
    "beginning-written",
    "reward-loaded",
    "start-shown",
    "completions-drawn",
    "completions-scored",
    "log-probs-read",
    "held-out-scored",
    "inside-optimiser-step",
    "optimiser-step-taken",
    "update-ended",
    "checkpoint-tensors-written",
    "checkpoint-state-written",
    "inside-checkpoint-write",
    "manifest-written",
    "folder-flushed",
    "folder-renamed",
    "older-checkpoints-removed",
    "iteration-reported",
    "training-ended",
    "result-shown",
    "between-rename-and-row",
)

_passed: Counter[str] = Counter()


def pause_point(name: str) -> None:
    """Sleep here if the environment names this point and this is the passing it asks for; otherwise do nothing."""
    wanted = os.environ.get("TASTEMAKER_PAUSE_AT")
    if not wanted:
        return
    point, _, marker_name = wanted.partition(":")
    point, _, count = point.partition("@")
    if point != name or not marker_name:
        return
    _passed[name] += 1
    if _passed[name] != int(count or 1):
        return
    marker = Path(marker_name)
    marker.write_text(str(os.getpid()))
    while marker.exists():
        time.sleep(0.02)
