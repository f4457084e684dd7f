import math

import numpy as np
import pytest
from scipy.optimize import check_grad

from reward_training.likelihood import FIRST, SECOND, TIE, davidson, outcome_probabilities


def test_probabilities_match_numbers_worked_by_hand() -> None:
    # d = ln 4, nu = 1: weights 2 : 1 : 1/2
    assert outcome_probabilities(np.array([math.log(4)]), 0.0)[0] == pytest.approx([4 / 7, 2 / 7, 1 / 7])


def test_without_ties_it_is_bradley_terry() -> None:
    assert outcome_probabilities(np.array([1.3]), -60.0)[0] == pytest.approx(
        [1 / (1 + math.exp(-1.3)), 0, 1 - 1 / (1 + math.exp(-1.3))]
    )


def test_huge_differences_stay_finite() -> None:
    found = davidson(np.array([2000.0, -2000.0]), np.array([FIRST, FIRST]), np.ones(2), 0.0)
    assert np.isfinite(found.loss)
    assert np.isfinite(found.by_difference).all()


def test_the_loss_is_the_weighted_mean_of_minus_log_probability() -> None:
    found = davidson(np.array([0.0, 0.0]), np.array([FIRST, TIE]), np.array([3.0, 1.0]), math.log(2))
    assert found.loss == pytest.approx((3 * math.log(4) + math.log(2)) / 4)  # weights 1 : 2 : 1


def test_derivatives_agree_with_finite_differences() -> None:
    generator = np.random.default_rng(0)
    outcomes, weights = generator.integers(3, size=20), generator.uniform(0.5, 2, 20)

    def loss(parameters: np.ndarray) -> float:
        return davidson(parameters[:-1], outcomes, weights, float(parameters[-1])).loss

    def gradient(parameters: np.ndarray) -> np.ndarray:
        found = davidson(parameters[:-1], outcomes, weights, float(parameters[-1]))
        return np.append(found.by_difference, found.by_log_nu)

    assert check_grad(loss, gradient, generator.normal(size=21)) < 1e-6


def test_swapping_sides_and_answers_changes_nothing() -> None:
    generator = np.random.default_rng(1)
    differences, outcomes = generator.normal(size=30), generator.integers(3, size=30)
    swapped = np.select([outcomes == FIRST, outcomes == SECOND], [SECOND, FIRST], TIE)
    one, other = davidson(differences, outcomes, np.ones(30), 0.3), davidson(-differences, swapped, np.ones(30), 0.3)
    assert one.loss == pytest.approx(other.loss)
    assert one.by_difference == pytest.approx(-other.by_difference)
