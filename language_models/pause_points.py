"""Named points at which a test can hold a process still, to kill or to stop it just there.

`TASTEMAKER_PAUSE_AT=name:marker_file` makes the process write the marker file (its own process id) when it first passes the point of
that name, and sleep there until the marker is removed or the process is killed. Without the variable a point costs one look at the
environment. The points in use: `inside-optimiser-step`, `inside-checkpoint-write`, `between-rename-and-row`.
"""

import os
import time
from pathlib import Path

_passed: set[str] = set()


def pause_point(name: str) -> None:
    """Sleep here if the environment names this point and it has not been passed before; otherwise do nothing."""
    wanted = os.environ.get("TASTEMAKER_PAUSE_AT")
    if not wanted:
        return
    point, _, marker_name = wanted.partition(":")
    if point != name or name in _passed or not marker_name:
        return
    _passed.add(name)
    marker = Path(marker_name)
    marker.write_text(str(os.getpid()))
    while marker.exists():
        time.sleep(0.05)
