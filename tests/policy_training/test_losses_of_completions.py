"""Advantages and losses of RLOO, GRPO, policy gradient and actor-critic against slow references and by hand."""

from statistics import fmean, pstdev

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_training.advantages import (
    explained_variance,
    generalised_advantages,
    group_normalised,
    leave_one_out_baselines,
    n_step_advantages,
    returns_to_go,
)
from policy_training.losses import completion_ratio, k3_losses, score_function_losses, squared_value_losses
from ragged_batches import ragged

LENGTHS = st.lists(st.integers(1, 7), min_size=1, max_size=6)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), LENGTHS, st.floats(0, 1), st.integers(1, 9), st.booleans())
def test_n_step_advantages_agree_with_a_slow_reference(
    seed: int, lengths: list[int], discount: float, n_steps: int, goes_on: bool
) -> None:
    rewards, values, mask = ragged(seed, lengths)
    ends = torch.arange(1.0, len(lengths) + 1) if goes_on else None
    advantages, returns = n_step_advantages(rewards, values, mask, discount, n_steps, ends)
    for row, length in enumerate(lengths):
        v = [*values[row, :length].tolist(), row + 1.0 if goes_on else 0.0]
        for t in range(length):
            until = min(t + n_steps, length)
            expected = sum(discount ** (k - t) * rewards[row, k].item() for k in range(t, until))
            expected += discount ** (until - t) * v[until]
            assert returns[row, t].item() == pytest.approx(expected, abs=1e-4)
            assert advantages[row, t].item() == pytest.approx(expected - v[t], abs=1e-4)
        assert (advantages[row, length:] == 0).all()
        assert (returns[row, length:] == 0).all()


def test_one_step_is_the_td_error_and_many_are_the_whole_return() -> None:
    rewards, values, mask = ragged(0, [3, 2, 5])
    for n_steps, gae_lambda in ((1, 0.0), (5, 1.0)):
        found = n_step_advantages(rewards, values, mask, 0.9, n_steps)
        expected = generalised_advantages(rewards, values, mask, 0.9, gae_lambda)
        torch.testing.assert_close(found, expected)


def test_two_steps_by_hand() -> None:
    rewards, values = torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([[0.5, 8.0, 16.0]])
    advantages, returns = n_step_advantages(rewards, values, torch.ones(1, 3, dtype=torch.bool), 0.5, 2)
    assert returns.tolist() == [[1 + 0.5 * 2 + 0.25 * 16, 2 + 0.5 * 4, 4.0]]
    assert advantages.tolist() == [[5.5, -4.0, -12.0]]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), LENGTHS, st.floats(0, 1), st.data())
def test_returns_to_go_and_their_baselines_agree_with_a_slow_reference(
    seed: int, lengths: list[int], discount: float, data: st.DataObject
) -> None:
    rewards, _, mask = ragged(seed, lengths)
    rows = range(len(lengths))
    groups = [data.draw(st.integers(0, 1)) for _ in rows]
    returns = returns_to_go(rewards, mask, discount)
    baselines = leave_one_out_baselines(returns, mask, groups)
    slow = [
        [sum(discount ** (k - t) * rewards[row, k].item() for k in range(t, lengths[row])) for t in range(lengths[row])]
        for row in rows
    ]
    for row, length in enumerate(lengths):
        others = [slow[other] for other in rows if other != row and groups[other] == groups[row]]
        for t in range(length):
            assert returns[row, t].item() == pytest.approx(slow[row][t], abs=1e-4)
            there = [other[t] for other in others if len(other) > t] or [other[0] for other in others] or [slow[row][t]]
            assert baselines[row, t].item() == pytest.approx(fmean(there), abs=1e-4)
        assert (returns[row, length:] == 0).all()
        assert (baselines[row, length:] == 0).all()


def test_a_baseline_does_not_hang_on_the_rows_own_rewards() -> None:
    rewards, _, mask = ragged(4, [3, 5, 2])
    before = leave_one_out_baselines(returns_to_go(rewards, mask, 0.9), mask, [1, 1, 1])
    rewards[1] += 100.0
    after = leave_one_out_baselines(returns_to_go(rewards, mask, 0.9), mask, [1, 1, 1])
    torch.testing.assert_close(after[1], before[1])
    assert (after[0, :3] - before[0, :3] > 10).all()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(-5, 5), st.integers(0, 2)), min_size=1, max_size=12))
