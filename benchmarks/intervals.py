"""How figures over trials or over pairs are told in a row: rounded, with 95 % intervals."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from reward_training.likelihood import Floats

RESAMPLES = 1000
Places = NDArray[np.int64]


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


def means(names: list[str], rows: Floats) -> dict[str, Any]:
    """Each column's mean with its interval over trials."""
    return {
        name: {"value": rounded(column.mean()), "interval": interval(column)}
        for name, column in zip(names, rows.T, strict=True)
    }


def mean_of(values: Floats, seed: int = 0) -> dict[str, Any]:
    """(N,) values of a figure, one for each prompt or trial: their mean; the interval draws whole rows."""
    drawn = [values[pick].mean() for pick in resampled(len(values), seed)]
    return {
        "value": rounded(values.mean()),
        "interval": [rounded(value) for value in np.quantile(drawn, [0.025, 0.975])],
    }


def mean_of_pairs(values: Floats, first: Places, second: Places, seed: int = 0) -> dict[str, Any]:
    """(N,) values of pairs of texts, by their places `first` and `second`: the mean. The interval draws whole texts,
    and a pair comes as often as both of its texts do: pairs that share a text are no independent evidence (Owen 2007,
    "The pigeonhole bootstrap", https://arxiv.org/abs/0712.1111, rather too wide than too narrow)."""
    count = int(max(first.max(), second.max())) + 1
    found = []
    for pick in resampled(count, seed):
        times = np.bincount(pick, minlength=count)
        weights = times[first] * times[second]
        if weights.any():
            found.append(weights @ values / weights.sum())
    return {
        "value": rounded(values.mean()),
        "interval": [rounded(value) for value in np.quantile(found, [0.025, 0.975])],
    }


def interval(values: Floats) -> list[float]:
    """The mean, less and plus half_of of it."""
    half = half_of(values)
    return [rounded(values.mean() - half), rounded(values.mean() + half)]


def half_of(values: Floats) -> float:
    """Half of the mean's 95 % interval by Student's t, which few trials need; not a number for one value."""
    count = len(values)
    return float(t.ppf(0.975, count - 1) * values.std(ddof=1) / count**0.5) if count > 1 else float("nan")


def rounded(value: Any) -> float:
    return round(float(value), 4)
