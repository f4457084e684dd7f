"""What one person's answers tell about the person, given what the reward says of the pairs. Free of torch.

    P(y) = eta P_Davidson(y | d + side bias) + (1 - eta) P_own(y)                            a person who looks
    P(y) = eta P_Davidson(y | -d + side bias) + (1 - eta) P_own(y)                           an inverted one

eta is the share of answers that follow quality, P_own the person's own rates of left, tie and right: who always ties,
always clicks left or throws a coin is explained by it whatever is shown. Priors: eta ~ Beta, side bias ~ Normal, and
INVERTED of all people are inverted. Two numbers a person are few enough to add up the posterior on a grid: no
iteration, no approximation by a bell curve at the border eta = 1, and intervals that are as wide as few answers ask.
They hold the reward for known: what it does not know yet makes them a little too narrow.

People differ much in how near two texts have to be for a tie. A third number, the tie lean ~ Normal that a person adds
to the common log nu, says so; it comes last, given the other two, and foretells the person's answers. It is not added
up with them: with a lean of their own to decide always, who throws coins or goes by length looked more reliable
(benchmarks/annotators.py: AUC of finding bad people .96 in place of .99).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from reward_training.likelihood import FIRST, SECOND, Floats, log_probabilities, outcome_probabilities

INVERTED = 0.03
TIE_LEAN_SD = 0.7
"""Spread of people's tie leans (logits): at one of these the odds of a tie are twice the average person's."""
WIDEST_BIAS = 5.0  # standard deviations of the prior, and of the posterior in the second look
COARSE, FINE = 15, 31
TIE_LEANS = TIE_LEAN_SD * np.linspace(-3, 3, 31)
LEVELS = (0.025, 0.975)


@dataclass(frozen=True)
class Prior:
    """Beta(reliable, unreliable) of eta, Normal(side_bias, side_bias_sd) of the side bias (logits)."""

    reliable: float
    unreliable: float
    side_bias_sd: float
    side_bias: float = 0.0


@dataclass(frozen=True)
class Rows:
    """N answers of one person. `side`: +1 where the first was shown first, -1 where second, 0 where nobody knows.

    `offsets`: logits added to the difference whatever kind of person it is. `own`: (N,) P_own of each answer given.
    """

    differences: Floats
    outcomes: NDArray[np.int64]
    side: Floats
    weights: Floats
    offsets: Floats
    own: Floats


@dataclass(frozen=True)
class Estimate:
    """Posterior mean with its central 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Posterior:
    """`reliability`: chance that an answer follows quality; `inverted`: that the person is. `first_shown_wins`: chance
    that, of two equally good texts, a decided answer is for the one shown first."""

    reliability: Estimate
    inverted: float
    side_bias: Estimate
    first_shown_wins: Estimate


@dataclass(frozen=True)
class Look:
    """A person's posterior on two grids: one who looks, an inverted one. `inverted`: the chance of the second."""

    straight: "_Grid"
    turned: "_Grid"
    inverted: float

    @property
    def eta(self) -> float:
        """Posterior mean of eta, of one who looks."""
        return float(self.straight.mass @ self.straight.eta)

    @property
    def side_bias(self) -> float:
        """Posterior mean of the side bias (logits), of one who looks."""
        return float(self.straight.mass @ self.straight.bias)


def look(rows: Rows, log_nu: float, prior: Prior, cells: int = COARSE) -> Look:
    """The posterior of one person on grids of `cells` by `cells`."""
    straight, turned = (_look(rows, sign, log_nu, prior, cells) for sign in (1.0, -1.0))
    odds = turned.log_evidence - straight.log_evidence + np.log(INVERTED / (1 - INVERTED))
    return Look(straight, turned, float(expit(odds)))


def described(found: Look, log_nu: float, own_sides: tuple[float, float]) -> Posterior:
    """Means and intervals; `own_sides` are P_own of left and of right."""
    straight, turned = found.straight, found.turned
    mass = np.concatenate([(1 - found.inverted) * straight.mass, found.inverted * turned.mass])
    eta, bias = np.concatenate([straight.eta, turned.eta]), np.concatenate([straight.bias, turned.bias])
    at_equal = outcome_probabilities(np.zeros_like(bias), log_nu, bias)
    left = eta * at_equal[:, FIRST] + (1 - eta) * own_sides[0]
    right = eta * at_equal[:, SECOND] + (1 - eta) * own_sides[1]
    return Posterior(
        reliability=_estimate(np.concatenate([straight.eta, np.zeros_like(turned.eta)]), mass),
        inverted=found.inverted,
        side_bias=_estimate(bias, mass),
        first_shown_wins=_estimate(left / (left + right), mass),
    )


