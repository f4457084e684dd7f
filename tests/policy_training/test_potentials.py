"""The potentials: each a function of the state alone, worked by hand or against a slow reference."""

from collections.abc import Sequence

import pytest
import torch

from language_models.batches import collate
from language_models.log_probs import completion_pass
from language_models.sampling import Sampled
from policy_training.potentials.language_score import language_score
from policy_training.potentials.length_progress import length_progress
from policy_training.potentials.running_reward import running_reward
from policy_training.records import PromptItem
from policy_training.shaping import BadPotential, checked_potentials
from tiny_models import tiny_with_adapters

ITEMS = [PromptItem(1, [5, 6, 7]), PromptItem(2, [8])]
SAMPLED = [Sampled([10, 11, 12, 13, 14], "abcde", "stop"), Sampled([20, 21], "xy", "length")]


def test_progress_in_length() -> None:
    assert length_progress(10, 2.0)(ITEMS, SAMPLED) == [[0, 0.2, 0.4, 0.6, 0.8, 1.0], [0, 0.2, 0.4]]


def test_the_running_reward_is_that_of_the_prefix_and_moves_every_few_tokens() -> None:
    seen: list[tuple[int, str, bool]] = []

    def reward(items: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
        seen.extend((item.id, one.text, one.finished) for item, one in zip(items, sampled, strict=True))
        return [item.id * 100.0 + len(one.token_ids) for item, one in zip(items, sampled, strict=True)]

    def text(ids: Sequence[int]) -> str:
        return " ".join(map(str, ids))

    rows = running_reward(reward, text, weight=0.5, every=2)(ITEMS, SAMPLED)
    assert rows == [[50, 50, 51, 51, 52, 52], [100, 100, 101]]
    assert seen == [(1, "", False), (1, "10 11", False), (1, "10 11 12 13", False), (2, "", False), (2, "20 21", False)]
    assert running_reward(reward, text, weight=1.0, every=1)(ITEMS, SAMPLED)[1] == [200, 201, 202]


def test_a_reward_that_gives_another_number_of_scores_is_refused_in_words() -> None:
    for count in (4, 6):
        short = running_reward(lambda items, sampled, count=count: [0.5] * count, str, 1.0, every=2)
        with pytest.raises(BadPotential, match=f"the reward gave {count} scores for 5 prefixes"):
            short(ITEMS, SAMPLED)


def test_the_language_score_is_the_mean_log_prob_under_the_base_whatever_adapter_is_there() -> None:
    model = tiny_with_adapters()
    with model.adapters.using("policy"):
        rows = language_score(model, weight=2.0, temperature=0.7, tokens_per_batch=64)(ITEMS, SAMPLED)
    for item, sampled, row in zip(ITEMS, SAMPLED, rows, strict=True):
        assert row[0] == 0.0
        for t in range(1, len(sampled.token_ids) + 1):
            with torch.no_grad(), model.adapters.using(None):
                alone = completion_pass(model, collate([item.token_ids], [sampled.token_ids[:t]], model.pad_id), 0.7)
            assert row[t] == pytest.approx(2.0 * float(alone.log_probs.mean()), abs=1e-4)


def test_each_gives_one_number_a_state() -> None:
    model = tiny_with_adapters()
    for potential in (
        length_progress(5, 1.0),
        running_reward(lambda items, sampled: [0.5] * len(items), str, 1.0),
        language_score(model, 1.0, 1.0, 64),
    ):
        assert checked_potentials(potential(ITEMS, SAMPLED), SAMPLED).shape == (2, 6)
