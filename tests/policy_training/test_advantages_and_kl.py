import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_training.advantages import (
    generalised_advantages,
    group_normalised,
    leave_one_out_baselines,
    leave_one_out_centred,
    masked_mean,
    whiten,
)
from policy_training.kl import KLController, completion_rewards, k3_per_sequence, kl_per_sequence, token_rewards
from policy_training.losses import approximate_kl, clipped, policy_losses, value_losses
from ragged_batches import ragged


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6),
    st.lists(st.tuples(st.integers(1, 9), st.sampled_from([0.0, -1.5, 2.0])), min_size=1, max_size=5),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_advantages_and_returns_agree_with_a_slow_written_out_reference(
    seed: int, episodes: list[tuple[int, float]], discount: float, gae_lambda: float
) -> None:
    rewards, values, mask = ragged(seed, [length for length, _ in episodes])
    ends = torch.tensor([end for _, end in episodes])  # 0 at a real end, V(s_T) where the episode goes on
    advantages, returns = generalised_advantages(rewards, values, mask, discount, gae_lambda, ends)
    for row, (length, end) in enumerate(episodes):
        v = [*values[row, :length].tolist(), end]
        for t in range(length):
            expected = sum(
                (discount * gae_lambda) ** k * (rewards[row, t + k].item() + discount * v[t + k + 1] - v[t + k])
                for k in range(length - t)
            )
            assert abs(advantages[row, t].item() - expected) < 1e-4
            assert abs(returns[row, t].item() - (expected + v[t])) < 1e-4
        assert (advantages[row, length:] == 0).all()
        assert (returns[row, length:] == 0).all()


def test_with_discount_and_lambda_one_a_return_is_the_sum_of_rewards_to_come() -> None:
    rewards, values, mask = ragged(0, [3, 2])
    _, returns = generalised_advantages(rewards, values, mask, 1.0, 1.0)
    torch.testing.assert_close(returns[0], rewards[0].flip(0).cumsum(0).flip(0))
    torch.testing.assert_close(returns[1, 0], rewards[1, 0] + rewards[1, 1])


def test_without_end_values_every_end_is_a_real_one() -> None:
    rewards, values, mask = ragged(0, [3, 2])
    for found, expected in zip(
        generalised_advantages(rewards, values, mask, 0.9, 0.8),
        generalised_advantages(rewards, values, mask, 0.9, 0.8, torch.zeros(2)),
        strict=True,
    ):
        assert torch.equal(found, expected)


def test_the_leave_one_out_baseline_leaves_the_row_out_and_a_lone_row_is_held_against_nothing() -> None:
    centred = leave_one_out_centred(torch.tensor([1.0, 5.0, 3.0, 7.0, 4.0]), [8, 9, 8, 6, 8])
    torch.testing.assert_close(centred, torch.tensor([1 - 3.5, 0.0, 3 - 2.5, 0.0, 4 - 2.0]))


def test_equal_scores_of_a_group_are_equal_to_the_bit_once_they_are_centred() -> None:
    for score in (2.9, 1.7, -0.61, 1e6 / 3):
        scores = torch.tensor([score] * 7 + [5.0])
        assert leave_one_out_centred(scores, [3] * 7 + [4]).tolist() == [0.0] * 8
        returns, mask = scores[:7, None].repeat(1, 3), torch.ones(7, 3, dtype=torch.bool)
        assert torch.equal(leave_one_out_baselines(returns, mask, [3] * 7), returns)


