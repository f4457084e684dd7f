"""One PPO iteration: 16 prompts, up to 48 new tokens, 4 epochs, LoRA rank 16 on every linear layer."""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from benchmarks.setting import Setting, peak_gigabytes
from language_models.model import LanguageModel
from language_models.sampling import Sampled
from language_models.settings import SamplingSettings
from policy_training.algorithms import ppo
from policy_training.algorithms.settings.ppo import Settings
from policy_training.records import Given, PromptItem, StepReport
from policy_training.rollouts import Rollouts

PROMPTS, NEW_TOKENS, EPOCHS = 16, 48, 4


def _commas(_: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
    return [float(completion.text.count(",")) for completion in sampled]


def measure(setting: Setting) -> dict[str, Any]:
    """Seconds of the iteration (collect and update; the pass that measures the result is left out), tokens, peak
    memory, and how much of the machine's fp32 matmul rate the update reaches (in processor time of the same run)."""
    settings = Settings(
        steps=1,
        prompts_per_step=PROMPTS,
        samples_per_prompt=1,
        epochs=EPOCHS,
        minibatches=1,
        update_kl_target=1e9,
        kl_budget_nats=1e9,
        sampling=SamplingSettings(max_new_tokens=NEW_TOKENS, batch_size=PROMPTS),
        seed=setting.seed,
    )
    model = setting.model
    items = [PromptItem(place, ids) for place, ids in enumerate(setting.prompts(PROMPTS))]
    reports: list[StepReport] = []
    work = _Work(ppo.optimise)
    before = matmul_rate(settings.tokens_per_batch, model)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(ppo, "optimise", work):
        ppo.train(Given(model, items, _commas, Path(folder), reports.append), settings)
    seconds = time.perf_counter() - began
    rate = max(before, matmul_rate(settings.tokens_per_batch, model))
    first = reports[0].metrics
    assert work.rollouts is not None
    needed = EPOCHS * operations_of_an_epoch(work.rollouts, model)
    return {
        "seconds": round(first["seconds_collect"] + first["seconds_update"], 2),
        "seconds_collect": round(first["seconds_collect"], 2),
        "seconds_update": round(first["seconds_update"], 2),
        "seconds_in_all": round(seconds, 2),
        "processor_seconds_update": round(work.seconds, 2),
        "tokens": round(first["length_tokens"] * PROMPTS),
        "matmul_gflops": round(rate / 1e9, 1),
        "share_of_matmul_rate": round(needed / work.seconds / rate, 3),
        "peak_gb": peak_gigabytes(),
    }


class _Work:
    """An update, timed: in processor seconds of all threads, which a shared machine does not stretch as it does
    others."""

    def __init__(self, optimise: Callable[..., dict[str, float]]) -> None:
        self.optimise = optimise
        self.seconds = 0.0
        self.rollouts: Rollouts | None = None

    def __call__(self, *given: Any, **named: Any) -> dict[str, float]:
        began = time.process_time()
        figures = self.optimise(*given, **named)
        self.seconds = time.process_time() - began
        self.rollouts = given[2]
        return figures


def operations_of_an_epoch(rollouts: Rollouts, model: LanguageModel) -> float:
    """Floating-point operations that the products with the base need at least: real tokens, each prompt once, forward
    and back to the states (a frozen base wants no gradient), the output layer on completion tokens alone."""
    linear = sum(out * into for out, into in model.adapters.linear_shapes().values())
    output = model.network.get_output_embeddings().weight.numel()
    completions = int(rollouts.mask.sum())
    prompts = sum(len(ids) for ids in {tuple(item.token_ids) for item in rollouts.items})
    return 4.0 * (linear * (prompts + completions - len(rollouts.items)) + output * completions)


def matmul_rate(rows: int, model: LanguageModel, seconds: float = 1.0) -> float:
    """Operations a processor second of the product that an update is mostly made of: rows by the widest layer."""
    out, into = max(model.adapters.linear_shapes().values(), key=lambda shape: shape[0] * shape[1])
    left, right = torch.randn(rows, into), torch.randn(into, out)
    done, began = 0, time.process_time()
    while time.process_time() - began < seconds:
        left @ right
        done += 1
    return done * 2.0 * rows * into * out / (time.process_time() - began)
