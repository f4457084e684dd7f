"""How good a reward is on pairs that it has not seen, with 95 % intervals over groups. Free of torch.

Those of shares and of the lead are mean_interval's, which knows how many groups there are; those of losses, which have
no greatest value, are bootstrapped.

All figures are of plain probabilities: P(first, tie, second | reward difference) by Davidson's law, whatever margins or
smoothing the training used. Of decided pairs, P(first | decided) = sigmoid(d). A figure that cannot be told is None.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reward_training.likelihood import FIRST, SECOND, TIE, Floats, outcome_probabilities
from reward_training.mean_interval import TAIL, mean_interval

RESAMPLES = 1000
LIKE_LENGTH = 1.2  # texts are of like length where the longer one has at most so many times the characters of the other
BOUNDED = {
    "accuracy": 0.0,
    "length_baseline": 0.0,
    "lead": -1.0,
    "like_length_accuracy": 0.0,
    "like_length_baseline": 0.0,
}
"""Figures whose value on a single pair is between this and 1."""
FEWEST_IN_BIN, MOST_BINS = 10, 10
MOST_OF_A_SLICE = 20  # values of one slice that are told, those with the most pairs first


@dataclass(frozen=True)
class Readings:
    """What a reward says of judged pairs: raw score of the first minus that of the second, and what was judged."""

    differences: Floats  # (N,)
    lengths: Floats  # (N, 2) characters of first and second
    outcomes: NDArray[np.int64]  # (N,) FIRST, TIE or SECOND
    groups: Sequence[str]  # the prompt (or debate) of each pair

    def taken(self, rows: NDArray[np.int64]) -> "Readings":
        """Those of some rows."""
        groups = [self.groups[row] for row in rows]
        return Readings(self.differences[rows], self.lengths[rows], self.outcomes[rows], groups)

    @property
    def length_differences(self) -> Floats:
        """(N,) characters of the first minus those of the second."""
        return self.lengths[:, 0] - self.lengths[:, 1]


class Resamples:
    """Draws of whole groups with replacement, the same for every figure that is computed on the same groups."""

    def __init__(self, groups: Sequence[str], seed: int = 0) -> None:
        known: dict[str, int] = {}
        self.place = np.array([known.setdefault(group, len(known)) for group in groups], dtype=np.int64)
        self.groups = len(known)
        generator = np.random.default_rng(seed)
        self.counts = np.zeros((RESAMPLES, self.groups), dtype=np.uint16)
        for of_draw in self.counts if self.groups else ():
            drawn = generator.integers(self.groups, size=self.groups)
            of_draw[:] = np.bincount(drawn, minlength=self.groups)

    def sums(self, values: Floats) -> Floats:
        """(N,) or (N, K) values by row -> (RESAMPLES,) or (RESAMPLES, K): their sums over the rows of each draw."""
        of_groups = np.zeros((self.groups, *values.shape[1:]))
        np.add.at(of_groups, self.place, values)
        return np.concatenate([part @ of_groups for part in np.array_split(self.counts, 20)])  # few at once: memory

    def ratio_interval(self, amounts: Floats, weights: Floats) -> tuple[float | None, float | None]:
        """The interval of sum(amounts) / sum(weights) over the rows; draws without weight are left out. None for fewer
        than two groups with weight: the draws that hold the only one all say the same."""
        if self.trials(weights) < 2:
            return None, None
        return self.interval(_ratio(self.sums(amounts), self.sums(weights)))

    def trials(self, weights: Floats) -> int:
        """How many groups have rows with weight."""
        return len(np.unique(self.place[weights != 0]))

    def interval(self, values: Floats) -> tuple[float | None, float | None]:
        """That of a value by draw. None for fewer than two groups: drawing one again and again tells nothing."""
        return interval_of(values) if self.groups > 1 else (None, None)


def interval_of(values: Floats) -> tuple[float | None, float | None]:
    """The 95 % percentile interval of drawn values, NaN left out; None where there are none."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None, None
    low, high = np.quantile(finite, [TAIL, 1 - TAIL])
    return float(low), float(high)


