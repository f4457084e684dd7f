"""How right a model can be where people disagree: agreement turned into the best accuracy that can be shown.

Accuracy is measured against single judgments. Let p be the share of people who prefer the first of two texts, of those
who prefer one. The best model names the side of the majority and is right on max(p, 1 - p) of the judgments; two people
say the same with chance p^2 + (1 - p)^2. Of one pair with agreement a this gives (1 + sqrt(2a - 1)) / 2. Over pairs
only the mean agreement A is seen; as that function is concave and never below a,

    A  <=  ceiling  <=  (1 + sqrt(2A - 1)) / 2            (whatever the p are; Jensen for the right side)

Between the two it depends on how p varies. The figure given assumes p ~ Beta(a, a) (which text stands first is chance;
with it judgments are beta-binomial: Skellam 1948, JRSS B 10, 257), so that A = (a + 1) / (2a + 1) gives a, and

    ceiling = E max(p, 1 - p) = 1/2 + 1 / (4^a a B(a, a)),     a = (1 - A) / (2A - 1)

All agree: a = 0, ceiling 1. As by chance (A = 1/2, or below it by chance): ceiling 1/2. Uniform p: A = 2/3, ceiling
3/4.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import betaln

from reward_training.mean_interval import mean_interval
from reward_training.records import Pair


@dataclass(frozen=True)
class Said:
    """One person's decided judgment of a pair. `pair` tells pairs of completions apart, `group` is that of its prompt.

    A tie says nothing about who wins, and does not belong here.
    """

    pair: str
    group: str
    person: str
    first_won: bool


def unordered(first: int, second: int, first_won: bool) -> tuple[tuple[int, int], bool]:
    """Two texts by their numbers, the same pair whichever way round it was asked, and whether its lower one won."""
    return ((first, second), first_won) if first <= second else ((second, first), not first_won)


def best_accuracy(agreement: float) -> float:
    """The ceiling for the share of two people who prefer the same, with p ~ Beta(a, a). NaN for NaN."""
    if not agreement < 1:
        return 1.0 if agreement >= 1 else float("nan")
    if agreement <= 0.5:
        return 0.5
    a = (1 - agreement) / (2 * agreement - 1)
    return float(0.5 + np.exp(-a * np.log(4) - np.log(a) - betaln(a, a)))


def most_accuracy(agreement: float) -> float:
    """The most that the ceiling can be, whatever the p are: were all pairs equally divided."""
    return float(0.5 + np.sqrt(max(0.0, 2 * agreement - 1)) / 2)


def said_of(pairs: Sequence[Pair]) -> list[Said]:
    """The decided judgments of pairs drawn at random by people who are known. Texts are told apart as objects."""
    said = []
    for pair in pairs:
        if pair.annotator is not None and pair.at_random and pair.outcome != "tie":
            (lower, higher), won = unordered(id(pair.first), id(pair.second), pair.outcome == "first")
            said.append(Said(f"{lower} {higher}", pair.group, pair.annotator, won))
    return said


def human_ceiling(said: Sequence[Said]) -> dict[str, Any]:
    """Agreement of two people on the pairs that several decided, and the ceiling, with 95 % intervals over groups.

    Of several judgments of a person on one pair the last counts. `least` and `most` bound the ceiling whatever the p
    are. A figure that cannot be told (nobody judged the same pair) is None.
    """
    votes: dict[str, dict[str, bool]] = {}
    groups: dict[str, str] = {}
    for one in said:
        votes.setdefault(one.pair, {})[one.person] = one.first_won
        groups[one.pair] = one.group
    shared = {pair: list(of_pair.values()) for pair, of_pair in votes.items() if len(of_pair) > 1}
    names = ("agreement", "ceiling", "least", "most")
    report: dict[str, Any] = {
        "pairs": len(shared),
        "judgments": sum(map(len, shared.values())),
        "people": len({one.person for one in said if one.pair in shared}),
        **{f"{name}{end}": None for name in names[:2] for end in ("", "_low", "_high")},
        **dict.fromkeys(names[2:]),
    }
    if not shared:
        return report
    same = np.array([same_share(of_pair) for of_pair in shared.values()])
    agreement = float(same.mean())
    low, high = mean_interval(same, np.ones(len(same)), [groups[pair] for pair in shared])
    ends = {"_low": low, "_high": high, "": agreement}
    for end, share in ends.items():  # the ceiling rises with agreement: the ends of one give those of the other
        report |= {f"agreement{end}": share, f"ceiling{end}": None if share is None else best_accuracy(share)}
    return report | {"least": max(0.5, agreement), "most": most_accuracy(agreement)}


def same_share(votes: Sequence[bool]) -> float:
    """The share of the pairs of people that prefer the same."""
    people, first = len(votes), sum(votes)
    second = people - first
    return (first * (first - 1) + second * (second - 1)) / (people * (people - 1))
