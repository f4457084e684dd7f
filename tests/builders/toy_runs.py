"""The toy task by each algorithm that raises a reward: settings with the fewest steps that learn it, and how far.

Shares are of the way from the reference to the exact optimum; the best single completion is at 0.31 of it. What falls
short of PPO takes fewer optimiser steps: PPO eight an iteration, GRPO four, RLOO two, policy gradient and actor-critic
one. GRPO's optimum is another one as well: its KL is the forward one, and its beta a price in standard deviations.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import toy_task
from policy_training import algorithm_registry
from policy_training.records import RewardFunction


@dataclass(frozen=True)
class ToyRun:
    """`share` is what training must reach."""

    share: float
    changes: dict[str, Any]


RUNS = {
    "ppo": ToyRun(0.9, {"epochs": 4, "value_learning_rate": 1e-2, "update_kl_target": 0.1}),
    "rloo": ToyRun(0.85, {"update_kl_target": 0.1}),
    "policy_gradient": ToyRun(0.8, {"minibatches": 1, "learning_rate": 6e-3, "steps": 60}),
    "actor_critic": ToyRun(0.8, {"minibatches": 1, "learning_rate": 6e-3, "steps": 60, "value_learning_rate": 1e-2}),
    "grpo": ToyRun(0.8, {"epochs": 2, "kl_coefficient": 0.5, "update_kl_target": 0.1}),
}


def learn_by(name: str, folder: Path, reward: RewardFunction = toy_task.reward, **changes: Any) -> float:
    """The share of the optimum that an algorithm reaches, checkpoints in `folder`."""
    settings = algorithm_registry.settings_class(name).model_validate(
        {**toy_task.REWARDED, **RUNS[name].changes, **changes}
    )
    model = toy_task.toy_model()
    trained = algorithm_registry.trainer(name)(
        toy_task.Given(model, [toy_task.PROMPT], reward, folder, lambda _: None), settings
    )
    return toy_task.share_of_optimum(model, trained.adapter)
