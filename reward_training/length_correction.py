"""Length taken off a reward: people's preferences, and so a reward, often pay for length where nobody meant it.

Post-hoc calibration in the manner of Huang et al. 2024, https://arxiv.org/abs/2409.17407, with a line in place of their
local regression, since a policy leaves the range of lengths that a local one was fitted on. It takes off what length
explains whether people wanted it or not: in a study whose taste is about length it takes the taste off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

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
    """The least-squares line of scores on log lengths, of whose slope `share` is taken off; flat for fewer than 8 texts
    or where all are of one length. The mean of the scores stays what it is."""
    lengths = log_lengths(texts)
    spread = float(((lengths - lengths.mean()) ** 2).sum()) if len(lengths) >= FEWEST else 0.0
    if spread == 0.0:
        return LengthCorrection(0.0, 0.0)
    slope = float(((lengths - lengths.mean()) * np.asarray(scores, dtype=np.float64)).sum()) / spread
    return LengthCorrection(share * slope, float(lengths.mean()))


def log_lengths(texts: Sequence[str]) -> np.ndarray:
    """(N,) log(1 + characters)."""
    return np.log1p([len(text) for text in texts])


def rank_correlation(scores: Sequence[float], texts: Sequence[str]) -> float:
    """Spearman's correlation of scores and lengths; 0 where either does not vary."""
    lengths = [len(text) for text in texts]
    if len(set(lengths)) < 2 or len(set(scores)) < 2:
        return 0.0
    return float(stats.spearmanr(scores, lengths).statistic)
