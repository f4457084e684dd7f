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

All that holds while each judgment is of a prompt of its own. Judgments of one prompt are alike: once prompts come again
the next score has not mean 1/2 given those before it, and by the same ten prompts again and again equal sides would be
told apart in up to 60 % of studies. So V_t is multiplied by the design effect that the judgments show (`design_effect`;
1 while no prompt has come twice): in studies played with 10 to 100 prompts and up to 400 judgments that keeps equal
sides together as often as it says, and takes nothing where prompts are alike. Nor is the interval ever narrower than
that of one look (policy_results.py), which knows how little a few prompts of one mind prove.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

import numpy as np

from feedback_store.preferences import Outcome
from rounds.policy_results import ERROR, design_effect, one_look

SCORES: dict[Outcome, float] = {"first": 1.0, "tie": 0.5, "second": 0.0}


def boundary(judged: float, *, error: float, wanted: int) -> float:
    """How far the sum of (score - 1/2) may be from 0 after `judged` judgments, of `wanted` at most. For scores that lie
    between 0 and w, `judged` is the sum of w^2.
    """
    rho = max(wanted, 2) / 8 / (2 * math.log(1 / error) + math.log(1 + 2 * math.log(1 / error)))
    time = judged / 4
    return math.sqrt((time + rho) * math.log((time + rho) / (rho * error**2)))


@dataclass(frozen=True)
class Score:
    """What one judgment says of two sides: 1 for the one, 0 for the other, and of which prompt. A ranking of several
    texts is one score, with the weights of its pairs together."""

    value: float
    prompt_id: int
    weight: float = 1.0


def confidence(scores: Sequence[Score], *, error: float, wanted: int) -> tuple[float, float]:
    """The interval that holds the true share at all times with probability 1 - error; 0 to 1 without scores."""
    value, weight = (np.array([getattr(one, name) for one in scores]) for name in ("value", "weight"))
    prompts = [one.prompt_id for one in scores]
    low, high = one_look(value, weight, prompts, error=min(error, ERROR))
    if not scores:
        return low, high
    total, spread = float(weight.sum()), design_effect(value, weight, prompts)
    share = float((value * weight).sum()) / total
    width = boundary(float((weight**2).sum()) * spread, error=error, wanted=wanted) / total
    return max(min(share - width, low), 0.0), min(max(share + width, high), 1.0)


def decided(scores: Sequence[Score], *, error: float, wanted: int) -> bool:
    """Whether two sides are told apart."""
    low, high = confidence(scores, error=error, wanted=wanted)
    return not low <= 0.5 <= high


class Comparison(Protocol):
    """One judgment of two sides, each by its place."""

    @property
    def prompt_id(self) -> int: ...
    @property
    def first(self) -> int: ...
    @property
    def second(self) -> int: ...
    @property
    def outcome(self) -> Outcome: ...


def scores_by_pair(judged: Iterable[Comparison]) -> dict[tuple[int, int], list[Score]]:
    """For each two sides (lower first), the lower side's scores in the order in which they came."""
    scores: dict[tuple[int, int], list[Score]] = {}
    for one in judged:
        score = SCORES[one.outcome]
        low_first = one.first < one.second
        pair = (one.first, one.second) if low_first else (one.second, one.first)
        scores.setdefault(pair, []).append(Score(score if low_first else 1 - score, one.prompt_id))
    return scores


def all_decided(scores: Mapping[tuple[int, int], Sequence[Score]], sides: int, *, error: float, wanted: int) -> bool:
    """Whether every two of several sides are told apart; the error is shared out among them (Bonferroni)."""
    pairs = list(combinations(range(sides), 2))
    own = {"error": error / len(pairs), "wanted": -(-wanted // len(pairs))}
    return all(decided(scores.get(pair, ()), error=own["error"], wanted=int(own["wanted"])) for pair in pairs)