def hits(differences: Floats, outcomes: NDArray[np.int64]) -> Floats:
    """(N,): 1 where the preferred one has the higher reward, a half where the rewards are equal; 0 for a tie."""
    signed = np.where(outcomes == FIRST, differences, -differences)
    return np.where(outcomes == TIE, 0.0, (signed > 0) + 0.5 * (signed == 0))


def accuracy(differences: Floats, outcomes: NDArray[np.int64]) -> float:
    """Share of decided pairs whose preferred completion has the higher reward; an exact tie of rewards counts half.

    NaN where no pair is decided.
    """
    decided = int((outcomes != TIE).sum())
    return float(hits(differences, outcomes).sum() / decided) if decided else float("nan")


def evaluate(readings: Readings, log_nu: float) -> dict[str, Any]:
    """The whole report on pairs; each figure with `_low` and `_high` where it has an interval.

    - accuracy: on decided pairs; length_baseline: that of "the longer one wins" (characters) on the same pairs; lead:
      the one less the other, whose interval is paired: both are right or wrong on the same few pairs
    - like_length_accuracy, like_length_baseline: the same on pairs of like length (LIKE_LENGTH), where length tells
      little: human preference data reward length, and a reward can live off that alone (Singhal et al. 2023,
      https://arxiv.org/abs/2310.03716, stratify by length for this reason)
    - log_loss: nats, of who wins, on decided pairs (a coin: 0.693); three_way_log_loss: of first, tie or second, on all
    - brier: mean squared error of the chance that the first wins, on decided pairs (a coin: 0.25; Brier 1950)
    - ece: `reliability` says how it is binned
    """
    decided = (readings.outcomes != TIE).astype(float)
    ones = np.ones(len(decided))
    right = hits(readings.differences, readings.outcomes)
    longer = hits(readings.length_differences, readings.outcomes)
    like = decided * like_length(readings.lengths)
    won = (readings.outcomes == FIRST).astype(float)
    chance = chance_of_first(readings.differences)
    resamples = Resamples(readings.groups)
    of_pairs = {
        "accuracy": (right, decided),
        "length_baseline": (longer, decided),
        "lead": (right - longer, decided),
        "like_length_accuracy": (right * like, like),
        "like_length_baseline": (longer * like, like),
        "log_loss": (decided * np.logaddexp(0.0, np.where(won > 0, -1, 1) * readings.differences), decided),
        "three_way_log_loss": (three_way_losses(readings, log_nu), ones),
        "brier": (decided * (chance - won) ** 2, decided),
    }
    report: dict[str, Any] = {
        "pairs": len(decided),
        "decided": int(decided.sum()),
        "like_length_pairs": int(like.sum()),
        "first_wins": int((readings.outcomes == FIRST).sum()),
        "second_wins": int((readings.outcomes == SECOND).sum()),
    }
    for name, (amounts, weights) in of_pairs.items():
        total = weights.sum()
        if name in BOUNDED:
            low, high = mean_interval(amounts, weights, readings.groups, least=BOUNDED[name])
        else:
            low, high = resamples.ratio_interval(amounts, weights)
        report |= {name: float(amounts.sum() / total) if total else None, f"{name}_low": low, f"{name}_high": high}
    return report | reliability(readings, resamples)


def like_length(lengths: Floats) -> NDArray[np.bool_]:
    """(N, 2) characters -> (N,): whether the two are of like length."""
    lengths = np.maximum(lengths, 1.0)
    return np.asarray(lengths.max(axis=1) <= LIKE_LENGTH * lengths.min(axis=1))


def chance_of_first(differences: Floats) -> Floats:
    """sigmoid: the chance that the first wins where one does."""
    return np.asarray(0.5 * (1 + np.tanh(differences / 2)))


