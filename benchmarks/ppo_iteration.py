"""One PPO iteration: 16 prompts, up to 48 new tokens, 4 epochs, LoRA rank 16 on every linear layer."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.setting import Setting, peak_gigabytes
from language_models.sampling import Sampled
from language_models.settings import SamplingSettings
from policy_training.algorithms import ppo
from policy_training.algorithms.settings.ppo import Settings
from policy_training.records import Given, PromptItem, StepReport


def _commas(_: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
    return [float(completion.text.count(",")) for completion in sampled]


def measure(setting: Setting) -> dict[str, Any]:
    """Seconds of the iteration (collect and update; the pass that measures the result is left out) and peak memory."""
    settings = Settings(
        steps=1,
        prompts_per_step=16,
        samples_per_prompt=1,
        epochs=4,
        minibatches=1,
        update_kl_target=1e9,
        kl_budget_nats=1e9,
        sampling=SamplingSettings(max_new_tokens=48, batch_size=16),
        seed=setting.seed,
    )
    items = [PromptItem(place, ids) for place, ids in enumerate(setting.prompts(16))]
    reports: list[StepReport] = []
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        ppo.train(Given(setting.model, items, _commas, Path(folder), reports.append), settings)
    first = reports[0].metrics
    return {
        "seconds": round(first["seconds_collect"] + first["seconds_update"], 2),
        "seconds_collect": round(first["seconds_collect"], 2),
        "seconds_update": round(first["seconds_update"], 2),
        "seconds_in_all": round(time.perf_counter() - began, 2),
        "tokens": round(first["length_tokens"] * 16),
        "peak_gb": peak_gigabytes(),
    }
