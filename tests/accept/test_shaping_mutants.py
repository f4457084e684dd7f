"""Shaping leaves what PPO learns of the toy task as it is; one that does not end at 0 must show."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

import toy_runs
import toy_task
from language_models.sampling import Sampled
from policy_training import episodes
from policy_training.potentials.running_reward import running_reward
from policy_training.records import PromptItem

pytestmark = pytest.mark.accept


def potential(_: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[list[float]]:
    """It likes a's, which the task does not."""
    return [
        [2.0 * sum(token == 0 for token in one.token_ids[:t]) for t in range(len(one.token_ids) + 1)] for one in sampled
    ]


def test_with_a_misleading_potential_the_toy_is_learned_all_the_same(tmp_path: Path) -> None:
    assert toy_runs.learn_by("ppo", tmp_path, potential=potential) >= 0.9


def test_with_a_potential_that_stays_at_the_end_it_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = episodes.shaping_rewards
    monkeypatch.setattr(
        episodes,
        "shaping_rewards",
        lambda potentials, mask, discount, goes_on: real(potentials, mask, discount, torch.ones_like(goes_on)),
    )
    assert toy_runs.learn_by("ppo", tmp_path, potential=potential) < 0.9


def test_the_reward_so_far_is_learned_from_sooner(tmp_path: Path) -> None:
    """In 8 iterations, the mean over 3 seeds."""

    def prefix_reward(_: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
        return [toy_task.true_reward(one.token_ids) if one.token_ids else 0.0 for one in sampled]

    def share(seed: int, shaped: bool) -> float:
        so_far = running_reward(prefix_reward, str, 1.0, every=1) if shaped else None
        return toy_runs.learn_by("ppo", tmp_path / f"{seed}-{shaped}", potential=so_far, steps=8, seed=seed)

    plain, shaped = (sum(share(seed, way) for seed in range(3)) / 3 for way in (False, True))
    assert shaped > plain + 0.05
