"""What breaks an algorithm must show: the toy task is not learned with the advantages' sign turned, without a price of
KL, or by shuffled rewards. (That it is learned by each as it stands: tests/policy_training/test_learning.py.)"""

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import toy_runs
import toy_task
from language_models.sampling import Sampled
from policy_training.records import PromptItem

NAMES = ["ppo"] if os.environ.get("ACCEPT") == "short" else sorted(toy_runs.RUNS)
pytestmark = [pytest.mark.accept, pytest.mark.parametrize("name", NAMES)]


def test_with_the_advantages_sign_turned_it_does_not(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    algorithm = importlib.import_module(f"policy_training.algorithms.{name}")
    loss, place = ("policy_losses", 2) if hasattr(algorithm, "policy_losses") else ("score_function_losses", 1)
    real = getattr(algorithm, loss)

    def turned(*arguments: Any) -> Tensor:
        return torch.as_tensor(real(*arguments[:place], -arguments[place], *arguments[place + 1 :]))

    monkeypatch.setattr(algorithm, loss, turned)
    assert toy_runs.learn_by(name, tmp_path) < toy_runs.RUNS[name].share


def test_without_a_price_of_kl_it_does_not(name: str, tmp_path: Path) -> None:
    assert toy_runs.learn_by(name, tmp_path, kl_coefficient=0.0) < toy_runs.RUNS[name].share


def test_with_shuffled_rewards_it_does_not(name: str, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)

    def shuffled(items: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
        rewards = toy_task.reward(items, sampled)
        return [rewards[index] for index in torch.randperm(len(rewards), generator=generator)]

    assert toy_runs.learn_by(name, tmp_path, shuffled) < toy_runs.RUNS[name].share
