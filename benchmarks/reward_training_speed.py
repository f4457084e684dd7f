"""Reward training, LoRA rank 16: pairs a second over one epoch of qa_feedback pairs (question only)."""

import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.setting import SYSTEM_PROMPT, Setting, peak_gigabytes
from reward_training.records import Outcome, Pair, Text
from reward_training.settings import RewardSettings
from reward_training.training import train

PAIRS = 48


def measure(setting: Setting) -> dict[str, Any]:
    """Pairs a second of the adapter's epoch (features and head's fit before it are told apart)."""
    pairs = _pairs(setting) if setting.data else _demo_pairs(setting)
    times: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        train(
            setting.model,
            pairs,
            [],
            RewardSettings(epochs=1, seed=setting.seed),
            checkpoint_folder=Path(folder),
            on_step=lambda _: times.append(time.perf_counter()),
        )
    epoch = times[-1] - times[0]
    return {
        "pairs": len(pairs),
        "seconds_head": round(times[0] - began, 2),
        "seconds_epoch": round(epoch, 2),
        "pairs_per_second": round(len(pairs) / epoch, 2),
        "peak_gb": peak_gigabytes(),
    }


def _pairs(setting: Setting) -> list[Pair]:
    pairs = []
    for question in setting.questions():
        decided = [one for one in question["comparisons"] if one["verdict"] != "tie"][:1]
        for one in decided:
            prompt = [{"role": "system", "content": SYSTEM_PROMPT}, {"role": "user", "content": question["question"]}]
            first, second = (Text(prompt, question["completions"][one[side]], True) for side in ("a", "b"))
            outcome: Outcome = "first" if one["verdict"] == "a" else "second"
            pairs.append(Pair(first, second, outcome, question["question"], False))
    return pairs[:PAIRS]


def _demo_pairs(setting: Setting) -> list[Pair]:
    """Texts of the length of the bundled model's answers; what they say does not change the speed."""
    answer = "A walk after dinner, a good book, and a cup of tea are simple ways to end a long day in peace"
    pairs = []
    for place in range(PAIRS):
        prompt = [{"role": "system", "content": SYSTEM_PROMPT}, {"role": "user", "content": f"How do I rest, {place}?"}]
        pairs.append(Pair(Text(prompt, answer + "."), Text(prompt, answer + "!"), "first", str(place), False))
    return pairs
