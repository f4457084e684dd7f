"""The toy's known optimum."""

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
