"""The toy task by each algorithm that raises a reward: settings with the fewest steps that learn it, and how far.

Shares are of the way from the reference to the exact optimum; the best single completion is at 0.31 of it. What falls
short of PPO takes fewer optimiser steps: PPO eight an iteration, GRPO four, RLOO two, policy gradient and actor-critic
one. GRPO's optimum is another one as well: its KL is the forward one, and its beta a price in standard deviations.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import toy_task
from language_models.settings import LoraSettings, SamplingSettings
from policy_training import algorithm_registry
from policy_training.records import Given, Potential, RewardFunction


@dataclass(frozen=True)
class ToyRun:
    """`share` is what training must reach."""

    share: float
    changes: dict[str, Any]


SHARED: dict[str, Any] = {
    "steps": 45,
    "prompts_per_step": 3,  # the same prompt three times
    "samples_per_prompt": 64,
    "minibatches": 2,
    "learning_rate": 1e-2,
    "final_learning_rate_share": 0.05,
    "kl_budget_nats": 100.0,
    "kl_coefficient": toy_task.BETA,
    "kl_horizon": 10**9,  # the price of KL stays what it is: the optimum is computed for it
    "truncation_penalty": 0.0,
    "tokens_per_batch": 4096,
    "checkpoint_every": 1000,
    "lora": LoraSettings(rank=8, alpha=16),
    "sampling": SamplingSettings(temperature=1.0, max_new_tokens=toy_task.LENGTH, batch_size=192),
}
RUNS = {
    "ppo": ToyRun(0.9, {"epochs": 4, "value_learning_rate": 1e-2, "update_kl_target": 0.1}),
    "rloo": ToyRun(0.85, {"update_kl_target": 0.1}),
    "policy_gradient": ToyRun(0.8, {"minibatches": 1, "learning_rate": 6e-3, "steps": 60}),
    "actor_critic": ToyRun(0.8, {"minibatches": 1, "learning_rate": 6e-3, "steps": 60, "value_learning_rate": 1e-2}),
    "grpo": ToyRun(0.8, {"epochs": 2, "kl_coefficient": 0.5, "update_kl_target": 0.1}),
}


def learn_by(
    name: str,
    folder: Path,
    reward: RewardFunction = toy_task.reward,
    potential: Potential | None = None,
    **changes: Any,
) -> float:
    """The share of the optimum that an algorithm reaches, checkpoints in `folder`; `changes` are settings."""
    settings = algorithm_registry.settings_class(name).model_validate({**SHARED, **RUNS[name].changes, **changes})
    model = toy_task.toy_model()
    given = Given(model, [toy_task.PROMPT], reward, folder, lambda _: None, potential=potential)
    return toy_task.share_of_optimum(model, algorithm_registry.trainer(name)(given, settings).adapter)
