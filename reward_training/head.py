"""The linear head on averaged features: a ridge Bradley-Terry-Davidson fit, its strength picked by cross-validation.

Free of torch. With few judgments this head carries the reward: states averaged over a completion's tokens, at two
thirds of the depth, with words and length (2 H + 1 features, 1,153 of the bundled model), already tell tastes apart;
the adapter is trained from there (linear probing first, then fine-tuning: Kumar et al. 2022,
https://arxiv.org/abs/2202.10054, show that fine-tuning from a random head distorts the features).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from reward_training.likelihood import Floats, davidson

FOLDS = 4
LOG_NU_START = -1.0


@dataclass(frozen=True)
class PairDifferences:
    """The (N, H) differences features[first] - features[second] without the matrix: it multiplies and is sliced by rows
    as that would be. Where each text is in many pairs this is as much faster as it is smaller."""

    features: Floats  # (M, H)
    first: NDArray[np.int64]  # (N,) rows of features
    second: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.first), self.features.shape[1]

    def __getitem__(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> "PairDifferences":
        return PairDifferences(self.features, self.first[rows], self.second[rows])

    def __matmul__(self, weights: Floats) -> Floats:
        scores = self.features @ weights
        return np.asarray(scores[self.first] - scores[self.second])

    def transposed_times(self, by_pair: Floats) -> Floats:
        """differences.T @ by_pair"""
        of_texts = np.bincount(self.first, by_pair, len(self.features))
        return np.asarray(self.features.T @ (of_texts - np.bincount(self.second, by_pair, len(self.features))))


@dataclass(frozen=True)
class LinearHead:
    """reward(x) = weights . x, on standardised features; `log_nu` is Davidson's tie parameter."""

    weights: Floats  # (H,)
    log_nu: float


def fit_head(
    differences: Floats | PairDifferences,
    outcomes: NDArray[np.int64],
    pair_weights: Floats,
    l2: float,
    start: LinearHead | None = None,
    *,
    side_bias: Floats | float = 0.0,
    margins: Floats | float = 0.0,
    smoothing: float = 0.0,
    most_steps: int = 500,
) -> LinearHead:
    """Minimises the mean loss + l2/2 * H * |weights|^2 over (N, H) differences of standardised features.

    `side_bias`, `margins` and `smoothing` as in likelihood.davidson. `start`: where the search begins; near the answer
    a few of `most_steps` are enough.

    The ridge is scaled by H so that one strength means the same for bases of different width: with unit features the
    reward difference of two unrelated texts has variance of about 2 H |weights|^2.
    """
    width = differences.shape[1]

    def objective(parameters: Floats) -> tuple[float, Floats]:
        weights, log_nu = parameters[:-1], parameters[-1]
        likelihood = davidson(
            differences @ weights, outcomes, pair_weights, float(log_nu), side_bias,
            margins=margins, smoothing=smoothing,
        )  # fmt: skip
        # a weak prior on log nu keeps it finite where nobody ever tied
        loss = likelihood.loss + l2 * width * (weights @ weights) / 2 + 0.005 * (log_nu - LOG_NU_START) ** 2
        gradient = _transposed_times(differences, likelihood.by_difference) + l2 * width * weights
        return float(loss), np.append(gradient, likelihood.by_log_nu + 0.01 * (log_nu - LOG_NU_START))

    first = np.append(np.zeros(width), LOG_NU_START) if start is None else np.append(start.weights, start.log_nu)
    found = minimize(objective, first, jac=True, method="L-BFGS-B", options={"maxiter": most_steps})
    return LinearHead(weights=found.x[:-1], log_nu=float(found.x[-1]))


def folds_of(groups: Sequence[str], folds: int = FOLDS) -> NDArray[np.int64]:
    """A fold for each pair, the same for all of a group, drawn from a fixed seed. With fewer groups than folds each
    group is one."""
    names = sorted(set(groups))
    fold_of = {name: place % folds for place, name in enumerate(np.random.default_rng(0).permutation(names))}
    return np.array([fold_of[group] for group in groups], dtype=np.int64)


def _transposed_times(differences: Floats | PairDifferences, by_pair: Floats) -> Floats:
    if isinstance(differences, PairDifferences):
        return differences.transposed_times(by_pair)
    return np.asarray(differences.T @ by_pair)


def choose_l2(
    differences: Floats | PairDifferences,
    outcomes: NDArray[np.int64],
    pair_weights: Floats,
    groups: Sequence[str],
    candidates: Sequence[float],
    *,
    margins: Floats | None = None,
    smoothing: float = 0.0,
) -> tuple[float, dict[float, float]]:
    """The strength with the least cross-validated loss, and the loss of each; folds never split a group.

    Margins and smoothing shape the fits; the loss that decides is plain. With fewer groups than folds there is
    nothing to validate on: the strongest candidate is taken.
    """
    if len(set(groups)) < FOLDS or len(candidates) == 1:
        return max(candidates), {}
    folds = folds_of(groups)
    totals = dict.fromkeys(sorted(candidates, reverse=True), 0.0)
    for fold in range(FOLDS):
        inside, outside = folds != fold, folds == fold
        head = None  # each fit starts where a stronger ridge ended: it is near
        for l2 in totals:
            head = fit_head(
                differences[inside], outcomes[inside], pair_weights[inside], l2, head,
                margins=0.0 if margins is None else margins[inside], smoothing=smoothing,
            )  # fmt: skip
            held = davidson(differences[outside] @ head.weights, outcomes[outside], pair_weights[outside], head.log_nu)
            totals[l2] += held.loss * float(pair_weights[outside].sum())
    losses = {l2: total / float(pair_weights.sum()) for l2, total in totals.items()}
    return min(losses, key=lambda l2: losses[l2]), losses
