"""When a blind evaluation may stop: a rule that is wrong no more than its stated error, however often one looks.

Scores x_1, x_2, ... are 1 where the first side was preferred, 1/2 for a tie, 0 else. At equal sides each has mean 1/2
given all before it, and lies between 0 and 1, so S_t = sum of (x_i - 1/2) is sub-Gaussian with intrinsic time
V_t = t / 4 (Hoeffding 1963). The two-sided normal mixture boundary (S. Howard, A. Ramdas, J. McAuliffe, J. Sekhon,
"Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals of Statistics 2021, arXiv:1810.08240;
H. Robbins, "Statistical methods related to the law of the iterated logarithm", 1970)

    u(v) = sqrt((v + rho) log((v + rho) / (rho error^2)))

is crossed by |S_t| at any time with probability `error` at most. So share +- u(t / 4) / t holds the true share at all
times at once, and the rule stops as soon as a half lies outside. `rho` says where the boundary is tightest: at about
half of the judgments that are wanted at most. It is fixed when the evaluation starts.

With ties the scores vary less than assumed, and the rule is only more careful than it says.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Protocol

from feedback_store.preferences import Outcome

SCORES: dict[Outcome, float] = {"first": 1.0, "tie": 0.5, "second": 0.0}


def boundary(judged: float, *, error: float, wanted: int) -> float:
    """How far the sum of (score - 1/2) may be from 0 after `judged` judgments, of `wanted` at most. For scores that lie
    between 0 and w, `judged` is the sum of w^2.
    """
    rho = max(wanted, 2) / 8 / (2 * math.log(1 / error) + math.log(1 + 2 * math.log(1 / error)))
    time = judged / 4
    return math.sqrt((time + rho) * math.log((time + rho) / (rho * error**2)))


def confidence(scores: Sequence[float], *, error: float, wanted: int) -> tuple[float, float]:
    """The interval that holds the true share at all times with probability 1 - error; 0 to 1 without scores."""
    judged = len(scores)
    if judged == 0:
        return 0.0, 1.0
    share, width = sum(scores) / judged, boundary(judged, error=error, wanted=wanted) / judged
    return max(share - width, 0.0), min(share + width, 1.0)


def decided(scores: Sequence[float], *, error: float, wanted: int) -> bool:
    """Whether two sides are told apart."""
    low, high = confidence(scores, error=error, wanted=wanted)
    return not low <= 0.5 <= high


class Comparison(Protocol):
    """One judgment of two sides, each by its place."""

    @property
    def first(self) -> int: ...
    @property
    def second(self) -> int: ...
    @property
    def outcome(self) -> Outcome: ...


def scores_by_pair(judged: Iterable[Comparison]) -> dict[tuple[int, int], list[float]]:
    """For each two sides (lower first), the lower side's scores in the order in which they came."""
    scores: dict[tuple[int, int], list[float]] = {}
    for one in judged:
        score = SCORES[one.outcome]
        low_first = one.first < one.second
        pair = (one.first, one.second) if low_first else (one.second, one.first)
        scores.setdefault(pair, []).append(score if low_first else 1 - score)
    return scores


def all_decided(scores: Mapping[tuple[int, int], Sequence[float]], sides: int, *, error: float, wanted: int) -> bool:
    """Whether every two of several sides are told apart; the error is shared out among them (Bonferroni)."""
    pairs = list(combinations(range(sides), 2))
    own = {"error": error / len(pairs), "wanted": -(-wanted // len(pairs))}
    return all(decided(scores.get(pair, ()), error=own["error"], wanted=int(own["wanted"])) for pair in pairs)
