"""`python -m benchmarks [--only NAME] [--seed N] [--data DIR] [--base SOURCE]`: measured figures, one JSON row each.

A row has what was measured, how often, the seed, the commit and the machine. DIR is a folder with
qa_feedback/questions.jsonl.gz (see its README for licence and source); without it the demo's prompts are used.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import ppo_iteration, reward_training_speed, sampling_speed
from benchmarks.setting import Setting

BENCHMARKS: dict[str, Callable[[Setting], dict[str, Any]]] = {
    "sampling": sampling_speed.measure,
    "ppo": ppo_iteration.measure,
    "reward": reward_training_speed.measure,
}


def machine() -> dict[str, Any]:
    """What the figures hold for."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    return {"commit": commit.strip() or None, "cores": os.cpu_count(), "processor": platform.machine()}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=sorted(BENCHMARKS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--base", default="bundled:smollm2-135m-instruct")
    arguments = parser.parse_args()
    setting = Setting(arguments.base, arguments.seed, arguments.data)
    for name in [arguments.only] if arguments.only else list(BENCHMARKS):
        row = {"benchmark": name, "seed": arguments.seed, "base": arguments.base, **machine()}
        print(json.dumps(row | BENCHMARKS[name](setting)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
