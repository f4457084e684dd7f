import math

import choix
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import check_grad, minimize

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


def test_a_side_bias_moves_the_odds_by_hand_worked_numbers() -> None:
    # equal texts, bias ln 4 towards the first, nu = 1: weights 2 : 1 : 1/2; away from it the other way round
    found = outcome_probabilities(np.zeros(2), 0.0, np.log(4) * np.array([1.0, -1.0]))
    assert found == pytest.approx(np.array([[4 / 7, 2 / 7, 1 / 7], [1 / 7, 2 / 7, 4 / 7]]))


def test_a_margin_is_a_lead_that_only_the_winner_needs() -> None:
    # the first won with d = ln 4 and needs ln 4: weights 1 : 1 : 1; the tie beside it needs nothing: 2 : 1 : 1/2
    found = davidson(np.log([4.0, 4.0]), np.array([FIRST, TIE]), np.ones(2), 0.0, margins=np.log([4.0, 4.0]))
    assert found.loss == pytest.approx((math.log(3) + math.log(7 / 2)) / 2)
    # the second won although d = ln 4: against it stand 4 x 4, weights 4 : 1 : 1/4
    lost = davidson(np.log([4.0]), np.array([SECOND]), np.ones(1), 0.0, margins=math.log(4))
    assert lost.loss == pytest.approx(math.log(21))


def test_smoothing_turns_a_share_of_decided_answers_round_and_leaves_ties_alone() -> None:
    # d = ln 4, nu = 1: probabilities 4/7, 2/7, 1/7
    found = davidson(np.log([4.0, 4.0]), np.array([FIRST, TIE]), np.ones(2), 0.0, smoothing=0.1)
    decided = -(0.9 * math.log(4 / 7) + 0.1 * math.log(1 / 7))
    assert found.loss == pytest.approx((decided - math.log(2 / 7)) / 2)


@given(seed=st.integers(0, 10_000), smoothing=st.floats(0, 0.49), margin=st.floats(0, 3), bias=st.floats(-3, 3))
def test_derivatives_of_the_training_loss_agree_with_finite_differences(
    seed: int, smoothing: float, margin: float, bias: float
) -> None:
    draw = np.random.default_rng(seed)
    outcomes, weights = draw.integers(3, size=6), draw.uniform(0.1, 2, 6)
    margins, sides = margin * draw.uniform(size=6), bias * draw.choice([-1.0, 0.0, 1.0], size=6)

    def found(at: np.ndarray) -> tuple[float, np.ndarray]:
        one = davidson(at[:-1], outcomes, weights, float(at[-1]), sides, margins=margins, smoothing=smoothing)
        return one.loss, np.append(one.by_difference, one.by_log_nu)

    assert check_grad(lambda at: found(at)[0], lambda at: found(at)[1], draw.normal(size=7)) < 1e-6


def _strengths(pairs: list[tuple[int, int]], outcomes: np.ndarray, items: int, ridge: float, ties: bool) -> np.ndarray:
    """The most likely strengths (and log nu), by our likelihood."""
    design = np.zeros((len(pairs), items))
    design[np.arange(len(pairs)), [first for first, _ in pairs]] = 1
    design[np.arange(len(pairs)), [second for _, second in pairs]] = -1

    def loss(at: np.ndarray) -> tuple[float, np.ndarray]:
        log_nu = float(at[-1]) if ties else -60.0
        found = davidson(design @ at[:-1], outcomes, np.ones(len(pairs)), log_nu)
        slope = np.append(len(pairs) * design.T @ found.by_difference, len(pairs) * found.by_log_nu * ties)
        slope[:-1] += 2 * ridge * at[:-1]
        return len(pairs) * found.loss + ridge * float(at[:-1] @ at[:-1]), slope

    return np.asarray(minimize(loss, np.zeros(items + 1), jac=True, method="BFGS", options={"gtol": 1e-8}).x)


def _games(seed: int, ties: bool) -> tuple[list[tuple[int, int]], np.ndarray]:
    draw = np.random.default_rng(seed)
    strengths = draw.normal(size=6)
    pairs = [tuple(draw.choice(6, size=2, replace=False)) for _ in range(300)]
    differences = np.array([strengths[first] - strengths[second] for first, second in pairs])
    chances = outcome_probabilities(differences, 0.0 if ties else -60.0)
    return pairs, np.array([draw.choice(3, p=row) for row in chances])


def test_strengths_without_ties_are_those_of_choix() -> None:
    pairs, outcomes = _games(0, ties=False)
    won = [pair if said == FIRST else pair[::-1] for pair, said in zip(pairs, outcomes, strict=True)]
    theirs = choix.opt_pairwise(6, won, alpha=0.01, tol=1e-9)
    ours = _strengths(pairs, outcomes, 6, ridge=0.01, ties=False)[:-1]
    assert ours - ours.mean() == pytest.approx(theirs - theirs.mean(), abs=1e-4)


def test_strengths_with_ties_are_those_of_davidsons_own_iteration() -> None:
    """Davidson 1970, section 3: at the optimum a strength's expected score equals its score, and so do the ties."""
    pairs, outcomes = _games(1, ties=True)
    p, nu = np.ones(6), 1.0
    score = np.zeros(6)
    for (first, second), said in zip(pairs, outcomes, strict=True):
        score[first] += (1.0, 0.5, 0.0)[said]
        score[second] += (0.0, 0.5, 1.0)[said]
    for _ in range(4000):
        below, tied = np.zeros(6), 0.0
        for first, second in pairs:
            root = math.sqrt(p[first] * p[second])
            total = p[first] + p[second] + nu * root
            below[first] += (1 + nu / 2 * root / p[first]) / total
            below[second] += (1 + nu / 2 * root / p[second]) / total
            tied += root / total
        after, nu_after = score / below, (outcomes == TIE).sum() / tied
        after /= np.exp(np.log(after).mean())
        if np.abs(np.log(after / p)).max() < 1e-9:
            break
        p, nu = after, nu_after
    ours = _strengths(pairs, outcomes, 6, ridge=0.0, ties=True)
    assert ours[:-1] - ours[:-1].mean() == pytest.approx(np.log(p), abs=1e-4)
    assert ours[-1] == pytest.approx(math.log(nu), abs=1e-4)
