"""Whether a reward model can be told from chance by the very judgments that it was made of. Torch-free.

Its cross-fitted accuracy is asked: each judged pair as heads of the other folds read it, so that a few dozen judgments
say something where hardly any lies on held-out prompts. A policy that is trained on a reward which knows nothing drifts
somewhere, and all that looks at it on the way goes by the same reward (docs/decisions/0019).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CHANCE = 0.5
CODE = "unproven_reward"  # of the alarm


def surely_right(metrics: Mapping[str, Any]) -> float | None:
    """The lower end of the 95 % interval of its cross-fitted accuracy on decided pairs; 0 where they are too few for
    one. None where `metrics` are of a version that had no such figure."""
    crossed = metrics.get("cross_fitted")
    return None if crossed is None else float(crossed.get("accuracy_low") or 0.0)


def is_unproven(metrics: Mapping[str, Any]) -> bool:
    """Whether chance may do as well as the reward model with these metrics."""
    least = surely_right(metrics)
    return least is not None and least <= CHANCE
