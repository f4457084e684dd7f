"""Iterations of PPO: 16 prompts, up to 48 new tokens, 4 epochs, LoRA rank 16 on every linear layer."""

import statistics
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
from policy_training.settings import GuardSettings

PROMPTS, NEW_TOKENS, EPOCHS = 16, 48, 4
ITERATIONS = 4  # the first is warm-up


def _commas(_: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
    return [float(completion.text.count(",")) for completion in sampled]


def measure(setting: Setting) -> dict[str, Any]:
    """By iteration its seconds (collect and update; the pass that measures the result is left out), tokens, and how
    much of the machine's fp32 matmul rate the update reaches (in processor time of the same run); peak memory.

    Nothing ends the run or an update early, and the rate hardly moves the policy: every iteration is the same work.
    """
    iterations, prompts = setting.trials(ITERATIONS, 2), setting.trials(PROMPTS, 4)
    settings = Settings(
        steps=iterations,
        prompts_per_step=prompts,
        samples_per_prompt=1,
        epochs=EPOCHS,
        minibatches=1,
        learning_rate=1e-5,
        update_kl_target=1e9,
        kl_budget_nats=1e9,
        guards=GuardSettings(stop=False),
        sampling=SamplingSettings(max_new_tokens=setting.trials(NEW_TOKENS, 8), batch_size=prompts),
        seed=setting.seed,
    )
    model = setting.model
    items = [PromptItem(place, ids) for place, ids in enumerate(setting.prompts(prompts))]
    reports: list[StepReport] = []
    work = _Work(ppo.optimise)
    before = matmul_rate(settings.tokens_per_batch, model)
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(ppo, "optimise", work):
        policy = ppo.train(Given(model, items, _commas, Path(folder), reports.append), settings)
    model.adapters.remove(policy.adapter)
    rate = max(before, matmul_rate(settings.tokens_per_batch, model))
    measured = [report.metrics for report in reports[1:iterations]]
    shares = [EPOCHS * operations_of_an_epoch(rollouts, model) / seconds / rate for seconds, rollouts in work.done[1:]]
    return {
        "seconds": [round(one["seconds_collect"] + one["seconds_update"], 2) for one in measured],
        "seconds_collect": [round(one["seconds_collect"], 2) for one in measured],
        "seconds_update": [round(one["seconds_update"], 2) for one in measured],
        "processor_seconds_update": [round(seconds, 2) for seconds, _ in work.done[1:]],
        "tokens": [int(rollouts.mask.sum()) for _, rollouts in work.done[1:]],
        "matmul_gflops": round(rate / 1e9, 1),
        "share_of_matmul_rate": round(statistics.median(shares), 3),
        "lowest_and_highest": [round(min(shares), 3), round(max(shares), 3)],
        "peak_gb": peak_gigabytes(),
    }


class _Work:
    """Updates, timed: in processor seconds of all threads, which a shared machine does not stretch as it does
    others."""

    def __init__(self, optimise: Callable[..., dict[str, float]]) -> None:
        self.optimise = optimise
        self.done: list[tuple[float, Rollouts]] = []

    def __call__(self, *given: Any, **named: Any) -> dict[str, float]:
        began = time.process_time()
        figures = self.optimise(*given, **named)
        self.done.append((time.process_time() - began, given[2]))
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
