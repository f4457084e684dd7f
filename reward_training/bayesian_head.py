"""A Bayesian linear head on cached features: the Laplace posterior of a Davidson reward, absorbed answer by answer.

Free of torch. Weights w ~ N(0, 1 / precision), reward r(z) = w . z on standardised features z, answers by Davidson's
law (likelihood.py) on d = r(first) - r(second). The posterior is a Gaussian at the mode with the inverse Hessian as its
covariance (MacKay 1992, "The evidence framework applied to classification networks", Neural Computation 4). The
negative log-likelihood is convex, and its Hessian by (d, log nu) is the covariance of the softmax's three outcomes,
whatever was said; Newton's steps are still damped, for they diverge on separable data.

The features are seen through their leading principal directions (`Directions`): what varies little is shrunk away by
the ridge, and 256 dimensions make a Newton step on 5,000 pairs 50 ms. Whatever a text has outside of these directions
keeps its prior variance, so a text unlike all that was judged is uncertain.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, eigh
from scipy.optimize import brentq

from reward_training.likelihood import FIRST, SECOND, TIE, Floats, outcome_probabilities

AnyFloats = NDArray[np.floating[Any]]
DIMENSIONS = 256
LENGTH_WEIGHT = 10.0  # as in the trained reward: the length's standard deviation beside hundreds of unit features
LOG_NU_START, LOG_NU_PRECISION = -1.0, 0.5  # a weak prior: nobody may ever have tied
NEWTON_STEPS, EVIDENCE_STEPS, HALVINGS = 30, 12, 25
TOLERANCE = 1e-9  # of half the Newton decrement, nats
STEP_TOLERANCE = 1e-14  # of the step by which an answer is absorbed, times a variance of up to 1e8
PRIOR_COUNT = 2.0  # the prior on the precision weighs as much as two well-determined weights
PRECISION_RANGE = 1e3  # the evidence may move the precision this far from where it starts, either way


@dataclass(frozen=True)
class Directions:
    """Raw features (D) -> coordinates (K): standardised, then along principal directions of the texts seen."""

    centre: Floats  # (D,)
    spread: Floats  # (D,)
    basis: Floats  # (K, D), orthonormal rows

    @classmethod
    def of(cls, features: AnyFloats, dimensions: int = DIMENSIONS) -> Directions:
        """From (M, D) features of M >= 1 texts; K is at most M, D and `dimensions`. The last feature is the length."""
        whole = np.asarray(features, dtype=np.float64)
        spread = whole.std(0)
        spread = np.maximum(spread, 0.05 * float(np.median(spread)) + 1e-8)
        spread[-1] = max(float(whole[:, -1].std()), 1e-3) / LENGTH_WEIGHT
        return cls.scaled_by(whole, whole.mean(0), spread, dimensions)

    @classmethod
    def scaled_by(cls, features: AnyFloats, centre: Floats, spread: Floats, dimensions: int = DIMENSIONS) -> Directions:
        """The same with a given centre and spread of each feature."""
        standard = (np.asarray(features, dtype=np.float64) - centre) / spread
        texts, width = standard.shape
        kept = min(dimensions, texts, width)
        if texts < width:  # the directions are combinations of the texts: the smaller problem
            values, vectors = eigh(standard @ standard.T, subset_by_index=(texts - kept, texts - 1))
            vectors, values = vectors[:, values > 1e-9 * values[-1]], values[values > 1e-9 * values[-1]]
            basis = (standard.T @ (vectors / np.sqrt(values))).T
        else:
            _, vectors = eigh(standard.T @ standard, subset_by_index=(width - kept, width - 1))
            basis = vectors.T
        return cls(centre, spread, np.ascontiguousarray(basis[::-1]))

    def standardised(self, features: AnyFloats) -> Floats:
        """(M, D) raw features -> (M, D) of mean 0 and standard deviation 1 over the texts seen (length: 10)."""
        return (np.asarray(features, dtype=np.float64) - self.centre) / self.spread

    def coordinates(self, features: AnyFloats) -> tuple[Floats, Floats]:
        """(M, D) raw features -> (M, K) coordinates and (M, D) what lies outside of them, standardised."""
        standard = self.standardised(features)
        inside = standard @ self.basis.T
        return inside, standard - inside @ self.basis


@dataclass(frozen=True)
class Answers:
    """N judged pairs: (N, K) differences of coordinates first - second, FIRST, TIE or SECOND, a weight each, and what
    is added to each difference of rewards besides (`offsets`: a side bias, logit units)."""

    differences: Floats
    outcomes: NDArray[np.int64]
    weights: Floats
    offsets: Floats

    @classmethod
    def of(
        cls,
        differences: Floats,
        outcomes: NDArray[np.int64],
        weights: Floats | None = None,
        offsets: Floats | None = None,
    ) -> Answers:
        """Weights are 1 and offsets 0 where none are given."""
        number = len(outcomes)
        return cls(
            np.asarray(differences, dtype=np.float64),
            np.asarray(outcomes, dtype=np.int64),
            np.ones(number) if weights is None else np.asarray(weights, dtype=np.float64),
            np.zeros(number) if offsets is None else np.asarray(offsets, dtype=np.float64),
        )


@dataclass(frozen=True)
class Slopes:
    """Negative log-likelihood of each of N answers and its first and second derivatives by d and log nu."""

    loss: Floats
    by_difference: Floats
    by_log_nu: Floats
    twice_by_difference: Floats
    crossed: Floats
    twice_by_log_nu: Floats


def slopes(differences: Floats, outcomes: NDArray[np.int64], log_nu: float) -> Slopes:
    """With s = 1/2, 0, -1/2 for first, tie, second: d loss / d d = E[s] - s_y, and the Hessian is Cov(s, [tie])."""
    probabilities = outcome_probabilities(differences, log_nu)
    said = np.array([0.5, 0.0, -0.5])[outcomes]
    first, tie, second = (probabilities[:, outcome] for outcome in (FIRST, TIE, SECOND))
    expected = (first - second) / 2
    return Slopes(
        loss=-np.log(np.maximum(probabilities[np.arange(len(outcomes)), outcomes], 1e-300)),
        by_difference=expected - said,
        by_log_nu=tie - (outcomes == TIE),
        twice_by_difference=tie * (first + second) / 4 + first * second,  # a sum of what is positive: exact far out
        crossed=-tie * expected,
        twice_by_log_nu=tie * (first + second),
    )


@dataclass(frozen=True)
class Posterior:
    """w ~ N(mean, covariance) over K coordinates; outside of them each direction has the prior variance 1/precision.

    `log_evidence` is Laplace's, nats, of all answers fitted at once.
    """

    mean: Floats  # (K,)
    covariance: Floats  # (K, K)
    log_nu: float
    precision: float
    log_evidence: float = float("nan")

    def rewards(self, coordinates: Floats) -> Floats:
        """(M, K) -> (M,) expected rewards, logit units."""
        return np.asarray(coordinates @ self.mean)

    def deviations(self, coordinates: Floats, outside: Floats | None = None) -> Floats:
        """(M, K), (M, D) -> (M,) standard deviations of w . z; of a text, or of a difference of texts."""
        inside = np.einsum("mk,mk->m", coordinates @ self.covariance, coordinates)
        beyond = 0.0 if outside is None else (outside**2).sum(1) / self.precision
        return np.asarray(np.sqrt(np.maximum(inside + beyond, 0.0)))

    def absorb(self, difference: Floats, outcome: int, weight: float = 1.0, offset: float = 0.0) -> Posterior:
        """The posterior after one answer more, with this one as its prior: O(K^2), no look at earlier answers.

        The new mode lies along covariance . x (x the difference), so that it takes a search in one number; then the
        covariance loses a rank (Sherman and Morrison). log nu stays as it is until the next fit.
        """
        along = self.covariance @ difference
        variance, start = float(difference @ along), float(difference @ self.mean) + offset
        answer = np.array([outcome])

        def at(step: float) -> Slopes:
            return slopes(np.array([start + variance * step]), answer, self.log_nu)

        # The step minimises weight * loss(start + variance * step) + variance * step^2 / 2, which is convex; the loss's
        # slope is within 1. Newton's steps go round and round where the variance is large and the answer a surprise.
        bound = weight + 1.0
        step = float(brentq(lambda step: weight * at(step).by_difference[0] + step, -bound, bound, xtol=STEP_TOLERANCE))
        curvature = weight * float(at(step).twice_by_difference[0])
        return replace(self, mean=self.mean + along * step, covariance=self._narrowed(along, variance, curvature))

    def asked(self, difference: Floats) -> Posterior:
        """The covariance as it will about be once this pair is answered, whatever the answer: for choosing several
        pairs that do not ask the same."""
        along = self.covariance @ difference
        at = slopes(np.array([float(difference @ self.mean)]), np.array([FIRST]), self.log_nu)
        curvature = float(at.twice_by_difference[0])
        return replace(self, covariance=self._narrowed(along, float(difference @ along), curvature))

    def _narrowed(self, along: Floats, variance: float, curvature: float) -> Floats:
        lost: Floats = np.outer(along, along * (curvature / (1.0 + curvature * variance)))
        return self.covariance - lost


def fit(
    answers: Answers, precision: float, *, dimensions: int | None = None, start: Posterior | None = None
) -> Posterior:
    """The Laplace posterior at a prior precision. No answers at all give the prior (of `dimensions`)."""
    width = answers.differences.shape[1] if dimensions is None else dimensions
    if not len(answers.outcomes):
        return Posterior(np.zeros(width), np.eye(width) / precision, LOG_NU_START, precision, 0.0)
    parameters = np.append(np.zeros(width), LOG_NU_START) if start is None else np.append(start.mean, start.log_nu)
    value = _objective(answers, precision, parameters)
    for _ in range(NEWTON_STEPS):
        gradient, hessian = _derivatives(answers, precision, parameters)
        direction = cho_solve(cho_factor(hessian, lower=True), gradient)
        decrement = float(gradient @ direction)
        if decrement / 2 < TOLERANCE:
            break
        size, moved = 1.0, False
        for _ in range(HALVINGS):  # Armijo's rule
            trial = parameters - size * direction
            found = _objective(answers, precision, trial)
            if found <= value - 1e-4 * size * decrement:
                parameters, value, moved = trial, found, True
                break
            size /= 2
        if not moved:  # as exact as floats allow
            break
    return laplace(answers, precision, parameters[:-1], float(parameters[-1]))


def laplace(answers: Answers, precision: float, mean: Floats, log_nu: float) -> Posterior:
    """The Gaussian around weights that were found already: its covariance is the inverse Hessian there."""
    width, parameters = len(mean), np.append(mean, log_nu)
    _, hessian = _derivatives(answers, precision, parameters)
    factor = cho_factor(hessian, lower=True)
    covariance = cho_solve(factor, np.eye(width + 1))[:width, :width]
    determinant = 2 * float(np.log(np.diag(factor[0])).sum())
    value = _objective(answers, precision, parameters)
    evidence = -value + (width * np.log(precision) + np.log(LOG_NU_PRECISION) - determinant) / 2
    return Posterior(mean, (covariance + covariance.T) / 2, log_nu, precision, evidence)


def fit_by_evidence(answers: Answers, expected_precision: float, start: Posterior | None = None) -> Posterior:
    """The posterior at the precision that the answers speak for: MacKay's fixed point, precision = gamma / |mean|^2,
    with gamma = K - precision * tr(covariance) the number of well-determined weights.

    A Gamma prior around `expected_precision`, worth PRIOR_COUNT such weights, keeps it sane while there are few
    answers. Each step starts from the one before.
    """
    found = start if start is not None and len(start.mean) == answers.differences.shape[1] else None
    precision = found.precision if found is not None else expected_precision
    low, high = expected_precision / PRECISION_RANGE, expected_precision * PRECISION_RANGE
    for _ in range(EVIDENCE_STEPS):
        found = fit(answers, precision, start=found)
        determined = len(found.mean) - precision * float(np.trace(found.covariance))
        wanted = (determined + PRIOR_COUNT) / (float(found.mean @ found.mean) + PRIOR_COUNT / expected_precision)
        wanted = float(np.clip(wanted, low, high))
        if abs(np.log(wanted / precision)) < 0.1:
            break
        precision = wanted
    assert found is not None
    return found


def expected_precision(coordinates: Floats) -> float:
    """The precision at which two unrelated texts' rewards differ by about 1.4 logits: variance 2 by (M, K) centred
    coordinates."""
    return max(float((coordinates**2).sum(1).mean()), 1e-6) if len(coordinates) else 1.0


def _objective(answers: Answers, precision: float, parameters: Floats) -> float:
    weights, log_nu = parameters[:-1], float(parameters[-1])
    at = slopes(answers.differences @ weights + answers.offsets, answers.outcomes, log_nu)
    ridge = precision * float(weights @ weights) + LOG_NU_PRECISION * (log_nu - LOG_NU_START) ** 2
    return float(answers.weights @ at.loss) + ridge / 2


def _derivatives(answers: Answers, precision: float, parameters: Floats) -> tuple[Floats, Floats]:
    """Gradient (K+1,) and Hessian (K+1, K+1) of the negative log posterior by (weights, log nu)."""
    weights, log_nu = parameters[:-1], float(parameters[-1])
    width, x, counts = len(weights), answers.differences, answers.weights
    at = slopes(x @ weights + answers.offsets, answers.outcomes, log_nu)
    gradient = np.append(
        x.T @ (counts * at.by_difference) + precision * weights,
        counts @ at.by_log_nu + LOG_NU_PRECISION * (log_nu - LOG_NU_START),
    )
    hessian = np.empty((width + 1, width + 1))
    scaled = x * np.sqrt(counts * at.twice_by_difference)[:, None]
    hessian[:width, :width] = scaled.T @ scaled
    hessian[np.arange(width), np.arange(width)] += precision
    hessian[:width, width] = hessian[width, :width] = x.T @ (counts * at.crossed)
    hessian[width, width] = counts @ at.twice_by_log_nu + LOG_NU_PRECISION
    return gradient, hessian
