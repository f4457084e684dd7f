"""Length taken off a reward: people's preferences, and so a reward, often pay for length where nobody meant it.

Post-hoc calibration in the manner of Huang et al. 2024, https://arxiv.org/abs/2409.17407, with a line in place of their
local regression, since a policy leaves the range of lengths that a local one was fitted on. It takes off what length
explains whether people wanted it or not: in a study whose taste is about length it takes the taste off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

from reward_training.likelihood import Floats

FEWEST = 8


@dataclass(frozen=True)
class LengthCorrection:
    """score - slope * (log(1 + characters) - centre)."""

    slope: float
    centre: float

    def taken_off(self, scores: Sequence[float], texts: Sequence[str]) -> list[float]:
        """(N,) scores less what the length of their texts explains."""
        away = log_lengths(texts) - self.centre
        return (np.asarray(scores, dtype=np.float64) - self.slope * away).tolist()


def fit(scores: Sequence[float], texts: Sequence[str], share: float = 1.0) -> LengthCorrection:
    """The line on log lengths that leaves scores without rank correlation with them, of whose slope `share` is taken
    off; flat for fewer than 8 texts, or where there is no such correlation. The mean of the scores stays what it is.

    This estimate of a slope by ranks (Adichie 1967, "Estimates of regression parameters based on rank tests"; Jaeckel
    1972, "Estimating regression coefficients by minimizing the dispersion of the residuals") is where Spearman's
    correlation of what is left crosses 0: as the slope grows it only falls. A line by least squares is pulled by a few
    very short texts, and leaves most of the others in the order of their lengths.
    """
    values, lengths = np.asarray(scores, dtype=np.float64), log_lengths(texts)
    found = rank_correlation(values, lengths) if len(lengths) >= FEWEST else 0.0
    if found == 0.0:
        return LengthCorrection(0.0, 0.0)
    unit = float(values.std() / lengths.std())
    steep = math.copysign(unit, found)
    while rank_correlation(values - steep * lengths, lengths) * found > 0:
        steep *= 2
    slope = optimize.bisect(
        lambda slope: rank_correlation(values - slope * lengths, lengths), 0.0, steep, xtol=1e-6 * unit
    )
    return LengthCorrection(share * slope, float(lengths.mean()))


def log_lengths(texts: Sequence[str]) -> Floats:
    """(N,) log(1 + characters)."""
    return np.log1p([len(text) for text in texts])


def rank_correlation(scores: ArrayLike, lengths: ArrayLike) -> float:
    """Spearman's correlation; 0 where either does not vary."""
    if len(np.unique(scores)) < 2 or len(np.unique(lengths)) < 2:
        return 0.0
    return float(stats.spearmanr(scores, lengths).statistic)
