"""Bradley-Terry with ties: Davidson's likelihood of a three-way answer, with its derivatives. Free of torch.

R. Davidson, "On extending the Bradley-Terry model to accommodate ties in paired comparison experiments", JASA 1970,
Eq. 2.1: P(first) : P(tie) : P(second) = p_1 : nu sqrt(p_1 p_2) : p_2. With p_i = exp(r_i), d = r_1 - r_2 and
log-weights (d/2, log nu, -d/2) this is a softmax over three outcomes; without ties (nu -> 0) it is Bradley-Terry,
sigmoid(d).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FIRST, TIE, SECOND = 0, 1, 2
OUTCOMES = {"first": FIRST, "tie": TIE, "second": SECOND}
Floats = NDArray[np.float64]


def outcome_probabilities(differences: Floats, log_nu: float) -> Floats:
    """(N,) reward differences first - second -> (N, 3) probabilities of first, tie, second."""
    differences = np.asarray(differences, dtype=np.float64)
    logits = np.stack([differences / 2, np.full_like(differences, log_nu), -differences / 2], axis=-1)
    logits -= logits.max(axis=-1, keepdims=True)
    weights = np.exp(logits)
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


@dataclass(frozen=True)
class Likelihood:
    """Mean negative log-likelihood (nats a pair) and its derivatives."""

    loss: float
    by_difference: Floats  # (N,)
    by_log_nu: float


def davidson(differences: Floats, outcomes: NDArray[np.int64], weights: Floats, log_nu: float) -> Likelihood:
    """Weighted mean over N pairs. `outcomes` holds FIRST, TIE or SECOND; the loss is divided by the weights' sum.

    With y the one-hot outcome: d loss / d d = -((y - P)_first - (y - P)_second) / 2, d loss / d log nu = -(y - P)_tie.
    """
    probabilities = outcome_probabilities(differences, log_nu)
    share = weights / weights.sum()
    picked = probabilities[np.arange(len(outcomes)), outcomes]
    residual = -probabilities
    residual[np.arange(len(outcomes)), outcomes] += 1.0
    return Likelihood(
        loss=float(-(share * np.log(np.maximum(picked, 1e-300))).sum()),
        by_difference=-share * (residual[:, FIRST] - residual[:, SECOND]) / 2,
        by_log_nu=float(-(share * residual[:, TIE]).sum()),
    )
