"""What breaks PPO must show: the toy task is not learned with the advantages' sign turned, without KL, by shuffled
rewards, or by a shaping that does not end at 0. (That it is learned by PPO as it stands is a test of
tests/policy_training.)"""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

import toy_task
from language_models.sampling import Sampled
from policy_training import episodes
from policy_training.algorithms import ppo
from policy_training.records import PromptItem

pytestmark = pytest.mark.accept


def test_with_the_advantages_sign_turned_it_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = ppo.whiten
    monkeypatch.setattr(ppo, "whiten", lambda values, mask: -real(values, mask))
    assert toy_task.learn(tmp_path) < 0.9


def test_without_the_kl_term_it_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = episodes.token_rewards
    monkeypatch.setattr(
        episodes,
        "token_rewards",
        lambda scores, own, reference, mask, beta, shaping: real(scores, own, reference, mask, 0.0, shaping),
    )
    assert toy_task.learn(tmp_path) < 0.9


def test_with_shuffled_rewards_it_does_not(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)

    def shuffled(items: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
        rewards = toy_task.reward(items, sampled)
        return [rewards[index] for index in torch.randperm(len(rewards), generator=generator)]

    assert toy_task.learn(tmp_path, reward=shuffled) < 0.9


def potential(_: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[list[float]]:
    """It likes a's, which the task does not."""
    return [
        [2.0 * sum(token == 0 for token in one.token_ids[:t]) for t in range(len(one.token_ids) + 1)] for one in sampled
    ]


def test_with_a_misleading_potential_it_still_is(tmp_path: Path) -> None:
    assert toy_task.learn(tmp_path, more=lambda _: {"potential": potential}) >= 0.9


def test_with_a_potential_that_stays_at_the_end_it_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = episodes.shaping_rewards
    monkeypatch.setattr(
        episodes,
        "shaping_rewards",
        lambda potentials, mask, discount, goes_on: real(potentials, mask, discount, torch.ones_like(goes_on)),
    )
    assert toy_task.learn(tmp_path, more=lambda _: {"potential": potential}) < 0.9