def three_way_losses(readings: Readings, log_nu: float) -> Floats:
    """(N,) nats: the plain Davidson loss of what was said."""
    told = outcome_probabilities(readings.differences, log_nu)
    return np.asarray(-np.log(np.maximum(told[np.arange(len(told)), readings.outcomes], 1e-300)))


def reliability(readings: Readings, resamples: Resamples) -> dict[str, Any]:
    """Expected calibration error and the bins of the reliability diagram, on decided pairs.

    Top-label calibration (Guo et al. 2017, https://arxiv.org/abs/1706.04599, Eq. 3): the label is the winner that the
    reward names, the confidence its chance, from a half to 1. The bins hold equally many pairs, at least FEWEST_IN_BIN
    of them and at most MOST_BINS bins (Nguyen and O'Connor 2015, https://arxiv.org/abs/1508.05154): bins of equal width
    are nearly empty where a reward is seldom sure. With few pairs the error is biased upwards: chance alone moves bins.
    """
    decided = np.flatnonzero(readings.outcomes != TIE)
    empty: dict[str, Any] = {"ece": None, "ece_low": None, "ece_high": None, "reliability": []}
    if not len(decided):
        return empty
    confidence = np.zeros(len(readings.outcomes))
    confidence[decided] = chance_of_first(np.abs(readings.differences[decided]))
    right = hits(readings.differences, readings.outcomes)
    number = min(MOST_BINS, max(1, len(decided) // FEWEST_IN_BIN))
    inside = np.zeros((len(confidence), number))
    for place, rows in enumerate(np.array_split(decided[np.argsort(confidence[decided], kind="stable")], number)):
        inside[rows, place] = 1.0
    gap = np.abs((inside * (right - confidence)[:, None]).sum(0)).sum() / len(decided)
    drawn_gaps = np.abs(resamples.sums(inside * (right - confidence)[:, None])).sum(1)
    told = resamples.trials(inside.sum(1)) > 1
    low, high = resamples.interval(_ratio(drawn_gaps, resamples.sums(inside).sum(1))) if told else (None, None)
    bins = []
    for column in inside.T:
        of_bin = mean_interval(right * column, column, readings.groups)
        bins.append(
            {
                "pairs": int(column.sum()),
                "said": float(confidence @ column / column.sum()),
                "right": float(right @ column / column.sum()),
                "low": of_bin[0],
                "high": of_bin[1],
            }
        )
    return {"ece": float(gap), "ece_low": low, "ece_high": high, "reliability": bins}


def by_slice(readings: Readings, labels: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    """Accuracy by a label of the pairs (its strength, its person, ...): a row a label, those with the most pairs first.

    `labels` holds for each pair its labels: none, one, or several (the tags of a prompt).
    """
    rows_of: dict[str, list[int]] = {}
    for row, of_pair in enumerate(labels):
        for label in of_pair:
            rows_of.setdefault(label, []).append(row)
    found = []
    for label in sorted(rows_of, key=lambda one: (-len(rows_of[one]), one))[:MOST_OF_A_SLICE]:
        part = readings.taken(np.array(rows_of[label], dtype=np.int64))
        decided = (part.outcomes != TIE).astype(float)
        right, longer = (hits(one, part.outcomes).sum() for one in (part.differences, part.length_differences))
        low, high = mean_interval(hits(part.differences, part.outcomes), decided, part.groups)
        number = int(decided.sum())
        found.append(
            {
                "value": label,
                "pairs": len(decided),
                "decided": number,
                "accuracy": float(right / number) if number else None,
                "low": low,
                "high": high,
                "length_baseline": float(longer / number) if number else None,
            }
        )
    return found


def _ratio(amounts: Floats, weights: Floats) -> Floats:
    """Their quotient, NaN where there is no weight."""
    return np.divide(amounts, weights, out=np.full(len(weights), np.nan), where=weights > 0)
