"""The losses of preferences and demonstrations against numbers worked by hand, a slow reference and differences."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from policy_training.algorithms.dpo import nu_of_ties
from policy_training.losses import imitation_losses, preference_losses
from policy_training.passes import in_passes, with_mean_weight_one
from policy_training.records import Demonstration, Preference

DECIDED, TIED = torch.tensor([False]), torch.tensor([True])


def losses(d: float, ties: torch.Tensor, nu: float, smoothing: float = 0.0) -> float:
    return float(preference_losses(torch.tensor([d], dtype=torch.float64), ties, nu, smoothing))


def test_without_ties_it_is_the_loss_of_dpo() -> None:
    # -log sigmoid(d): log 2 at 0, log(1 + 1/3) at log 3
    assert losses(0.0, DECIDED, 0.0) == pytest.approx(math.log(2))
    assert losses(math.log(3), DECIDED, 0.0) == pytest.approx(math.log(4 / 3))
    assert losses(-math.log(3), DECIDED, 0.0) == pytest.approx(math.log(4))
    assert losses(math.log(3), DECIDED, 0.0, smoothing=0.25) == pytest.approx(
        0.75 * math.log(4 / 3) + 0.25 * math.log(4)
    )


def test_davidsons_numbers_worked_by_hand() -> None:
    # d = log 4, nu = 2: 2 : 2 : 1/2, that is 4/9, 4/9, 1/9
    assert losses(math.log(4), DECIDED, 2.0) == pytest.approx(math.log(9 / 4))
    assert losses(math.log(4), TIED, 2.0) == pytest.approx(math.log(9 / 4))
    assert losses(-math.log(4), DECIDED, 2.0) == pytest.approx(math.log(9))
    assert losses(-math.log(4), TIED, 2.0) == losses(math.log(4), TIED, 2.0)
    assert losses(0.0, TIED, 2.0) == pytest.approx(math.log(2))
    assert losses(0.3, TIED, 2.0, smoothing=0.4) == losses(0.3, TIED, 2.0), "smoothing invents no decision in a tie"


@given(st.floats(-30, 30), st.booleans(), st.floats(0.01, 20), st.floats(0, 0.49))
def test_the_gradient_is_that_of_finite_differences(d: float, tie: bool, nu: float, smoothing: float) -> None:
    ties, step = torch.tensor([tie]), 1e-5
    at = torch.tensor([d], dtype=torch.float64, requires_grad=True)
    preference_losses(at, ties, nu, smoothing).sum().backward()
    slope = (losses(d + step, ties, nu, smoothing) - losses(d - step, ties, nu, smoothing)) / (2 * step)
    assert float(at.grad) == pytest.approx(slope, abs=1e-6)


def test_far_differences_stay_finite_with_and_without_ties() -> None:
    for d, nu in itertools.product((-200.0, 200.0), (0.0, 0.5)):
        at = torch.tensor([d], requires_grad=True)
        loss = preference_losses(at, DECIDED, nu)
        loss.sum().backward()
        assert torch.isfinite(loss).all()
        assert torch.isfinite(at.grad).all()


def test_imitation_is_the_cross_entropy_of_the_real_tokens() -> None:
    log_probs = torch.tensor([[-1.0, -2.0, -4.0], [-0.5, 7.0, 7.0]])
    mask = torch.tensor([[True, True, True], [True, False, False]])
    assert imitation_losses(log_probs, mask).tolist() == [7.0, 0.5]


def test_nu_makes_equal_texts_tie_as_often_as_ties_were_said() -> None:
    one = Preference([1], [2], [3])
    tie = Preference([1], [2], [3], tie=True, weight=2.0)
    nu = nu_of_ties([one, one, one, one, tie])  # a third of the weight
    assert nu == pytest.approx(1.0)
    assert math.exp(-losses(0.0, TIED, nu)) == pytest.approx(1 / 3)
    assert nu_of_ties([one]) == 0.0


def test_passes_show_everything_once_before_anything_twice() -> None:
    shown = [place for step in range(6) for place in in_passes(9, 3, step, (1, 3))]
    assert sorted(shown[:9]) == sorted(shown[9:]) == list(range(9))
    assert shown[:9] != shown[9:]
    assert in_passes(9, 3, 4, (1, 3)) == shown[12:15]
    assert in_passes(9, 3, 4, (2, 3)) != shown[12:15]
    assert sorted(in_passes(2, 5, 0, (0,)))[:2] == [0, 0], "more asked for than there are: some come twice"


def test_weights_are_scaled_to_a_mean_of_one_and_nothing_counts_nothing() -> None:
    found = with_mean_weight_one([Demonstration([1], [2], weight) for weight in (0.0, 1.0, 3.0)])
    assert [one.weight for one in found] == [0.5, 1.5]
    for weight in (-1.0, float("nan")):
        with pytest.raises(ValueError, match="weights are finite, and 0 or more"):
            with_mean_weight_one([Demonstration([1], [2], weight)])
