"""How reward training grows with its work: processor time a real token and peak memory at 1, 4 and 16 times the pairs.

Each size trains one epoch, which includes reading the pairs before and after it. Real tokens are those of each pair's
prompt, once, and of its completions, without padding.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import growth
from benchmarks.growth import Task, Told
from benchmarks.reward_speed import judged_pairs
from benchmarks.setting import Setting, peak_gigabytes
from language_models.fetch import ensure

SIZES = (1, 4, 16)
PAIRS, ROUNDS = 16, 3


def measure(setting: Setting) -> dict[str, Any]:
    """By size: pairs, real tokens, microseconds of processor time a token (median) and peak memory; and the ratios of
    the largest to the smallest."""
    pairs, base = judged_pairs(setting, "question"), str(ensure(setting.base))
    unit = setting.trials(PAIRS, 4)
    tasks = {
        f"{size}x": {
            "base": base,
            "pairs": [pairs[place % len(pairs)] for place in range(unit * size)],
            "seed": setting.seed,
        }
        for size in SIZES
    }
    found = growth.measured("benchmarks.reward_scaling", tasks, setting.trials(ROUNDS, 1))
    row: dict[str, Any] = {
        name: {"pairs": len(tasks[name]["pairs"])} | growth.of_size(told) for name, told in found.items()
    }
    first, last = found[f"{SIZES[0]}x"], found[f"{SIZES[-1]}x"]
    row["time_a_token_times"] = growth.time_a_token_times(first, last)
    row["memory_times"] = growth.memory_times(first, last)
    return row


def child(task: Task) -> Told:
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
    return {"tokens": tokens, "seconds": seconds, "peak_gb": peak_gigabytes()}


if __name__ == "__main__":
    print(json.dumps(child(json.loads(sys.stdin.readline()))))
