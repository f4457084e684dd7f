"""The 95 % interval of a mean of bounded values, such as a share, with groups (prompts) as the unit. Free of torch.

N. Gaffke, "Three test statistics for a nonparametric one-sided hypothesis on the mean of a nonnegative variable",
Mathematical Methods of Statistics 14, 2005; E. Learned-Miller and P. Thomas, https://arxiv.org/abs/1905.06208. Groups
are weighed by chance, as in a bootstrap (here by draws of an exponential, which sum to Dirichlet's), and one group is
added that nobody saw, with the worst value for the lower end and the best for the upper. So it knows how many groups
there are: of two that agree it tells next to nothing, of many hardly anything but their own spread. Of groups that are
all right or all wrong it is Clopper and Pearson's. A value that falls never raises an end, for each weight is positive.

Kept: the bound. Added: groups of different weight, the added one being as heavy as the group of an average row.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq

from reward_training.likelihood import Floats

TAIL = 0.025  # on each side of an interval
STEP, LEAST, MOST = 0.1, -16.0, 12.0  # of ln t in the integral: ends are right to 1e-5
FAR = 6.5  # standard deviations of a mean from 0, beyond which less than TAIL lies on the other side (Cantelli)
Interval = tuple[float | None, float | None]


def mean_interval(amounts: Floats, weights: Floats, groups: Sequence[str], *, least: float = 0.0) -> Interval:
    """That of sum(amounts) / sum(weights) over rows, each row's amount from `least` to 1 times its weight. None for
    fewer than two groups with weight: nobody knows what another would say.
    """
    _, place = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    of_group = np.bincount(place, weights=weights).astype(np.float64)
    within = np.bincount(place, weights=amounts - least * weights) / (1 - least)  # as a share: from 0 to its weight
    told = of_group > 0
    if told.sum() < 2:
        return None, None
    right, all_of_it = within[told], of_group[told]
    low, high = _least_share(right, all_of_it), 1 - _least_share(all_of_it - right, all_of_it)
    return least + (1 - least) * low, least + (1 - least) * high


def _least_share(right: Floats, of: Floats) -> float:
    """The share q below which sum(E right) / (sum(E of) + E usual) lies with chance TAIL, the E exponential."""
    if right.max() <= 0:
        return 0.0
    kinds, number = np.unique(np.stack([right, of], 1), axis=0, return_counts=True)
    usual = float((of**2).sum() / of.sum())

    def too_much(share: float) -> float:
        scales = np.append(kinds[:, 0] - share * kinds[:, 1], -share * usual)
        return _chance_below_zero(scales, np.append(number, 1)) - TAIL

    return float(brentq(too_much, 0.0, 1.0, xtol=1e-8))


def _chance_below_zero(scales: Floats, number: Floats) -> float:
    """Of a sum of exponentials, `number` of each scale (negative ones too): 1/2 - 1/pi times the integral of the
    imaginary part of its characteristic function over ln t (J. Gil-Pelaez, Biometrika 38, 1951)."""
    spread = float(np.sqrt(number @ scales**2))
    middle = float(number @ scales)
    if abs(middle) > FAR * spread:  # its wave is too quick for the step
        return float(middle < 0)
    turned = np.exp(np.arange(LEAST, MOST, STEP))[:, None] / spread * scales
    wave = np.exp(-(np.log1p(turned**2) @ number) / 2) * np.sin(np.arctan(turned) @ number)
    return float(0.5 - STEP * wave.sum() / np.pi)
