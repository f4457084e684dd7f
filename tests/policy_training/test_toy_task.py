"""The toy's known optimum, and the preferences and demonstrations that lead to it."""

import pytest
import torch

import toy_task


def test_no_policy_is_worth_more_than_the_optimum() -> None:
    model = toy_task.toy_model()
    best, reference = toy_task.optimum_log_probs(model), toy_task.sequence_log_probs(model, None)
    rewards = torch.tensor([toy_task.true_reward(tokens) for tokens in toy_task.every_sequence()], dtype=torch.float64)

    def worth(log_probs: torch.Tensor) -> float:
        return float((log_probs.exp() * (rewards - toy_task.BETA * (log_probs - reference))).sum())

    at_best = worth(best)
    assert at_best == pytest.approx(float(toy_task.BETA * torch.logsumexp(reference + rewards / toy_task.BETA, 0)))
    generator = torch.Generator().manual_seed(0)
    for size in (0.1, 1.0):
        other = torch.log_softmax(best + size * torch.randn(len(best), generator=generator, dtype=torch.float64), 0)
        assert worth(other) < at_best


def test_demonstrations_are_the_optimums_and_preferences_follow_the_reward() -> None:
    model = toy_task.toy_model()
    expected = float(
        (
            toy_task.optimum_log_probs(model).exp()
            * torch.tensor([*map(toy_task.true_reward, toy_task.every_sequence())])
        ).sum()
    )
    shown = [toy_task.true_reward(one.token_ids) for one in toy_task.demonstrations(model, 2000)]
    assert sum(shown) / len(shown) == pytest.approx(expected, abs=0.1)
    for first, second, chance in toy_task.preferences(model, 20):
        difference = toy_task.true_reward(first.token_ids) - toy_task.true_reward(second.token_ids)
        assert chance == pytest.approx(1 / (1 + 2.718281828459045**-difference))
