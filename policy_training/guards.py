"""What watches a policy under training: collapse, lost entropy, a reward that rises where it should not. Pure.

A reward model is only right near what it was trained on: pushed far enough, a policy finds texts that score high and
that nobody likes (Gao, Schulman, Hilton 2022, https://arxiv.org/abs/2210.10760). So the proxy, which is the reward that
is trained on less the penalty for truncation, is held against scores on held-out prompts that pay the same penalty and
from which the reward's uncertainty is taken off.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite, nan, sqrt
from statistics import fmean, stdev
from typing import Any

from scipy.special import ndtr, stdtrit

from policy_training.settings import GuardSettings

EMPTY_SHARE = 0.05
IDENTICAL_SHARE = 0.2
DISTINCT_SHARE = 0.5
"""A policy has collapsed where more than these shares of its texts are empty or equal (beyond those of the reference),
or where fewer than half the reference's pairs of neighbouring tokens are distinct."""
CUT_OFF_SHARE = 0.05  # beyond that of the reference: longer texts may please a reward until none of them ends
PASSING = frozenset({"cut_off"})
"""Alarms that keep a policy from being published and end no run: the penalty for truncation may bring it back."""
DISTINCT_TOKENS = 24  # of each completion: longer texts repeat more, whatever the policy
ERRORS = 2.0  # standard errors beyond which a difference is not taken for chance


@dataclass(frozen=True)
class Alarm:
    """Something that went past its limit. Codes: empty, identical, cut_off, distinct, entropy, hacking, kl_budget;
    unproven_reward, which is of the reward and not of the policy (rounds/unproven_reward.py)."""

    code: str
    value: float
    limit: float


@dataclass(frozen=True)
class Reading:
    """A figure of an iteration's completions, and its standard error."""

    mean: float
    error: float


@dataclass(frozen=True)
class Readings:
    """What alarms go by. `shares`: of completions that are empty, that another one equals (identical), that are cut
    off; `spread`: distinct pairs of neighbouring tokens over all pairs (distinct), entropy of a token in nats."""

    shares: dict[str, Reading]
    spread: dict[str, Reading]

    @classmethod
    def told(cls, kept: Mapping[str, Any]) -> Readings:
        """Of what dataclasses.asdict made of it."""
        return cls(*({code: Reading(**one) for code, one in kept[part].items()} for part in ("shares", "spread")))


def reading(values: Sequence[float], prompts: Sequence[int], among: int) -> Reading:
    """The mean of one value a completion. Its error is the larger of that over completions and that over the means of
    prompts (of equally many completions): those of a prompt are alike, and another iteration draws other prompts, of
    the `among` that the run has.
    """
    if _says_nothing(prompts, among):
        return Reading(fmean(values), inf)
    means = [fmean(values[row] for row in rows) for rows in _rows_by_prompt(prompts)]
    return Reading(fmean(values), max(_standard_error(values), _standard_error(means)))


Without = Callable[[Sequence[int]], float]
"""A figure of all completions but those of some rows."""


def _says_nothing(prompts: Sequence[int], among: int) -> bool:
    """Whether nothing tells what others would be: there is one completion, or all are of one prompt of several."""
    return len(prompts) < 2 or (among > 1 and len(set(prompts)) < 2)


def jackknifed(without: Without, prompts: Sequence[int], among: int) -> Reading:
    """The reading of a figure that is no mean. Its error is told by leaving out one completion after the other, and one
    prompt after the other with all of its completions (Efron and Stein 1981, https://doi.org/10.1214/aos/1176345462,
    Eq. 1.2); the larger of the two, as in `reading`.
    """
    if _says_nothing(prompts, among):
        return Reading(without([]), inf)
    alone = [[row] for row in range(len(prompts))]
    return Reading(without([]), max(_left_out_error(without, out) for out in (alone, _rows_by_prompt(prompts))))


def _left_out_error(without: Without, out: Sequence[Sequence[int]]) -> float:
    if len(out) < 2:
        return 0.0
    found = [without(rows) for rows in out]
    return (len(found) - 1) / sqrt(len(found)) * _spread(found)


def _rows_by_prompt(prompts: Sequence[int]) -> list[list[int]]:
    found: dict[int, list[int]] = {}
    for row, prompt in enumerate(prompts):
        found.setdefault(prompt, []).append(row)
    return list(found.values())