def tie_lean(rows: Rows, log_nu: float, known: Look) -> Estimate:
    """What a person adds to log nu, one who looks with eta and side bias as known."""
    seen = (rows.differences + rows.offsets)[:, None] + np.zeros(len(TIE_LEANS))
    log_p = log_probabilities(seen, log_nu + TIE_LEANS, rows.side[:, None] * known.side_bias)
    log_mass = _log_likelihood(rows, log_p, np.array([known.eta]))[0] - (TIE_LEANS / TIE_LEAN_SD) ** 2 / 2
    mass = np.exp(log_mass - log_mass.max())
    return _estimate(TIE_LEANS, mass / mass.sum())


@dataclass(frozen=True)
class _Grid:
    """Cells of a grid over (eta, side bias): their middles, their posterior mass, and the evidence."""

    eta: Floats
    bias: Floats
    mass: Floats
    log_evidence: float


def _look(rows: Rows, sign: float, log_nu: float, prior: Prior, cells: int) -> _Grid:
    """Twice: over all that is possible, then finer where the first look found something."""
    reach = WIDEST_BIAS * prior.side_bias_sd
    limits = ((0.0, 1.0), (prior.side_bias - reach, prior.side_bias + reach))
    coarse = _grid(rows, sign, log_nu, prior, limits, COARSE)
    around = (_around(coarse.eta, coarse.mass, limits[0]), _around(coarse.bias, coarse.mass, limits[1]))
    return _grid(rows, sign, log_nu, prior, around, cells)


def _around(values: Floats, mass: Floats, limits: tuple[float, float]) -> tuple[float, float]:
    """Limits within which nearly all of the posterior lies."""
    low, high = limits
    mean = float(mass @ values)
    reach = WIDEST_BIAS * float(np.sqrt(mass @ (values - mean) ** 2 + ((high - low) / COARSE) ** 2 / 12))
    return max(low, mean - reach), min(high, mean + reach)


def _grid(
    rows: Rows,
    sign: float,
    log_nu: float,
    prior: Prior,
    limits: tuple[tuple[float, float], tuple[float, float]],
    cells: int,
) -> _Grid:
    (eta, eta_cell), (bias, bias_cell) = (_middles(low, high, cells) for low, high in limits)
    seen = sign * rows.differences + rows.offsets
    log_p = log_probabilities(seen[:, None], log_nu, rows.side[:, None] * bias)  # (N, cells, 3)
    log_mass = _log_likelihood(rows, log_p, eta)
    log_mass += ((prior.reliable - 1) * np.log(eta) + (prior.unreliable - 1) * np.log1p(-eta))[:, None]
    log_mass -= ((bias - prior.side_bias) / prior.side_bias_sd) ** 2 / 2
    most = log_mass.max()
    total = float(most + np.log(np.exp(log_mass - most).sum()))
    return _Grid(
        eta=np.repeat(eta, cells),
        bias=np.tile(bias, cells),
        mass=np.exp(log_mass - total).ravel(),
        log_evidence=total + float(np.log(eta_cell * bias_cell)),
    )


def _log_likelihood(rows: Rows, log_p: Floats, eta: Floats) -> Floats:
    """(E, K) log-likelihood of a person's answers, for E values of eta and (N, K, 3) logarithms of P_Davidson."""
    follows = np.exp(np.take_along_axis(log_p, rows.outcomes[:, None, None], axis=2)[..., 0])
    own = rows.own[:, None]
    return np.stack([rows.weights @ np.log(share * follows + (1 - share) * own) for share in eta])


def _middles(low: float, high: float, cells: int) -> tuple[Floats, float]:
    width = (high - low) / cells
    return np.asarray(low + width * (np.arange(cells, dtype=np.float64) + 0.5)), width


def _estimate(values: Floats, mass: Floats) -> Estimate:
    order = np.argsort(values, kind="stable")
    cumulated = np.cumsum(mass[order]) - mass[order] / 2
    low, high = np.interp(LEVELS, cumulated, values[order])
    return Estimate(float(mass @ values), float(low), float(high))
