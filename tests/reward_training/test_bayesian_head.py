"""The Laplace posterior against finite differences, slow optimisers, enumeration, and answers that are hard to fit."""

import numpy as np
import pytest
from scipy.optimize import minimize

from reward_training.bayesian_head import (
    LOG_NU_PRECISION,
    LOG_NU_START,
    Answers,
    Directions,
    Posterior,
    expected_precision,
    fit,
    fit_by_evidence,
    slopes,
)
from reward_training.likelihood import FIRST, SECOND, TIE, outcome_probabilities


def simulated(pairs: int, width: int, seed: int, scale: float = 1.0) -> tuple[Answers, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth = scale * generator.normal(size=width)
    differences = generator.normal(size=(pairs, width))
    chances = outcome_probabilities(differences @ truth, -0.5)
    outcomes = np.array([generator.choice(3, p=row) for row in chances], dtype=np.int64)
    return Answers.of(differences, outcomes, generator.uniform(0.5, 2, pairs), generator.normal(size=pairs)), truth


def negative_log_posterior(answers: Answers, precision: float, parameters: np.ndarray) -> float:
    """Written out, one answer after the other."""
    weights, log_nu = parameters[:-1], parameters[-1]
    total = precision * weights @ weights / 2 + LOG_NU_PRECISION * (log_nu - LOG_NU_START) ** 2 / 2
    for x, outcome, weight, offset in zip(
        answers.differences, answers.outcomes, answers.weights, answers.offsets, strict=True
    ):
        d = x @ weights + offset
        logits = np.array([d / 2, log_nu, -d / 2])
        total -= weight * (logits[outcome] - np.log(np.exp(logits).sum()))
    return float(total)


def test_derivatives_are_those_of_finite_differences() -> None:
    step = 1e-5
    for outcome in (FIRST, TIE, SECOND):
        for d, log_nu in ((0.3, -0.7), (-2.0, 0.4), (0.0, 0.0)):

            def at(d: float, log_nu: float, outcome: int = outcome) -> tuple[float, float, float]:
                found = slopes(np.array([d]), np.array([outcome]), log_nu)
                return float(found.loss[0]), float(found.by_difference[0]), float(found.by_log_nu[0])

            found = slopes(np.array([d]), np.array([outcome]), log_nu)
            by_d = [(a - b) / (2 * step) for a, b in zip(at(d + step, log_nu), at(d - step, log_nu), strict=True)]
            by_nu = [(a - b) / (2 * step) for a, b in zip(at(d, log_nu + step), at(d, log_nu - step), strict=True)]
            assert [found.by_difference[0], found.twice_by_difference[0], found.crossed[0]] == pytest.approx(
                by_d, abs=1e-8
            )
            assert [found.by_log_nu[0], found.crossed[0], found.twice_by_log_nu[0]] == pytest.approx(by_nu, abs=1e-8)


def test_mode_and_covariance_are_those_of_a_slow_optimiser_and_a_numeric_hessian() -> None:
    answers, _ = simulated(40, 4, 0)
    found = fit(answers, 0.7)
    slow = minimize(lambda p: negative_log_posterior(answers, 0.7, p), np.zeros(5), method="BFGS", tol=1e-9)
    assert np.append(found.mean, found.log_nu) == pytest.approx(slow.x, abs=1e-4)
    hessian, step = np.zeros((5, 5)), 1e-3
    mode = np.append(found.mean, found.log_nu)
    for i in range(5):
        for j in range(5):
            a, b = np.eye(5)[i] * step, np.eye(5)[j] * step
            hessian[i, j] = (
                negative_log_posterior(answers, 0.7, mode + a + b)
                - negative_log_posterior(answers, 0.7, mode + a - b)
                - negative_log_posterior(answers, 0.7, mode - a + b)
                + negative_log_posterior(answers, 0.7, mode - a - b)
            ) / (4 * step**2)
    assert found.covariance == pytest.approx(np.linalg.inv(hessian)[:4, :4], abs=1e-4)


def test_the_evidence_is_about_the_integral_over_the_weights() -> None:
    """With one weight the integral can be added up; Laplace is close where the posterior is nearly Gaussian."""
    answers, _ = simulated(60, 1, 1)
    found = fit(answers, 2.0)
    weights, log_nus = np.linspace(-3, 3, 41), np.linspace(-4, 2, 31)
    total = sum(
        np.exp(-negative_log_posterior(answers, 2.0, np.array([w, n])) - found.log_evidence)
        for w in weights
        for n in log_nus
    )
    cell = (weights[1] - weights[0]) * (log_nus[1] - log_nus[0])
    prior = np.sqrt(2.0 / (2 * np.pi)) * np.sqrt(LOG_NU_PRECISION / (2 * np.pi))
    assert total * cell * prior == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("scale", [0.1, 1.0])
def test_the_precision_by_evidence_has_about_the_highest_evidence_of_a_grid(scale: float) -> None:
    answers, _ = simulated(300, 12, 2, scale)
    chosen = fit_by_evidence(answers, 1 / scale**2)
    best = max(fit(answers, float(precision)).log_evidence for precision in np.geomspace(1e-2, 1e4, 40))
    assert chosen.log_evidence > best - 1.0
    assert chosen.precision == pytest.approx(1 / scale**2, rel=1.5)


def test_absorbed_one_by_one_answers_say_about_what_they_say_at_once() -> None:
    answers, _ = simulated(150, 5, 3)
    first = Answers.of(
        *(part[:100] for part in (answers.differences, answers.outcomes, answers.weights, answers.offsets))
    )
    one_by_one = fit(first, 1.0)
    for place in range(100, 150):
        one_by_one = one_by_one.absorb(
            answers.differences[place],
            int(answers.outcomes[place]),
            float(answers.weights[place]),
            float(answers.offsets[place]),
        )
    at_once = fit(answers, 1.0)
    assert one_by_one.mean == pytest.approx(at_once.mean, abs=0.1)
    assert np.diag(one_by_one.covariance) == pytest.approx(np.diag(at_once.covariance), rel=0.25)


def test_an_absorbed_answer_is_the_mode_with_the_posterior_before_as_prior() -> None:
    answers, _ = simulated(20, 3, 4)
    before, x = fit(answers, 1.0), np.array([1.5, -0.5, 2.0])
    after = before.absorb(x, SECOND, weight=1.7, offset=0.3)
    inverse = np.linalg.inv(before.covariance)

    def objective(w: np.ndarray) -> float:
        loss = slopes(np.array([x @ w + 0.3]), np.array([SECOND]), before.log_nu).loss[0]
        return float(1.7 * loss + (w - before.mean) @ inverse @ (w - before.mean) / 2)

    slow = minimize(objective, before.mean, method="BFGS", tol=1e-10)
    assert after.mean == pytest.approx(slow.x, abs=1e-4)
    curvature = 1.7 * slopes(np.array([x @ after.mean + 0.3]), np.array([SECOND]), before.log_nu).twice_by_difference[0]
    assert after.covariance == pytest.approx(np.linalg.inv(inverse + curvature * np.outer(x, x)), abs=1e-9)


@pytest.mark.parametrize("outcome", [FIRST, TIE, SECOND])
@pytest.mark.parametrize("variance", [0.1, 2.0, 100.0, 1e6])
@pytest.mark.parametrize("before", [-30.0, -3.0, 0.0, 10.0])
def test_a_surprise_is_absorbed_at_its_mode_however_wide_the_posterior(
    outcome: int, variance: float, before: float
) -> None:
    """Newton's steps ended at the other side, or where they began."""
    wide = Posterior(np.array([before]), np.array([[variance]]), -1.0, 1.0)
    for weight in (0.5, 5.0):
        after = float(wide.absorb(np.array([1.0]), outcome, weight).mean[0])
        slope = weight * float(slopes(np.array([after]), np.array([outcome]), -1.0).by_difference[0])
        assert slope + (after - before) / variance == pytest.approx(0.0, abs=1e-8)


def test_separable_answers_stay_finite_even_with_a_weak_prior() -> None:
    differences = np.abs(np.random.default_rng(0).normal(size=(30, 5))) * 100
    found = fit(Answers.of(differences, np.full(30, FIRST)), 1e-8)
    assert np.isfinite(found.mean).all() and np.isfinite(found.covariance).all()
    assert (differences @ found.mean > 0).all()
    prior = Posterior(np.zeros(5), np.eye(5) * 1e8, -1.0, 1e-8)
    absorbed = prior.absorb(differences[0], FIRST)
    assert np.isfinite(absorbed.mean).all() and differences[0] @ absorbed.mean > 0


def test_a_step_that_would_leap_too_far_on_separable_answers_is_shortened() -> None:
    """Full Newton steps go round and round on these, and end a nat above the mode."""
    x = np.array([[0.6, 0.6, -0.2], [20.2, -10.3, -68.4], [2.0, -12.2, -1.2], [0.4, -1.0, -1.1]])
    answers = Answers.of(x, np.full(4, FIRST))
    found = fit(answers, 1e-4)
    mode = np.append(found.mean, found.log_nu)
    for one in 1e-4 * np.eye(4):
        up, down = (negative_log_posterior(answers, 1e-4, mode + sign * one) for sign in (1, -1))
        assert (up - down) / 2e-4 == pytest.approx(0.0, abs=1e-3)
    assert (x @ found.mean > 0).all()


def test_without_answers_the_posterior_is_the_prior() -> None:
    empty = Answers.of(np.zeros((0, 3)), np.zeros(0, dtype=np.int64))
    found = fit_by_evidence(empty, 4.0)
    assert found.mean.tolist() == [0, 0, 0]
    assert found.covariance == pytest.approx(np.eye(3) / 4.0)
    assert found.deviations(np.array([[2.0, 0, 0]])) == pytest.approx([1.0])


def test_one_answer_moves_the_reward_a_little_and_narrows_it_in_its_direction_only() -> None:
    x = np.array([[2.0, 0.0]])
    found = fit_by_evidence(Answers.of(x, np.array([FIRST])), 1.0)
    assert 0 < float(found.rewards(x)[0]) < 4
    assert found.covariance[0, 0] < 1 / found.precision
    assert found.covariance[1, 1] == pytest.approx(1 / found.precision)


def test_ties_alone_teach_no_direction_but_that_ties_are_common() -> None:
    differences = np.random.default_rng(0).normal(size=(40, 3))
    found = fit_by_evidence(Answers.of(differences, np.full(40, TIE)), 1.0)
    assert found.mean == pytest.approx(np.zeros(3), abs=1e-6)
    assert found.log_nu > 1.0


def test_people_who_contradict_each_other_leave_the_reward_where_it_was_and_surer() -> None:
    x = np.tile(np.array([[1.0, 2.0]]), (40, 1))
    found = fit(Answers.of(x, np.array([FIRST, SECOND] * 20)), 1.0)
    assert found.rewards(x[:1]) == pytest.approx([0.0], abs=1e-6)
    assert found.deviations(x[:1])[0] < 0.6 < np.sqrt(5.0)


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    covered = []
    for seed in range(60):
        generator = np.random.default_rng(seed)
        truth = generator.normal(size=6)
        differences = generator.normal(size=(80, 6))
        chances = outcome_probabilities(differences @ truth, -1.0)
        outcomes = np.array([generator.choice(3, p=row) for row in chances])
        found = fit(Answers.of(differences, outcomes), 1.0)
        z = generator.normal(size=(10, 6))
        covered += list(np.abs(found.rewards(z) - z @ truth) <= 1.96 * found.deviations(z))
    assert 0.9 <= np.mean(covered) <= 0.99


@pytest.mark.parametrize("texts", [6, 40])
def test_directions_keep_all_that_the_texts_differ_in_and_tell_what_lies_outside(texts: int) -> None:
    features = np.random.default_rng(0).normal(size=(texts, 12))
    directions = Directions.of(features)
    inside, outside = directions.coordinates(features)
    assert outside == pytest.approx(np.zeros_like(features), abs=1e-8)
    assert inside @ inside.T == pytest.approx(directions.standardised(features) @ directions.standardised(features).T)
    strange = features[:1] + 3 * np.random.default_rng(1).normal(size=(1, 12))
    inside, outside = directions.coordinates(strange)
    assert (outside**2).sum() > 0.1 if texts == 6 else (outside**2).sum() < 1e-9
    prior = fit(Answers.of(np.zeros((0, inside.shape[1])), np.zeros(0, dtype=np.int64)), 4.0)
    whole = np.sqrt((directions.standardised(strange) ** 2).sum() / 4.0)
    assert prior.deviations(inside, outside) == pytest.approx([whole])


def test_one_text_and_equal_texts_have_directions() -> None:
    for features in (np.ones((1, 4)), np.ones((5, 4))):
        inside, outside = Directions.of(features).coordinates(features)
        assert np.isfinite(inside).all() and np.isfinite(outside).all()
        assert expected_precision(inside) > 0


def test_a_pair_that_was_asked_is_less_worth_asking_again_and_so_are_its_like() -> None:
    prior = Posterior(np.zeros(3), np.eye(3), -1.0, 1.0)
    asked = prior.asked(np.array([2.0, 0.0, 0.0]))
    like, other = np.array([[1.9, 0.1, 0.0]]), np.array([[0.0, 2.0, 0.0]])
    assert asked.deviations(like)[0] < 0.8 * prior.deviations(like)[0]
    assert asked.deviations(other)[0] == pytest.approx(prior.deviations(other)[0])
