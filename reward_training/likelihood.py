"""Bradley-Terry with ties and sides: Davidson's likelihood of a three-way answer, with its derivatives. Free of torch.

R. Davidson, "On extending the Bradley-Terry model to accommodate ties in paired comparison experiments", JASA 1970,
Eq. 2.1: P(first) : P(tie) : P(second) = p_1 : nu sqrt(p_1 p_2) : p_2. With p_i = exp(r_i), d = r_1 - r_2 and
log-weights (d/2, log nu, -d/2) this is a softmax over three outcomes; without ties (nu -> 0) it is Bradley-Terry,
sigmoid(d). A person who leans to one side answers as if d were d + side bias (R. Davidson and R. Beaver, "On extending
the Bradley-Terry model to incorporate within-pair order effects", Biometrics 1977).

Margins and label smoothing shape what is trained and nothing else. What is reported calls `davidson` without them: the
plain three-way P(first, tie, second | d + side bias).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FIRST, TIE, SECOND = 0, 1, 2
OUTCOMES = {"first": FIRST, "tie": TIE, "second": SECOND}
WINNER = np.array([1.0, 0.0, -1.0])
"""By outcome: towards which of the two it speaks."""

Floats = NDArray[np.float64]


def log_probabilities(differences: Floats, log_nu: Floats | float, side_bias: Floats | float = 0.0) -> Floats:
    """(..., 3) logarithms of what `outcome_probabilities` returns, for differences of any shape."""
    seen = np.asarray(differences, dtype=np.float64) + side_bias
    logits = np.stack([seen / 2, np.broadcast_to(log_nu, seen.shape), -seen / 2], axis=-1)
    logits -= logits.max(axis=-1, keepdims=True)
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True)))


def outcome_probabilities(differences: Floats, log_nu: Floats | float, side_bias: Floats | float = 0.0) -> Floats:
    """(N,) reward differences first - second -> (N, 3) probabilities of first, tie, second.

    `log_nu`: one for all pairs or one for each, as is `side_bias`: logits added to the difference; + speaks for the
    first. For a person who leans by b towards the side shown first that is b where the first was shown first, else -b.
    """
    return np.exp(log_probabilities(differences, log_nu, side_bias))


@dataclass(frozen=True)
class Likelihood:
    """Mean negative log-likelihood (nats a pair) and its derivatives."""

    loss: float
    by_difference: Floats  # (N,)
    by_log_nu: float


def davidson(
    differences: Floats,
    outcomes: NDArray[np.int64],
    weights: Floats,
    log_nu: float,
    side_bias: Floats | float = 0.0,
    *,
    margins: Floats | float = 0.0,
    smoothing: float = 0.0,
) -> Likelihood:
    """Weighted mean over N pairs. `outcomes` holds FIRST, TIE or SECOND; the loss is divided by the weights' sum.

    With y the target over three outcomes: d loss / d d = -((y - P)_first - (y - P)_second) / 2,
    d loss / d log nu = -(y - P)_tie. For training only:

    - `margins`, not negative, logits: the winner has to lead by so much more, -log P(winner | d -+ margin) (H. Touvron
      et al., "Llama 2", https://arxiv.org/abs/2307.09288, section 3.2.2, Eq. 2). A tie has none.
    - `smoothing`: the share of decided answers taken as given the wrong way round, as in conservative DPO (E. Mitchell,
      "A note on DPO with noisy preferences", 2023): y = 1 - smoothing for the winner, smoothing for the loser. A tie
      stays a tie, so that smoothing invents none.
    """
    winner = WINNER[outcomes]
    log_p = log_probabilities(differences, log_nu, side_bias - winner * margins)
    target = np.zeros_like(log_p)
    rows = np.arange(len(outcomes))
    turned = np.where(outcomes == TIE, 0.0, smoothing)
    target[rows, outcomes] = 1 - turned
    target[rows, SECOND - outcomes] += turned
    share = weights / weights.sum()
    residual = target - np.exp(log_p)
    return Likelihood(
        loss=float(-(share * (target * log_p).sum(axis=-1)).sum()),
        by_difference=-share * (residual[:, FIRST] - residual[:, SECOND]) / 2,
        by_log_nu=float(-(share * residual[:, TIE]).sum()),
    )
