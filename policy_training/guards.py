"""What watches a policy under training: collapse, lost entropy, a reward that rises where it should not. Pure.

A reward model is only right near what it was trained on: pushed far enough, a policy finds texts that score high and
that nobody likes (Gao, Schulman, Hilton 2022, https://arxiv.org/abs/2210.10760). So the proxy, which is the reward that
is trained on less the penalty for truncation, is held against scores on held-out prompts that pay the same penalty and
from which the reward's uncertainty is taken off.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev
from typing import Any

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
    """Something that went past its limit. Codes: empty, identical, cut_off, distinct, entropy, hacking, kl_budget."""

    code: str
    value: float
    limit: float


@dataclass(frozen=True)
class Reading:
    """A mean over an iteration's completions, and its standard error."""

    mean: float
    error: float


@dataclass(frozen=True)
class Readings:
    """What alarms go by. `shares`: of completions that are empty, that another one equals (identical), that are cut
    off; `distinct_2`: distinct pairs of neighbouring tokens over all pairs; entropy of a token in nats."""

    shares: dict[str, Reading]
    distinct_2: float
    entropy_nats: float

    @classmethod
    def told(cls, kept: Mapping[str, Any]) -> Readings:
        """Of what dataclasses.asdict made of it."""
        return cls(**{**kept, "shares": {code: Reading(**reading) for code, reading in kept["shares"].items()}})


def reading(values: Sequence[float], prompts: Sequence[int]) -> Reading:
    """The mean of one value a completion. Its error is the larger of that over completions and that over the means of
    prompts (of equally many completions): those of a prompt are alike, and another iteration draws other prompts. Of
    one prompt there is no second mean.
    """
    by_prompt: dict[int, list[float]] = {}
    for prompt, value in zip(prompts, values, strict=True):
        by_prompt.setdefault(prompt, []).append(value)
    means = [fmean(own) for own in by_prompt.values()]
    return Reading(fmean(values), max(_standard_error(values), _standard_error(means)))


def _standard_error(values: Sequence[float]) -> float:
    return stdev(values) / sqrt(len(values)) if len(values) > 1 else 0.0


def equal_to_another(token_ids: Sequence[Sequence[int]]) -> list[bool]:
    """Of each completion whether another one is the same."""
    counts = Counter(tuple(ids) for ids in token_ids)
    return [counts[tuple(ids)] > 1 for ids in token_ids]


def distinct_pairs(token_ids: Sequence[Sequence[int]]) -> float:
    """Distinct pairs of neighbouring tokens over all pairs, of the first 24 tokens of each; 1 where there is no
    pair."""
    pairs = [pair for ids in token_ids for pair in itertools.pairwise(ids[:DISTINCT_TOKENS])]
    return len(set(pairs)) / len(pairs) if pairs else 1.0


def alarms_of(usual: Readings, now: Readings, settings: GuardSettings) -> list[Alarm]:
    """What is past its limit in the readings of an iteration, given those of the reference: of the start of a run they
    would let each round fall as far again as the one before."""
    found = [
        Alarm(code, now.shares[code].mean, usual.shares[code].mean + more)
        for code, more in (("empty", EMPTY_SHARE), ("identical", IDENTICAL_SHARE), ("cut_off", CUT_OFF_SHARE))
        if has_clearly_grown(usual.shares[code], now.shares[code], more)
    ]
    found += [
        Alarm(code, value, share * whole)
        for code, value, share, whole in (
            ("distinct", now.distinct_2, DISTINCT_SHARE, usual.distinct_2),
            ("entropy", now.entropy_nats, settings.entropy_floor, usual.entropy_nats),
        )
        if value < share * whole
    ]
    return found


def has_clearly_grown(first: Reading, now: Reading, more: float = 0.0) -> bool:
    """Whether a mean grew by `more`, and beyond that by more than what chance makes of two readings."""
    return now.mean - first.mean - more > ERRORS * sqrt(first.error**2 + now.error**2)


def hacking_alarm(proxy_of_best: Reading, proxy: Reading, best: Sequence[float], now: Sequence[float]) -> Alarm | None:
    """An alarm where the proxy rose from that of the best policy so far, while the held-out scores fell below that
    one's, both by more than chance. `best`, `now`: held-out scores in the same order of prompts.
    """
    fall, error = paired_difference(best, now)
    if has_clearly_grown(proxy_of_best, proxy) and fall > ERRORS * error:
        return Alarm("hacking", fmean(now), fmean(best))
    return None


def may_follow(best: Sequence[float], now: Sequence[float]) -> bool:
    """Whether a later policy is kept: its held-out scores are not clearly below those of the best so far, in the same
    order of prompts. Training is expected to help, and few prompts cannot rank policies that are alike: taking the
    highest mean would keep an early one by chance.
    """
    fall, error = paired_difference(best, now)
    return fall <= ERRORS * error


def paired_difference(before: Sequence[float], after: Sequence[float]) -> tuple[float, float]:
    """Mean of before less after over the same prompts, and its standard error (infinite for a single one)."""
    differences = [one - other for one, other in zip(before, after, strict=True)]
    return fmean(differences), _standard_error(differences) if len(differences) > 1 else float("inf")
