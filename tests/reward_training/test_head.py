import numpy as np
import pytest

from reward_training.head import PairDifferences, choose_l2, fit_head, folds_of
from reward_training.likelihood import FIRST, outcome_probabilities


def simulated(pairs: int, width: int, seed: int, log_nu: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Differences of features, answers drawn from Davidson's law, and the true weights."""
    generator = np.random.default_rng(seed)
    truth = generator.normal(size=width)
    differences = generator.normal(size=(pairs, width))
    probabilities = outcome_probabilities(differences @ truth, log_nu)
    outcomes = np.array([generator.choice(3, p=row) for row in probabilities])
    return differences, outcomes, truth


def test_many_answers_bring_back_the_weights_and_the_tie_parameter() -> None:
    differences, outcomes, truth = simulated(6000, 4, 0, log_nu=0.4)
    head = fit_head(differences, outcomes, np.ones(6000), l2=1e-6)
    assert head.weights == pytest.approx(truth, abs=0.15)
    assert head.log_nu == pytest.approx(0.4, abs=0.1)


def test_a_strong_ridge_shrinks_the_head_and_one_sided_answers_stay_finite() -> None:
    differences = np.abs(np.random.default_rng(0).normal(size=(30, 5)))
    outcomes = np.full(30, FIRST)
    weak, strong = (fit_head(differences, outcomes, np.ones(30), l2).weights for l2 in (1e-6, 10.0))
    assert np.isfinite(weak).all()
    assert np.abs(strong).max() < np.abs(weak).max() / 10


def test_cross_validation_picks_a_strong_ridge_for_noise_and_a_weak_one_for_signal() -> None:
    candidates = (0.0001, 0.01, 1.0, 100.0)
    groups = [str(index) for index in range(120)]
    differences, outcomes, _ = simulated(120, 3, 2, log_nu=-2.0)
    chosen, losses = choose_l2(differences, outcomes, np.ones(120), groups, candidates)
    noise = np.random.default_rng(3).integers(3, size=120)
    chosen_for_noise, _ = choose_l2(differences, noise, np.ones(120), groups, candidates)
    assert chosen < chosen_for_noise
    assert losses[chosen] == min(losses.values())


def test_too_few_prompts_to_validate_on_take_the_strongest_ridge() -> None:
    differences, outcomes, _ = simulated(10, 3, 0)
    assert choose_l2(differences, outcomes, np.ones(10), ["a", "b"] * 5, (0.1, 1.0)) == (1.0, {})


def test_differences_of_shared_texts_fit_the_same_head_without_the_matrix() -> None:
    draw = np.random.default_rng(5)
    features, (first, second) = draw.normal(size=(20, 6)), draw.integers(20, size=(2, 150))
    outcomes, weights = draw.integers(3, size=150), draw.uniform(0.5, 1.5, size=150)
    matrix, lazy = features[first] - features[second], PairDifferences(features, first, second)
    assert lazy.shape == matrix.shape
    assert lazy.transposed_times(weights) == pytest.approx(matrix.T @ weights)
    groups = [str(place % 7) for place in range(150)]
    chosen, losses = choose_l2(lazy, outcomes, weights, groups, (0.01, 0.1))
    plain, plain_losses = choose_l2(matrix, outcomes, weights, groups, (0.01, 0.1))
    assert (chosen, losses) == (plain, pytest.approx(plain_losses, rel=1e-5))
    both = [fit_head(one, outcomes, weights, chosen).weights for one in (lazy, matrix)]
    assert both[0] == pytest.approx(both[1], abs=1e-3)


def test_margins_and_smoothing_shape_the_fits_and_the_loss_that_decides_is_plain() -> None:
    draw = np.random.default_rng(4)
    differences, weights = draw.normal(size=(40, 3)), draw.uniform(0.5, 1.5, 40)
    outcomes = np.array([draw.choice(3, p=row) for row in outcome_probabilities(2 * differences[:, 0], -1.0)])
    groups, margins = [str(row // 2) for row in range(40)], draw.uniform(0, 1, 40)
    _, losses = choose_l2(differences, outcomes, weights, groups, (0.01, 0.1), margins=margins, smoothing=0.1)
    folds = folds_of(groups)
    for l2, found in losses.items():
        total = 0.0
        for fold in range(4):
            inside, outside = folds != fold, folds == fold
            head = fit_head(
                differences[inside], outcomes[inside], weights[inside], l2, margins=margins[inside], smoothing=0.1
            )
            told = outcome_probabilities(differences[outside] @ head.weights, head.log_nu)
            total -= float(weights[outside] @ np.log(told[np.arange(len(told)), outcomes[outside]]))
        assert found == pytest.approx(total / weights.sum(), abs=1e-3)
