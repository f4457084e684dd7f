"""Data in shuffled passes that hang on the seed and the place alone, and what each item counts."""

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from typing import TypeVar

import numpy as np

from policy_training.records import Demonstration, Preference

Weighed = TypeVar("Weighed", Preference, Demonstration)


def in_passes(count: int, each: int, step: int, key: Sequence[int]) -> list[int]:
    """Which of `count` items come at step `step` (0, 1, ...), `each` of them a step: shuffled passes over all, one
    after the other. `key` starts the shuffling; it holds the seed and tells one use of the seed from another.
    """
    orders: dict[int, np.ndarray] = {}
    found = []
    for place in range(step * each, (step + 1) * each):
        one = place // count
        if one not in orders:
            orders[one] = np.random.default_rng([*key, one]).permutation(count)
        found.append(int(orders[one][place % count]))
    return found


def with_mean_weight_one(items: Sequence[Weighed]) -> list[Weighed]:
    """The items that count, their weights scaled to a mean of 1, so that a weight says how much an item counts beside
    others and nothing of the learning rate. Those of weight 0 are left out. Raises ValueError for a weight that is
    negative or not finite.
    """
    for item in items:
        if not isfinite(item.weight) or item.weight < 0:
            raise ValueError(f"a weight of {item.weight} is not allowed: weights are finite, and 0 or more")
    kept = [item for item in items if item.weight > 0]
    total = sum(item.weight for item in kept)
    return [replace(item, weight=item.weight * len(kept) / total) for item in kept]
