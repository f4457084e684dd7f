"""How figures over trials or over pairs are told in a row: rounded, with 95 % intervals."""

from typing import Any

import numpy as np

from reward_training.likelihood import Floats

RESAMPLES = 1000


def resampled(count: int, seed: int) -> list[Any]:
    draw = np.random.default_rng(seed)
    return [draw.integers(count, size=count) for _ in range(RESAMPLES)] if count else []


def relative_gain(base: Floats, other: Floats, comparisons: Any, seed: int) -> dict[str, Any]:
    """The share by which the mean loss is lower than the base's; the interval draws whole comparisons."""
    _, number = np.unique(comparisons, return_inverse=True)
    sums = np.stack([np.bincount(number, base), np.bincount(number, other)])
    values = []
    for pick in resampled(sums.shape[1], seed):
        total = sums[:, pick].sum(1)
        values.append(1 - total[1] / total[0])
    return {
        "value": rounded(1 - other.mean() / base.mean()),
        "interval": [rounded(value) for value in np.quantile(values, [0.025, 0.975])],
    }


def told(values: Floats, seed: int) -> dict[str, Any]:
    """The mean, and its interval where whole rows are drawn again."""
    found = [values[pick].mean() for pick in resampled(len(values), seed)]
    return {"value": rounded(values.mean()), "interval": [rounded(one) for one in np.quantile(found, [0.025, 0.975])]}


def means(names: list[str], rows: Floats) -> dict[str, Any]:
    """Each column's mean with its interval over trials."""
    return {
        name: {"value": rounded(column.mean()), "interval": interval(column)}
        for name, column in zip(names, rows.T, strict=True)
    }


def interval(values: Floats) -> list[float]:
    """Mean and 1.96 standard errors."""
    reach = 1.96 * float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return [rounded(values.mean() - reach), rounded(values.mean() + reach)]


def rounded(value: Any) -> float:
    return round(float(value), 4)
