"""Shaping leaves what PPO learns of the toy task as it is; one that does not end at 0 must show."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

import toy_task
from language_models.sampling import Sampled
from policy_training import episodes
from policy_training.records import PromptItem

pytestmark = pytest.mark.accept


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