def test_group_normalised_scores_agree_with_a_slow_reference(rows: list[tuple[float, int]]) -> None:
    scores = torch.tensor([score for score, _ in rows], dtype=torch.float64)
    found = group_normalised(scores, [group for _, group in rows])
    for (score, group), one in zip(rows, found.tolist(), strict=True):
        own = [other for other, its in rows if its == group]
        assert one == pytest.approx((score - fmean(own)) / (pstdev(own) + 1e-4), abs=1e-6)


def test_a_group_of_equal_scores_or_of_one_has_no_advantage_at_all() -> None:
    found = group_normalised(torch.tensor([0.1, 0.1, 5.0, 0.1, 1.0, 3.0]), [7, 7, 8, 7, 9, 9])
    assert found[:4].tolist() == [0.0, 0.0, 0.0, 0.0]
    torch.testing.assert_close(found[4:], torch.tensor([-1.0, 1.0]), atol=2e-4, rtol=0)


def test_what_is_noise_between_equal_texts_is_not_blown_up() -> None:
    assert group_normalised(torch.tensor([0.3, 0.3 + 1e-7]), [1, 1]).abs().max() < 0.01


def test_the_gradient_of_a_score_function_loss_is_the_advantage() -> None:
    log_probs = torch.tensor([[-1.0, -2.0]], requires_grad=True)
    score_function_losses(log_probs, torch.tensor([[3.0, -0.5]])).sum().backward()
    assert log_probs.grad is not None
    assert log_probs.grad.tolist() == [[-3.0, 0.5]]


def test_the_ratio_of_a_completion_is_the_product_of_its_tokens_and_carries_no_gradient() -> None:
    log_probs = torch.tensor([[-1.0, -2.0], [-1.0, 0.0]], requires_grad=True)
    ratio = completion_ratio(log_probs, torch.tensor([[-1.5, -2.25], [-1.0, 0.0]]))
    torch.testing.assert_close(ratio, torch.tensor([[2.117], [1.0]]), atol=1e-4, rtol=0)  # exp(0.5 + 0.25)
    assert not ratio.requires_grad


def test_the_value_loss_is_half_the_squared_error() -> None:
    assert squared_value_losses(torch.tensor([[1.0]]), torch.tensor([[4.0]])).tolist() == [[4.5]]


def test_k3_in_the_loss_has_the_gradient_of_the_forward_kl() -> None:
    """By finite differences over all tokens of a small vocabulary, exactly."""
    generator = torch.Generator().manual_seed(0)
    logits, other = (torch.randn(6, generator=generator, dtype=torch.float64) for _ in range(2))
    reference = torch.log_softmax(other, 0)

    def forward_kl(at: torch.Tensor) -> float:
        return float((reference.exp() * (reference - torch.log_softmax(at, 0))).sum())

    own = logits.clone().requires_grad_()
    log_probs = torch.log_softmax(own, 0)
    mean = (log_probs.exp().detach() * k3_losses(log_probs, reference)).sum()
    mean.backward()
    step = 1e-5 * torch.eye(6, dtype=torch.float64)
    numeric = torch.tensor([(forward_kl(logits + e) - forward_kl(logits - e)) / 2e-5 for e in step]).double()
    assert own.grad is not None
    torch.testing.assert_close(own.grad, numeric, atol=1e-7, rtol=1e-5)
    reverse = (log_probs.exp() * (log_probs - reference)).sum()
    torch.testing.assert_close(mean, reverse)  # the value is the reverse KL's


def test_explained_variance_is_one_for_the_returns_themselves_and_zero_for_their_mean() -> None:
    returns, _, mask = ragged(5, [4, 2])
    assert explained_variance(returns, returns, mask) == pytest.approx(1.0)
    assert explained_variance(torch.full_like(returns, float(returns[mask].mean())), returns, mask) == pytest.approx(
        0.0, abs=1e-5
    )


def test_explained_variance_of_equal_returns_is_zero() -> None:
    mask = torch.ones(2, 3, dtype=torch.bool)
    assert explained_variance(torch.zeros(2, 3), torch.full((2, 3), 0.7), mask) == 0.0