def _standard_error(values: Sequence[float]) -> float:
    return _spread(values) / sqrt(len(values)) if len(values) > 1 else 0.0


def _spread(values: Sequence[float]) -> float:
    """Their standard deviation; no number where one of them is none, for which the library's raises."""
    return stdev(values) if all(map(isfinite, values)) else nan


def equal_to_another(token_ids: Sequence[Sequence[int]]) -> list[bool]:
    """Of each completion whether another one is the same."""
    counts = Counter(tuple(ids) for ids in token_ids)
    return [counts[tuple(ids)] > 1 for ids in token_ids]


def distinct_pairs(token_ids: Sequence[Sequence[int]]) -> float:
    """Distinct pairs of neighbouring tokens over all pairs, of the first 24 tokens of each; 1 where there is no
    pair."""
    return distinct_pairs_without(token_ids)([])


def distinct_pairs_without(token_ids: Sequence[Sequence[int]]) -> Without:
    """`distinct_pairs` of all but some completions, by counting what these hold and not the others once more."""
    own = [list(itertools.pairwise(ids[:DISTINCT_TOKENS])) for ids in token_ids]
    whole = Counter(itertools.chain.from_iterable(own))
    pairs = whole.total()

    def without(rows: Sequence[int]) -> float:
        left = Counter(itertools.chain.from_iterable(own[row] for row in rows))
        gone = sum(whole[pair] == count for pair, count in left.items())
        kept = pairs - left.total()
        return (len(whole) - gone) / kept if kept else 1.0

    return without


def alarms_of(usual: Readings, now: Readings, settings: GuardSettings) -> list[Alarm]:
    """What is past its limit in the readings of an iteration, given those of the reference: of the start of a run they
    would let each round fall as far again as the one before."""
    found = [
        Alarm(code, now.shares[code].mean, usual.shares[code].mean + more)
        for code, more in (("empty", EMPTY_SHARE), ("identical", IDENTICAL_SHARE), ("cut_off", CUT_OFF_SHARE))
        if has_clearly_grown(usual.shares[code], now.shares[code], more)
    ]
    found += [
        Alarm(code, now.spread[code].mean, share * usual.spread[code].mean)
        for code, share in (("distinct", DISTINCT_SHARE), ("entropy", settings.entropy_floor))
        if has_clearly_grown(now.spread[code], _times(share, usual.spread[code]))
    ]
    return found


def _times(share: float, whole: Reading) -> Reading:
    return Reading(share * whole.mean, share * whole.error)


def has_clearly_grown(first: Reading, now: Reading, more: float = 0.0) -> bool:
    """Whether a mean grew by `more`, and beyond that by more than what chance makes of two readings."""
    return now.mean - first.mean - more > ERRORS * sqrt(first.error**2 + now.error**2)


def hacking_alarm(proxy_of_best: Reading, proxy: Reading, best: Sequence[float], now: Sequence[float]) -> Alarm | None:
    """An alarm where the proxy rose from that of the best policy so far, while the held-out scores fell below that
    one's, both by more than chance. `best`, `now`: held-out scores in the same order of prompts.
    """
    if has_clearly_grown(proxy_of_best, proxy) and has_clearly_fallen(best, now):
        return Alarm("hacking", fmean(now), fmean(best))
    return None


def may_follow(best: Sequence[float], now: Sequence[float]) -> bool:
    """Whether a later policy is kept: its held-out scores are not clearly below those of the best so far, in the same
    order of prompts. Training is expected to help, and few prompts cannot rank policies that are alike: taking the
    highest mean would keep an early one by chance.
    """
    return not has_clearly_fallen(best, now)


def has_clearly_fallen(before: Sequence[float], after: Sequence[float]) -> bool:
    """Whether scores fell, paired by prompt, by more than chance makes of so few: the quantile of Student's t that two
    standard errors are of the normal distribution (4.5 of three prompts, 2.2 of sixteen)."""
    fall, error = paired_difference(before, after)
    return fall > error * float(stdtrit(len(before) - 1, ndtr(ERRORS))) if len(before) > 1 else False


def paired_difference(before: Sequence[float], after: Sequence[float]) -> tuple[float, float]:
    """Mean of before less after over the same prompts, and its standard error (infinite for a single one)."""
    differences = [one - other for one, other in zip(before, after, strict=True)]
    return fmean(differences), _standard_error(differences) if len(differences) > 1 else float("inf")
