"""How strong policies are by pairs that people judged: Bradley-Terry with ties, a side term and a length term.

With strengths s, a pair shown with one text on the left, and characters n of each text:

    d = s_first - s_second + side * (+1 first on the left, -1 on the right, 0 unknown)
        + length * (log(1 + n_first) - log(1 + n_second))

and Davidson's likelihood of first, tie, second (reward_training/likelihood.py). The side term takes out that people
like what they see first; the length term, where it is asked for, that they like what is longer, as in length-controlled
AlpacaEval (Y. Dubois, B. Galambosi, P. Liang, T. Hashimoto, 2024, https://arxiv.org/abs/2404.04475): strengths are
then those at equal length. It controls for length in a linear way only, and is no better than that.

All parameters have a weak normal prior (a ridge), so that a policy that won everything gets a wide interval and not an
infinite strength. Intervals are 95 %, from the inverse of the Hessian at the optimum, for strengths whose mean is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from reward_training.likelihood import FIRST, OUTCOMES, SECOND, TIE, davidson, outcome_probabilities
from rounds.policy_results import Z

RIDGE = 0.01
NO_TIES = -30.0  # log nu at which a tie has no probability
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class JudgedPair:
    """One judgment of two sides' texts. `outcome`: first, tie or second; `left`: 1 where the first was shown on the
    left, -1 on the right, 0 where that is not known. `characters` of both texts.
    """

    prompt_id: int
    first: int
    second: int
    outcome: str
    left: int = 0
    characters: tuple[int, int] = (0, 0)
    weight: float = 1.0


@dataclass(frozen=True)
class Strength:
    """A strength (log-odds of winning against an average side) with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Fit:
    """Strengths by side, mean 0; `side` and `length` terms and `log_nu` are None where they were not fitted."""

    strengths: list[Strength]
    side: Strength | None
    length: Strength | None
    log_nu: float | None

    def share(self, first: int, second: int) -> float:
        """How often the first is preferred to the second, ties half, with neither side nor length to speak for it."""
        difference = self.strengths[first].value - self.strengths[second].value
        log_nu = NO_TIES if self.log_nu is None else self.log_nu
        chances = outcome_probabilities(np.array([difference]), log_nu)[0]
        return float(chances[FIRST] + chances[TIE] / 2)


def fit(
    pairs: Sequence[JudgedPair],
    sides: int,
    *,
    ties: bool = True,
    side_term: bool = True,
    length_term: bool = False,
    ridge: float = RIDGE,
) -> Fit:
    """The most likely strengths of `sides` sides. Terms that nothing can be learnt of are left out. Without pairs all
    are 0, with the prior's own interval. Raises ValueError where a pair names another side.
    """
    for pair in pairs:
        if not (0 <= pair.first < sides and 0 <= pair.second < sides):
            raise ValueError(f"A pair names the sides {pair.first} and {pair.second}; there are 0 to {sides - 1}.")
    if sides == 0:
        return Fit([], None, None, None)
    design, columns = _design(pairs, sides, side_term, length_term)
    outcomes = np.array([OUTCOMES[pair.outcome] for pair in pairs], dtype=np.int64)
    weights = np.array([pair.weight for pair in pairs], dtype=np.float64)
    with_ties = ties and bool((outcomes == TIE).any())
    free = design.shape[1] + with_ties

    def loss(parameters: Floats) -> tuple[float, Floats]:
        penalty, slope = ridge * float(parameters @ parameters), 2 * ridge * parameters
        if not len(pairs):
            return penalty, slope
        differences, log_nu = design @ parameters[: design.shape[1]], _log_nu(parameters, with_ties)
        said = davidson(differences, outcomes, weights, log_nu)
        total = weights.sum()  # the likelihood is a mean
        slope[: design.shape[1]] += total * (design.T @ said.by_difference)
        if with_ties:
            slope[-1] += total * said.by_log_nu
        return total * said.loss + penalty, slope

    found = minimize(loss, np.zeros(free), jac=True, method="BFGS", options={"gtol": 1e-7, "maxiter": 2000}).x
    covariance = np.linalg.inv(_hessian(found, design, weights, with_ties, ridge))
    centring = np.eye(free)
    centring[:sides, :sides] -= 1 / sides
    values, covariance = centring @ found, centring @ covariance @ centring.T
    spread = Z * np.sqrt(np.maximum(np.diag(covariance), 0.0))
    all_of = [Strength(float(v), float(v - s), float(v + s)) for v, s in zip(values, spread, strict=True)]
    named = dict(zip(columns, all_of[sides : design.shape[1]], strict=True))
    return Fit(all_of[:sides], named.get("side"), named.get("length"), float(found[-1]) if with_ties else None)


def _design(pairs: Sequence[JudgedPair], sides: int, side_term: bool, length_term: bool) -> tuple[Floats, list[str]]:
    """(N, sides + terms): a row times the parameters is a pair's difference d; the names of the terms."""
    strengths = np.zeros((len(pairs), sides))
    for row, pair in enumerate(pairs):
        strengths[row, pair.first] += 1
        strengths[row, pair.second] -= 1
    left = np.array([pair.left for pair in pairs], dtype=np.float64)
    lengths = np.array([np.log1p(a) - np.log1p(b) for a, b in (pair.characters for pair in pairs)], dtype=np.float64)
    terms = [("side", left, side_term), ("length", lengths, length_term)]
    kept = [(name, column) for name, column, wanted in terms if wanted and column.any()]
    return np.column_stack([strengths, *(column for _, column in kept)]), [name for name, _ in kept]


def _log_nu(parameters: Floats, with_ties: bool) -> float:
    return float(parameters[-1]) if with_ties else NO_TIES


def _hessian(found: Floats, design: Floats, weights: Floats, with_ties: bool, ridge: float) -> Floats:
    """Of the loss: the covariance of the sufficient statistics ((first - second) / 2, tie), pair by pair."""
    hessian = 2 * ridge * np.eye(len(found))
    if not len(design):
        return hessian
    width = design.shape[1]
    chances = outcome_probabilities(design @ found[:width], _log_nu(found, with_ties))
    lead, tie = chances[:, FIRST] - chances[:, SECOND], chances[:, TIE]
    of_difference = weights * (chances[:, FIRST] + chances[:, SECOND] - lead**2) / 4
    hessian[:width, :width] += design.T @ (design * of_difference[:, None])
    if with_ties:
        cross = design.T @ (weights * -lead * tie / 2)
        hessian[:width, -1] += cross
        hessian[-1, :width] += cross
        hessian[-1, -1] += float((weights * tie * (1 - tie)).sum())
    return hessian