def test_the_memory_of_baselines_grows_with_the_rows() -> None:
    scores = torch.randn(200_000, generator=torch.Generator().manual_seed(0))
    groups = [row // 8 for row in range(len(scores))]
    expected = scores.view(-1, 8) - (scores.view(-1, 8).sum(1, keepdim=True) - scores.view(-1, 8)) / 7
    torch.testing.assert_close(leave_one_out_centred(scores, groups), expected.flatten())  # N x N would be 40 billion
    assert group_normalised(scores, groups).view(-1, 8).sum(1).abs().max() < 1e-3


def test_whitening_sees_real_tokens_only_and_takes_the_mean_off() -> None:
    values, _, mask = ragged(1, [4, 2])
    white = whiten(values, mask)
    torch.testing.assert_close(masked_mean(white, mask), torch.tensor(0.0), atol=1e-6, rtol=0)
    torch.testing.assert_close(masked_mean(white**2, mask), torch.tensor(1.0), atol=1e-4, rtol=0)
    assert (white[~mask] == 0).all()
    assert torch.isfinite(whiten(torch.ones(2, 3), torch.ones(2, 3, dtype=torch.bool))).all()


def test_token_rewards_add_up_to_the_score_minus_the_price_of_kl() -> None:
    own, reference, mask = ragged(2, [5, 1, 3])
    scores = torch.tensor([1.0, -2.0, 0.5])
    rewards = token_rewards(scores, own, reference, mask, beta=0.3)
    torch.testing.assert_close(rewards.sum(1), scores - 0.3 * kl_per_sequence(own, reference, mask))
    torch.testing.assert_close(rewards.sum(1), completion_rewards(scores, own, reference, mask, beta=0.3))
    torch.testing.assert_close(rewards[1, 0], -2.0 - 0.3 * (own[1, 0] - reference[1, 0]))
    assert (rewards[~mask] == 0).all()


def test_k3_is_never_negative_and_worked_by_hand() -> None:
    own, reference, mask = ragged(3, [5, 2])
    assert (k3_per_sequence(own, reference, mask) >= 0).all()
    one = torch.tensor([[-1.0]]), torch.tensor([[-2.0]]), torch.tensor([[True]])
    torch.testing.assert_close(k3_per_sequence(*one), torch.tensor([torch.e**-1 - 1 + 1]))


def test_the_controller_moves_the_price_by_clipped_relative_error() -> None:
    controller = KLController(beta=0.1, target_nats=4.0, horizon=100)
    assert abs(controller.after(4.4, 50).beta - 0.1 * (1 + 0.1 * 0.5)) < 1e-12
    assert abs(controller.after(40.0, 50).beta - 0.1 * (1 + 0.2 * 0.5)) < 1e-12
    assert abs(controller.after(0.0, 50).beta - 0.1 * (1 - 0.2 * 0.5)) < 1e-12


def test_more_completions_than_the_horizon_move_the_price_by_a_fifth_and_never_make_it_a_wage() -> None:
    controller = KLController(beta=0.1, target_nats=4.0, horizon=10)
    assert controller.after(0.0, 1000).beta == pytest.approx(0.08)
    assert controller.after(400.0, 1000).beta == pytest.approx(0.12)


def test_policy_loss_clips_only_where_that_is_the_pessimistic_side() -> None:
    log_ratio = torch.tensor([[0.0, 1.0, 1.0, -1.0, -1.0]])
    advantages = torch.tensor([[1.0, 1.0, -1.0, 1.0, -1.0]])
    losses = policy_losses(log_ratio, torch.zeros(1, 5), advantages, 0.2)[0]
    torch.testing.assert_close(losses, torch.tensor([-1.0, -1.2, torch.e, -(torch.e**-1), 0.8]))
    assert clipped(log_ratio, torch.zeros(1, 5), 0.2)[0].tolist() == [False, True, True, True, True]


def test_value_loss_takes_the_worse_of_clipped_and_unclipped() -> None:
    losses = value_losses(torch.tensor([[1.0, 0.1]]), torch.zeros(1, 2), torch.tensor([[1.0, 1.0]]), 0.2)
    torch.testing.assert_close(losses, torch.tensor([[0.5 * 0.8**2, 0.5 * 0.9**2]]))


def test_approximate_kl_is_zero_where_nothing_changed_and_positive_elsewhere() -> None:
    assert approximate_kl(torch.tensor([-1.0]), torch.tensor([-1.0])).item() == 0.0
    assert approximate_kl(torch.tensor([-1.0, -3.0]), torch.tensor([-2.0, -2.0])).min() > 0


def test_approximate_kl_of_small_changes_is_neither_lost_nor_negative() -> None:
    draw = torch.Generator().manual_seed(0)
    old = -0.01 * torch.rand(5000, generator=draw)
    new = old * (1 + 1e-3 * torch.randn(5000, generator=draw))
    change = new.double() - old.double()
    found, exact = approximate_kl(new, old), torch.expm1(change) - change
    assert found.min() >= 0
    assert found.double().sum().item() == pytest.approx(exact.sum().item(), rel=0.02)
