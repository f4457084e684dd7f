"""What watches a policy under training: collapse, lost entropy, a reward that rises where it should not. Pure.

A reward model is only right near what it was trained on: pushed far enough, a policy finds texts that score high and
that nobody likes (Gao, Schulman, Hilton 2022, https://arxiv.org/abs/2210.10760). So the reward that is trained on, the
proxy, is held against scores on held-out prompts from which the reward's uncertainty is taken off.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev

from policy_training.settings import GuardSettings

EMPTY_SHARE = 0.05
IDENTICAL_SHARE = 0.2
DISTINCT_SHARE = 0.5
"""A policy has collapsed where more than these shares of its texts are empty or equal (beyond those of the start), or
where fewer than half the start's pairs of neighbouring tokens are distinct."""
CUT_OFF_SHARE = 0.05  # beyond that of the start: longer texts may please a reward until none of them ends
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


def spread_of_texts(token_ids: Sequence[Sequence[int]]) -> dict[str, float]:
    """`identical`: share of completions that another one equals; `distinct_2`: distinct pairs of neighbouring tokens
    over all pairs, of the first 24 tokens of each (1 where there is no pair)."""
    counts = Counter(tuple(ids) for ids in token_ids)
    pairs = [pair for ids in token_ids for pair in itertools.pairwise(ids[:DISTINCT_TOKENS])]
    return {
        "identical": sum(count for count in counts.values() if count > 1) / max(1, len(token_ids)),
        "distinct_2": len(set(pairs)) / len(pairs) if pairs else 1.0,
    }


def alarms_of(
    first: Mapping[str, float], now: Mapping[str, float], completions: int, settings: GuardSettings
) -> list[Alarm]:
    """What is past its limit in the readings of an iteration of so many completions, given those of the run's start."""
    found = [
        Alarm(code, now[code], first[code] + more)
        for code, more in (("empty", EMPTY_SHARE), ("identical", IDENTICAL_SHARE), ("cut_off", CUT_OFF_SHARE))
        if has_clearly_grown(first[code], now[code], more, completions)
    ]
    found += [
        Alarm(code, now[reading], share * first[reading])
        for code, reading, share in (
            ("distinct", "distinct_2", DISTINCT_SHARE),
            ("entropy", "entropy_nats", settings.entropy_floor),
        )
        if now[reading] < share * first[reading]
    ]
    return found


def has_clearly_grown(first: float, now: float, more: float, count: int) -> bool:
    """Whether a share, read twice of so many each, grew by `more` and by what chance makes of two such readings (with
    the pooled share's standard error)."""
    pooled = (first + now) / 2
    return now - first - more > ERRORS * sqrt(2 * pooled * (1 - pooled) / max(1, count))


def hacking_alarm(
    proxy: tuple[float, float], best: Sequence[float], now: Sequence[float], completions: int
) -> Alarm | None:
    """An alarm where the proxy's mean rose from that of the best policy so far, while the held-out scores fell below
    that one's, both by more than chance. `proxy`: what it rose by, and the standard deviation of single scores; `best`,
    `now`: held-out scores in the same order of prompts.
    """
    rise, sd = proxy
    fall, error = paired_difference(best, now)
    if rise > ERRORS * sd * sqrt(2 / max(1, completions)) and fall > ERRORS * error:
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
    error = stdev(differences) / sqrt(len(differences)) if len(differences) > 1 else float("inf")
    return fmean(differences), error
