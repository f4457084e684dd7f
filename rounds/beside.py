"""Heavy figures, each computed in a process of its own: `python -m rounds.beside NAME STUDY` prints them as JSON.

A million judgments take seconds to read, and a bootstrap or a fit holds the interpreter, so that the server's process
does neither: it starts this one at low priority when somebody looks, and shows what came out with the time it was
computed. To add figures: a module with `compute(db) -> dict`, and its name below.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from feedback_store.database import Database
from rounds import evaluation_figures, people_figures

COMPUTATIONS: dict[str, Callable[[Database], dict[str, Any]]] = {
    "people": people_figures.compute,
    "policies": evaluation_figures.compute,
}
PACKAGES = Path(__file__).resolve().parents[1]
MOST_SECONDS = 180.0
NICENESS = 10


def in_a_process(name: str, folder: Path) -> dict[str, Any]:
    """What the computation of this name gives for the study in `folder`, computed by another process. Raises
    subprocess.SubprocessError, also when it takes longer than MOST_SECONDS.
    """
    path = os.pathsep.join(filter(None, [str(PACKAGES), os.environ.get("PYTHONPATH")]))
    # -P: a file in the current folder must not shadow a module.
    command = [sys.executable, "-P", "-m", "rounds.beside", name, str(folder)]
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, capture_output=True, text=True, timeout=MOST_SECONDS, check=True, env=environment)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def main(name: str, folder: str) -> None:
    """Print the figures of this name of the study in `folder`."""
    with suppress(OSError):
        os.nice(NICENESS)
    with Database.open(Path(folder), readonly=True) as db:
        print(json.dumps(COMPUTATIONS[name](db)))


if __name__ == "__main__":
    main(*sys.argv[1:])
