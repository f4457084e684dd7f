"""What breaks PPO must show: the toy task is not learned with the advantages' sign turned, without KL, or by shuffled
rewards. (That it is learned by PPO as it stands is a test of tests/policy_training.)"""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

import toy_task
from language_models.sampling import Sampled
from policy_training.algorithms import ppo
from policy_training.records import PromptItem

pytestmark = pytest.mark.accept


def test_with_the_advantages_sign_turned_it_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = ppo.whiten
    monkeypatch.setattr(ppo, "whiten", lambda values, mask: -real(values, mask))
    assert toy_task.learn(tmp_path) < 0.9


def test_without_the_kl_term_it_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = ppo.token_rewards
    monkeypatch.setattr(
        ppo, "token_rewards", lambda scores, own, reference, mask, beta: real(scores, own, reference, mask, 0.0)
    )
    assert toy_task.learn(tmp_path) < 0.9


def test_with_shuffled_rewards_it_does_not(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)

    def shuffled(items: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
        rewards = toy_task.reward(items, sampled)
        return [rewards[index] for index in torch.randperm(len(rewards), generator=generator)]

    assert toy_task.learn(tmp_path, shuffled) < 0.9
