"""How reward training grows with its work: processor time a real token and peak memory at 1, 4 and 16 times the pairs.

Each size is a process of its own that trains one epoch, which includes scoring the pairs before and after it. Real
tokens are those of each pair's prompt, once, and of its completions, without padding. Sizes are measured in turns.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.reward_speed import judged_pairs
from benchmarks.setting import Setting
from benchmarks.turns import ROOT
from language_models.fetch import ensure

SIZES = (1, 4, 16)
PAIRS, ROUNDS = 16, 3


def measure(setting: Setting) -> dict[str, Any]:
    """By size: pairs, real tokens, microseconds of processor time a token (median) and peak memory; and the ratios of
    the largest to the smallest."""
    pairs, base = judged_pairs(setting, "question"), str(ensure(setting.base))
    unit = setting.trials(PAIRS, 4)
    found: dict[int, list[dict[str, float]]] = {size: [] for size in SIZES}
    for _ in range(setting.trials(ROUNDS, 1)):
        for size, rows in found.items():
            many = [pairs[place % len(pairs)] for place in range(unit * size)]
            rows.append(_alone({"base": base, "pairs": many, "seed": setting.seed}))
    row: dict[str, Any] = {
        f"{size}x": {
            "pairs": unit * size,
            "tokens": rows[0]["tokens"],
            "microseconds_a_token": round(statistics.median(1e6 * one["seconds"] / one["tokens"] for one in rows), 1),
            "peak_gb": max(one["peak_gb"] for one in rows),
        }
        for size, rows in found.items()
    }
    first, last = row[f"{SIZES[0]}x"], row[f"{SIZES[-1]}x"]
    row["time_a_token_times"] = round(last["microseconds_a_token"] / first["microseconds_a_token"], 2)
    row["memory_times"] = round(last["peak_gb"] / first["peak_gb"], 2)
    return row


def _alone(task: dict[str, Any]) -> dict[str, float]:
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.reward_scaling"],
        cwd=ROOT,
        input=json.dumps(task),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    found: dict[str, float] = json.loads(ran.stdout.strip().splitlines()[-1])
    return found


def child(task: dict[str, Any]) -> dict[str, float]:
    """Trains and scores; loading the model is left out of the time."""
    from language_models.model import LanguageModel, use_threads
    from reward_training.records import Pair, Text
    from reward_training.settings import RewardSettings
    from reward_training.training import train

    use_threads()
    base = LanguageModel.load(task["base"])
    pairs = []
    for place, one in enumerate(task["pairs"]):
        first, second = (Text(one["prompt"], one[side], True) for side in ("chosen", "rejected"))
        pairs.append(Pair(first, second, "first", str(place), False))
    tokens = sum(
        len(base.tokens(pair.first.prompt))
        + sum(len(base.completion_tokens(text.completion, True)) for text in (pair.first, pair.second))
        for pair in pairs
    )
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        train(
            base, pairs, [], RewardSettings(epochs=1, seed=task["seed"]), checkpoint_folder=Path(folder),
            on_step=lambda _: None,
        )  # fmt: skip
    seconds = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)
    return {"tokens": tokens, "seconds": seconds, "peak_gb": round(peak, 3)}


if __name__ == "__main__":
    print(json.dumps(child(json.loads(sys.stdin.readline()))))
