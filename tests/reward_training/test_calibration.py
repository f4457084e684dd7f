"""Cross-fitting and temperature: known answers, finite differences, and hardly any pairs."""

import numpy as np
import pytest

from reward_training.calibration import FOLDS, SPREAD, cross_calibrated, cross_fitted, fit_temperature
from reward_training.head import LinearHead, fit_head, folds_of
from reward_training.likelihood import FIRST, TIE, davidson, outcome_probabilities


def judged(number: int, seed: int, *, certain: float, log_nu: float = -0.5) -> tuple[np.ndarray, np.ndarray]:
    """Differences that are `certain` times those by which the outcomes were drawn."""
    draw = np.random.default_rng(seed)
    truth = draw.normal(0, 1.5, number)
    outcomes = np.array([draw.choice(3, p=row) for row in outcome_probabilities(truth, log_nu)])
    return certain * truth, outcomes


@pytest.mark.parametrize("certain", [0.5, 1.0, 3.0])
def test_the_temperature_by_which_differences_were_stretched_comes_back(certain: float) -> None:
    differences, outcomes = judged(4000, 0, certain=certain)
    found = fit_temperature(differences, outcomes, np.ones(4000), 0.3)
    assert found.temperature == pytest.approx(certain, rel=0.08)
    assert found.log_nu == pytest.approx(-0.5, abs=0.1)


def test_the_fit_is_where_the_penalised_loss_is_least() -> None:
    """Looked for on a grid, against the closed optimiser with its derivatives."""
    differences, outcomes = judged(60, 1, certain=2.0)
    weights = np.linspace(0.5, 1.5, 60)
    found = fit_temperature(differences, outcomes, weights, 0.2)

    def loss(temperature: float, log_nu: float) -> float:
        fit = davidson(differences / temperature, outcomes, weights, log_nu).loss * weights.sum()
        return fit + (np.log(temperature) ** 2 + (log_nu - 0.2) ** 2) / (2 * SPREAD**2)

    best = loss(found.temperature, found.log_nu)
    for off in (-0.02, 0.02):
        assert best < loss(found.temperature * np.exp(off), found.log_nu)
        assert best < loss(found.temperature, found.log_nu + off)


def test_hardly_any_pairs_leave_the_temperature_near_one() -> None:
    none = np.zeros(0)
    assert fit_temperature(none, none.astype(int), none, -1.0).temperature == 1.0
    one = fit_temperature(np.array([4.0]), np.array([FIRST]), np.ones(1), -1.0)
    assert one.temperature == pytest.approx(1.0, abs=0.1)
    ties = fit_temperature(np.array([3.0, -2.0]), np.array([TIE, TIE]), np.ones(2), -1.0)
    assert 1 < ties.temperature < 3 and np.isfinite(ties.log_nu)


def test_a_group_is_never_split_and_each_pair_is_read_by_a_head_that_did_not_see_its_group() -> None:
    groups = [str(place // 3) for place in range(45)]
    seen: list[set[str]] = []

    def fit(rows: np.ndarray) -> LinearHead:
        seen.append({groups[row] for row in rows})
        return LinearHead(np.array([float(len(seen))]), 0.0)

    found = cross_fitted(np.ones((45, 1)), groups, fit)
    assert found is not None and len(seen) == 5
    for group, head in zip(groups, found, strict=True):
        assert group not in seen[int(head) - 1]


def test_one_group_cannot_be_cross_fitted_and_two_can() -> None:
    def fit(rows: np.ndarray) -> LinearHead:
        return LinearHead(np.array([1.0]), 0.0)

    assert cross_fitted(np.ones((4, 1)), ["a"] * 4, fit) is None
    assert cross_fitted(np.ones((4, 1)), ["a", "a", "b", "b"], fit) is not None
    assert folds_of([]).tolist() == []


def test_on_noise_cross_fitting_is_half_right_where_the_heads_own_pairs_are_not() -> None:
    """Eighty answers by coin, eighty features: fitted on all, the head seems to know; cross-fitted it does not."""
    draw = np.random.default_rng(2)
    differences, outcomes = draw.normal(size=(80, 80)), draw.choice([0, 2], size=80)
    groups, ones = [str(place) for place in range(80)], np.ones(80)

    def fit(rows: np.ndarray) -> LinearHead:
        return fit_head(differences[rows], outcomes[rows], ones[rows], 1e-4)

    right = np.where(outcomes == 0, 1, -1)
    inside = differences @ fit(np.arange(80)).weights
    outside = cross_fitted(differences, groups, fit)
    assert outside is not None
    assert (inside * right > 0).mean() > 0.9
    assert (outside * right > 0).mean() < 0.65


def test_the_temperature_of_a_fold_comes_from_the_others() -> None:
    """Were it the fold's own, a fold of nothing but wrong answers would make itself unsure."""
    differences, outcomes = judged(500, 4, certain=3.0, log_nu=-3.0)
    groups = [str(place) for place in range(500)]
    folds = folds_of(groups, FOLDS)
    flipped = np.where((folds == 0) & (outcomes != TIE), 2 - outcomes, outcomes)
    ones = np.ones(500)
    kept = cross_calibrated(differences, outcomes, ones, groups, -3.0)
    other = cross_calibrated(differences, flipped, ones, groups, -3.0)
    assert kept[folds == 0] == pytest.approx(other[folds == 0])
    assert not np.allclose(kept[folds == 1], other[folds == 1])
