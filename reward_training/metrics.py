"""How good a reward is on pairs that it has not seen. Free of torch."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reward_training.likelihood import FIRST, SECOND, TIE, Floats, davidson

RESAMPLES = 1000


def accuracy(differences: Floats, outcomes: NDArray[np.int64]) -> float:
    """Share of decided pairs whose preferred completion has the higher reward; an exact tie of rewards counts half.

    NaN where no pair is decided.
    """
    decided = outcomes != TIE
    if not decided.any():
        return float("nan")
    signed = np.where(outcomes[decided] == FIRST, differences[decided], -differences[decided])
    return float(((signed > 0) + 0.5 * (signed == 0)).mean())


def bootstrap_interval(
    statistic: Callable[[NDArray[np.int64]], float], groups: Sequence[str], seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of `statistic(row indices)`, whole groups (prompts) drawn with replacement. NaN where
    undefined."""
    members: dict[str, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    blocks = [np.array(rows) for rows in members.values()]
    if not blocks:
        return float("nan"), float("nan")
    generator = np.random.default_rng(seed)
    values = [
        statistic(np.concatenate([blocks[block] for block in generator.integers(len(blocks), size=len(blocks))]))
        for _ in range(RESAMPLES)
    ]
    finite = np.array([value for value in values if np.isfinite(value)])
    if not len(finite):
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def evaluate(
    differences: Floats,
    length_differences: Floats,
    outcomes: NDArray[np.int64],
    log_nu: float,
    groups: Sequence[str],
) -> dict[str, Any]:
    """Accuracy with a 95 % interval, plain three-way log-loss, the length baseline ("longer wins") and counts.

    A figure that cannot be told (no pairs) is None.
    """
    decided = int((outcomes != TIE).sum())
    if not len(outcomes) or not decided:
        return {"pairs": len(outcomes), "decided": decided, "accuracy": None, "accuracy_low": None}
    ones = np.ones(len(outcomes))
    low, high = bootstrap_interval(lambda rows: accuracy(differences[rows], outcomes[rows]), groups)
    return {
        "pairs": len(outcomes),
        "decided": decided,
        "accuracy": accuracy(differences, outcomes),
        "accuracy_low": low,
        "accuracy_high": high,
        "log_loss": davidson(differences, outcomes, ones, log_nu).loss,
        "length_baseline": accuracy(length_differences, outcomes),
        "first_wins": int((outcomes == FIRST).sum()),
        "second_wins": int((outcomes == SECOND).sum()),
    }
