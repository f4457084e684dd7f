"""Whether chances mean what they say: cross-fitted readings, and a temperature fitted on them. Free of torch.

A temperature is fitted on readings of pairs that the head was not fitted on, and never on those that are reported: the
head's own training pairs look more certain than unseen ones, and what is reported would look better than it is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from reward_training.head import LinearHead, PairDifferences, folds_of
from reward_training.likelihood import Floats, davidson

FOLDS = 5
SPREAD = 0.5  # standard deviation of the normal prior on log temperature (about 1) and log nu (about the head's)


@dataclass(frozen=True)
class Calibration:
    """Chances come from differences / temperature with this tie parameter."""

    temperature: float
    log_nu: float


def fit_temperature(differences: Floats, outcomes: NDArray[np.int64], weights: Floats, log_nu: float) -> Calibration:
    """The temperature of Guo et al. 2017 (https://arxiv.org/abs/1706.04599, section 4.2) for Davidson's three outcomes,
    and the tie parameter that goes with it.

    Minimises the sum of the pairs' losses plus a prior worth a few pairs, so that a handful of pairs leaves both
    nearly as they are, and all alike (only ties, one pair) stays finite. No pairs: temperature 1.
    """
    total = float(weights.sum()) if len(weights) else 0.0
    if total <= 0:
        return Calibration(1.0, log_nu)

    def objective(at: Floats) -> tuple[float, Floats]:
        scaled = differences * np.exp(-at[0])
        likelihood = davidson(scaled, outcomes, weights, float(at[1]))
        off = (at - [0.0, log_nu]) / SPREAD
        loss = total * likelihood.loss + off @ off / 2
        slope = total * np.array([-(likelihood.by_difference @ scaled), likelihood.by_log_nu]) + off / SPREAD
        return float(loss), slope

    found = minimize(objective, np.array([0.0, log_nu]), jac=True, method="L-BFGS-B", bounds=[(-3, 3), (None, None)])
    return Calibration(float(np.exp(found.x[0])), float(found.x[1]))


def cross_fitted(
    differences: Floats | PairDifferences, groups: Sequence[str], fit: Callable[[NDArray[np.int64]], LinearHead]
) -> Floats | None:
    """(N, H) feature differences -> (N,) reward differences, each by a head that `fit(rows)` made of the other folds.

    Unlike a split, this tells how good a head is on all pairs while few are held out (Stone 1974, JRSS B 36, 111). None
    where all pairs are of one group.
    """
    folds = folds_of(groups, FOLDS)
    if len(set(folds.tolist())) < 2:
        return None
    found = np.zeros(len(folds))
    for fold in np.unique(folds):
        outside = folds == fold
        found[outside] = differences[outside] @ fit(np.flatnonzero(~outside)).weights
    return found


def cross_calibrated(
    differences: Floats, outcomes: NDArray[np.int64], weights: Floats, groups: Sequence[str], log_nu: float
) -> Floats:
    """(N,) cross-fitted differences, each divided by the temperature that the pairs of the other folds give."""
    folds = folds_of(groups, FOLDS)
    found = differences.copy()
    for fold in np.unique(folds):
        rest = folds != fold
        found[~rest] /= fit_temperature(differences[rest], outcomes[rest], weights[rest], log_nu).temperature
    return found
