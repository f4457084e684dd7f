"""What is told of each token of a few rollouts, and that it adds up."""

from pathlib import Path

import pytest

from language_models.settings import LoraSettings, SamplingSettings
from policy_training.algorithms import ppo, rloo
from policy_training.algorithms.settings.ppo import Settings
from policy_training.algorithms.settings.rloo import Settings as RlooSettings
from policy_training.potentials.length_progress import length_progress
from policy_training.records import Given, PromptItem, StepReport
from policy_training.token_figures import LOOKED_AT
from tiny_models import fresh_tiny

SETTINGS = Settings(
    steps=3,
    prompts_per_step=3,
    samples_per_prompt=2,
    learning_rate=3e-3,
    tokens_per_batch=300,
    lora=LoraSettings(rank=4, alpha=8),
    sampling=SamplingSettings(max_new_tokens=12, batch_size=8),
)


@pytest.mark.parametrize("shaped", [False, True])
def test_the_rewards_of_each_rollout_add_up_to_score_less_the_price_of_kl(tmp_path: Path, shaped: bool) -> None:
    model, reports = fresh_tiny(), list[StepReport]()
    prompts = [PromptItem(index, model.tokens([{"role": "user", "content": "word " * index}])) for index in range(3)]
    potential = length_progress(12, 2.0) if shaped else None
    given = Given(
        model,
        prompts,
        lambda items, sampled: [item.id + one.text.count(" ") for item, one in zip(items, sampled, strict=True)],
        tmp_path,
        reports.append,
        potential=potential,
    )
    ppo.train(given, SETTINGS)
    assert [len(report.tokens) for report in reports] == [LOOKED_AT, LOOKED_AT, LOOKED_AT, 0]  # the last one measures
    moved = 0.0
    for report in reports:
        for one in report.tokens:
            figures = one.figures
            assert set(figures) == {
                *("log_prob", "reference_log_prob", "kl", "entropy", "value", "reward", "advantage"),
                *(["shaping"] if shaped else []),
            }
            assert {len(values) for values in figures.values()} == {len(one.tokens)}
            kl = sum(figures["kl"])
            assert kl == pytest.approx(sum(figures["log_prob"]) - sum(figures["reference_log_prob"]), abs=1e-4)
            shaping = sum(figures.get("shaping", []))
            assert one.rewarded is not None
            assert sum(figures["reward"]) == pytest.approx(one.rewarded - one.beta * kl + shaping, abs=1e-4)
            assert shaping == pytest.approx(0.0, abs=1e-4)  # Phi(s_0) is 0, and Phi(terminal)
            moved += abs(kl)
    assert moved > 0


def test_without_penalty_and_baseline_the_score_is_the_one_that_the_reward_gave(tmp_path: Path) -> None:
    model, reports = fresh_tiny(), list[StepReport]()
    given = Given(model, [PromptItem(0, [5, 6])], lambda items, sampled: [0.75] * len(items), tmp_path, reports.append)
    ppo.train(given, SETTINGS.model_copy(update={"centre_scores": False, "truncation_penalty": 0.0, "steps": 1}))
    for one in reports[0].tokens:
        assert one.score == one.rewarded == 0.75
        assert one.beta == SETTINGS.kl_coefficient
        assert sum(one.figures["reward"]) == pytest.approx(0.75 - one.beta * sum(one.figures["kl"]), abs=1e-5)


def test_an_algorithm_without_token_rewards_tells_the_advantage_alone(tmp_path: Path) -> None:
    model, reports = fresh_tiny(), list[StepReport]()
    given = Given(
        model,
        [PromptItem(0, [5, 6])],
        lambda items, sampled: [float(one.text.count(" ")) for one in sampled],
        tmp_path,
        reports.append,
    )
    shared = SETTINGS.model_dump(include={"prompts_per_step", "tokens_per_batch", "lora", "sampling"})
    rloo.train(given, RlooSettings(steps=1, samples_per_prompt=4, **shared))
    for one in reports[0].tokens:
        assert set(one.figures) == {"log_prob", "reference_log_prob", "kl", "entropy", "advantage"}
        assert one.rewarded is None
        assert len(set(one.figures["advantage"])) == 1
        assert len(one.figures["advantage"]) == len(one.tokens)
