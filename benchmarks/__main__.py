"""`python -m benchmarks [--only NAME[/CELL]] [--seed N] [--to FILE] [...]`: measured figures, one JSON row each.

A row has what was measured, how often, the seed, the commit and the machine. With --to each row is also written to FILE
as soon as it is there, and what FILE has already is not measured again: a cut run goes on where it was. DIR is a folder
with qa_feedback/questions.jsonl.gz (see its README for licence and source); without it the demo's prompts are used.
"""

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from types import ModuleType
from typing import Any

from benchmarks.setting import NeedsData, Setting

# A module has `measure(setting)`, or several by name in CELLS. It is loaded when it is asked for: torch takes seconds.
BENCHMARKS = {
    "sampling": "sampling_speed",
    "ppo": "ppo_iteration",
    "ppo_ablations": "ppo_ablations",
    "policy_speed": "policy_speed",
    "policy_scaling": "policy_scaling",
    "policy_quality": "policy_quality",
    "reward": "reward_speed",
    "reward_scaling": "reward_scaling",
    "reward_quality": "reward_quality",
    "durability": "durability",
    "scale": "scale",
    "annotate": "annotate",
    "console": "console",
    "data": "data_tables",
    "security": "security",
    "annotators": "annotators",
    "choosing": "choosing",
    "refresh": "reward_refresh",
}
SAME = ("benchmark", "cell", "seed", "base", "short", "beside", "real_data")
WATCH_SECONDS = 20


def machine() -> dict[str, Any]:
    """What the figures hold for."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    return {
        "commit": commit.strip() or None,
        "cores": os.cpu_count(),
        "processor": platform.machine(),
        "threads": os.environ.get("TASTEMAKER_THREADS"),
    }


def measured(measure: Callable[[Setting], dict[str, Any]], setting: Setting) -> dict[str, Any]:
    """A row, with how many processes wanted a core in the minute before it and on average while it ran, others'
    included.
    """
    before, over = os.getloadavg()[0], threading.Event()
    seen: list[float] = []

    def watch() -> None:
        while not over.wait(WATCH_SECONDS):
            seen.append(os.getloadavg()[0])

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        row = measure(setting)
    finally:
        over.set()
        watching.join()
    load = fmean(seen or [os.getloadavg()[0]])
    return {"load_before": round(before, 1), "load": round(load, 1), **row}


def cells(only: str | None) -> dict[tuple[str, str | None], Callable[[Setting], dict[str, Any]]]:
    """What to measure, by benchmark and cell. Raises SystemExit for a name that is not there, with those that are."""
    name, _, cell = (only or "").partition("/")
    if name and name not in BENCHMARKS:
        raise SystemExit(f"There is no benchmark {name!r}; there are {', '.join(BENCHMARKS)}.")
    found: dict[tuple[str, str | None], Callable[[Setting], dict[str, Any]]] = {}
    for one in [name] if name else BENCHMARKS:
        module = importlib.import_module(f"benchmarks.{BENCHMARKS[one]}")
        inner = _cells_of(module)
        found |= {(one, part): measure for part, measure in inner.items() if cell in ("", part)}
    if not found:
        there = ", ".join(part for part in _cells_of(module) if part) or "none"
        raise SystemExit(f"The benchmark {name} has no cell {cell!r}; its cells: {there}.")
    return found


def _cells_of(module: ModuleType) -> dict[str | None, Callable[[Setting], dict[str, Any]]]:
    """What a benchmark measures, by cell; None where it is one thing."""
    return dict(getattr(module, "CELLS", None) or {None: module.measure})


def finished(to: Path | None) -> set[tuple[Any, ...]]:
    """What a file of rows has already."""
    if to is None or not to.exists():
        return set()
    rows = [json.loads(line) for line in to.read_text(encoding="utf-8").splitlines()]
    return {tuple(row.get(name) for name in SAME) for row in rows}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", metavar="NAME[/CELL]", help=f"one of {', '.join(BENCHMARKS)}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, metavar="DIR")
    parser.add_argument("--base", default="bundled:smollm2-135m-instruct")
    parser.add_argument("--short", action="store_true", help="cut down, to see that it works")
    parser.add_argument("--to", type=Path, metavar="FILE", help="write each row there, skip what is there")
    parser.add_argument("--work", type=Path, help="where studies are made: a real disk, not memory")
    parser.add_argument("--peer", type=Path, metavar="PYTHON", help="python of an environment with trl")
    given = parser.parse_args()
    setting = Setting(given.base, given.seed, given.data, given.short, peer=given.peer)
    if given.work:
        setting = replace(setting, work=given.work)
    done = finished(given.to)
    for (name, cell), measure in cells(given.only).items():
        head = {
            "benchmark": name,
            "cell": cell,
            "seed": given.seed,
            "base": given.base,
            "short": given.short,
            "beside": given.peer is not None,
            "real_data": given.data is not None,
        }
        if tuple(head[part] for part in SAME) in done:
            continue
        try:
            text = json.dumps(head | machine() | measured(measure, setting))
        except NeedsData as error:  # the others go on, and this one is measured once it is given
            print(f"{name}/{cell} was not measured: {error}", file=sys.stderr, flush=True)
            continue
        print(text, flush=True)
        if given.to:
            with given.to.open("a", encoding="utf-8") as rows:
                rows.write(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
