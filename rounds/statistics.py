"""Statistics of a round as pure functions: shares, accuracies and diversity, with intervals bootstrapped over prompts.

The prompt is the unit that is resampled, because completions of one prompt are alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from rounds.policy_results import wilson

RESAMPLES = 4000
MANY_PROMPTS = 30


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval; n counts what it was computed from."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Completion:
    """One completion as the statistics see it: what the taste and the trained reward say of it, and its length."""

    taste: float
    reward: float
    length: int


@dataclass(frozen=True)
class Accuracy:
    """How often the reward and the rule "longer wins" agree with the taste, on the same decided pairs."""

    reward: Estimate
    longer_wins: float


def ratio_over_prompts(sums: Sequence[float], counts: Sequence[float], seed: int) -> Estimate:
    """sum(sums) / sum(counts) over prompts; percentile bootstrap over prompts. ValueError where there is nothing."""
    total = np.asarray(sums, dtype=float)
    weight = np.asarray(counts, dtype=float)
    if len(total) == 0 or weight.sum() == 0:
        raise ValueError("There is nothing to estimate from: no prompt has a usable completion.")
    picks = np.random.default_rng(seed).integers(0, len(total), size=(RESAMPLES, len(total)))
    drawn = weight[picks].sum(axis=1)
    values = total[picks].sum(axis=1)[drawn > 0] / drawn[drawn > 0]
    low, high = np.quantile(values, [0.025, 0.975])
    return Estimate(float(total.sum() / weight.sum()), float(low), float(high), int(weight.sum()))


def beats(first: float, second: float) -> float:
    """1 where the first is greater, 0 where it is less, 1/2 where they are equal."""
    return 0.5 if first == second else float(first > second)


def preferred_share(new: Mapping[int, Sequence[float]], base: Mapping[int, Sequence[float]], seed: int) -> Estimate:
    """The part of prompts in which scores of `new` beat those of `base`, ties half.

    For a prompt: the mean of `beats` over all pairs of a new and a base completion. Keys are prompt ids; prompts that
    either side lacks are left out. Of fewer than MANY_PROMPTS, or where all say the same, the interval is Wilson's with
    a trial a prompt: a bootstrap would know nothing but what these few say.
    """
    shares = [
        float(np.mean([beats(a, b) for a in new[prompt] for b in base[prompt]]))
        for prompt in sorted(new.keys() & base.keys())
        if len(new[prompt]) and len(base[prompt])
    ]
    found = ratio_over_prompts(shares, [1] * len(shares), seed)
    if found.n >= MANY_PROMPTS and found.low < found.high:
        return found
    low, high = wilson(found.value, found.n)
    return replace(found, low=low, high=high)


def highest_share(base: Mapping[int, Sequence[float]], best: float, seed: int) -> float:
    """The share that a policy would reach whose every completion has the score `best`."""
    return preferred_share({prompt: [best] for prompt in base}, base, seed).value


def accuracy(by_prompt: Mapping[int, Sequence[Completion]], seed: int) -> Accuracy:
    """Agreement with the taste over all pairs of completions of one prompt that the taste decides.

    A reward (or a length) that is equal counts half. Raises ValueError where the taste decides no pair.
    """
    right, longer, counts = [], [], []
    for prompt in sorted(by_prompt):
        pairs = [sorted(pair, key=lambda one: -one.taste) for pair in combinations(by_prompt[prompt], 2)]
        decided = [(better, worse) for better, worse in pairs if better.taste != worse.taste]
        right.append(sum(beats(better.reward, worse.reward) for better, worse in decided))
        longer.append(sum(beats(better.length, worse.length) for better, worse in decided))
        counts.append(len(decided))
    return Accuracy(ratio_over_prompts(right, counts, seed), ratio_over_prompts(longer, counts, seed).value)


def distinct_pairs(first: Sequence[Sequence[str]], second: Sequence[Sequence[str]], n: int = 2) -> tuple[float, float]:
    """Distinct-n (different runs of n words / all of them; Li et al. 2016) of two lists of texts, over equal word
    counts.

    Distinct-n falls as a corpus grows, so the i-th texts of both lists (the same prompt and sample index) are both cut
    to the length of the shorter. Both are nan where no text has n words.
    """
    cut = [(a[: min(len(a), len(b))], b[: min(len(a), len(b))]) for a, b in zip(first, second, strict=True)]
    return _distinct([a for a, _ in cut], n), _distinct([b for _, b in cut], n)


def repetition(texts: Sequence[Sequence[str]], n: int = 3) -> float:
    """The mean share of a text's runs of n words that it said before; nan where no text has n words."""
    runs = [_runs(text, n) for text in texts]
    shares = [1 - len(set(found)) / len(found) for found in runs if found]
    return float(np.mean(shares)) if shares else float("nan")


def _distinct(texts: Sequence[Sequence[str]], n: int) -> float:
    runs = [run for text in texts for run in _runs(text, n)]
    return len(set(runs)) / len(runs) if runs else float("nan")


def _runs(text: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return list(zip(*(text[place:] for place in range(n)), strict=False))
