"""Intervals by resampling groups: the percentile bootstrap of Efron and Tibshirani (1993), "An Introduction to the
Bootstrap", chapter 13.

The group that is drawn again is the prompt: judgments of one prompt are alike, so that drawing single judgments would
give intervals that are too narrow.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
LEVEL = 0.95


def interval(
    statistic: Callable[[NDArray[np.intp]], float], groups: NDArray[np.generic], *, seed: int, resamples: int
) -> tuple[float, float]:
    """Return the 95 % interval of `statistic`, which is told which rows to take (some several times).

    `groups` names the group of each row. Draws for which the statistic is not defined (nan) are left out. Both ends are
    nan where there are fewer than two groups, or it is never defined.
    """
    _, place = np.unique(groups, return_inverse=True)
    rows = [np.flatnonzero(place == group) for group in range(place.max() + 1)] if len(place) else []
    if len(rows) < 2:
        return (float("nan"), float("nan"))
    draw = np.random.default_rng(seed)
    values = [
        statistic(np.concatenate([rows[group] for group in draw.integers(0, len(rows), len(rows))]))
        for _ in range(resamples)
    ]
    defined = [value for value in values if not np.isnan(value)]
    if not defined:
        return (float("nan"), float("nan"))
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return (float(low), float(high))


def of_one_mind(share: float, groups: int) -> tuple[float, float] | None:
    """Return the interval of a share where all groups say 1, or all 0: every draw says so too, however few they are. It
    is that of as many trials (C. Clopper and E. Pearson 1934: p^n is 0.025 at its end). None where they differ, and for
    fewer than two groups.
    """
    if groups < 2 or share not in (0.0, 1.0):
        return None
    least = ((1 - LEVEL) / 2) ** (1 / groups)
    return (least, 1.0) if share == 1 else (0.0, 1 - least)
