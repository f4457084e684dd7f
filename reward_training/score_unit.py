"""What a score is divided by, so that it means the same from reward to reward. Free of torch."""

from __future__ import annotations

import numpy as np

from reward_training.likelihood import Floats

SMALLEST_PART = 1e-3
"""Of the spread that was expected before any answer. Where scores vary less than this, the answers decide nothing (only
ties, or people who contradict one another): dividing by what is left would blow up rounding and doubt alike."""


def unit_of(spread: float, expected: float) -> float:
    """The standard deviation of scores, or 1 where it is next to nothing beside the `expected` one."""
    return spread if spread > SMALLEST_PART * expected else 1.0


def expected_spread(features: Floats, precision: float) -> float:
    """The root mean square deviation of scores of (N, D) features by weights ~ N(0, 1 / precision)."""
    return float(np.sqrt(features.var(0).sum() / precision))
