"""Several reward functions as one: a weighted sum of parts, each brought to mean 0 and sd 1 on reference samples.

    score(x) = sum_i weight_i * (part_i(x) - mean_i) / sd_i

with mean_i and sd_i of part i on samples of the reference policy, so that a weight means the same whatever
unit a part has, and the price of KL keeps its meaning (rewards of several objectives are combined so by Ramamurthy et
al. 2022, https://arxiv.org/abs/2210.01241, without the normalisation). A part that says nothing of a completion (it
gave None, or the text is in a language that it does not know) adds 0: neither better nor worse than the reference's
mean. It gets callables and imports no function.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reward_training.reward_function import ANY, Prompt, RewardFunction, RewardFunctionError, Scores

SMALLEST_SPREAD = 1e-6
FEWEST_TO_NORMALISE = 2


@dataclass(frozen=True)
class Part:
    """A function in the sum. `mean`, `sd`: of its scores on the reference samples."""

    name: str
    weight: float
    function: RewardFunction
    languages: tuple[str, ...] = (ANY,)
    mean: float = 0.0
    sd: float = 1.0


@dataclass(frozen=True)
class Scored:
    """N completions: the weighted sum, what each part adds to it, and of how many a part said nothing."""

    totals: list[float]  # (N,)
    parts: dict[str, list[float]]  # name -> (N,), their sum over the names is the total
    unscored: dict[str, int]
    constant: list[str]  # parts that gave every completion the same


class Composite:
    """(prompts, completions) -> the weighted sum; `scored` tells the parts as well. `identify`: a text's language."""

    def __init__(self, parts: Sequence[Part], identify: Callable[[str], str | None]) -> None:
        """Raises RewardFunctionError where there is no part or two have one name."""
        names = [part.name for part in parts]
        if not names or len(set(names)) < len(names):
            raise RewardFunctionError(
                f"A reward needs parts with names of their own; here: {', '.join(names) or 'none'}."
            )
        self.parts = list(parts)
        self._identify = identify

    def __call__(self, prompts: Sequence[Prompt], completions: Sequence[str]) -> Scores:
        return list(self.scored(prompts, completions).totals)

    def scored(self, prompts: Sequence[Prompt], completions: Sequence[str]) -> Scored:
        """Raises RewardFunctionError, naming the part, for what is no score."""
        totals = [0.0] * len(completions)
        parts: dict[str, list[float]] = {}
        unscored: dict[str, int] = {}
        constant = []
        for part in self.parts:
            raw = self.raw(part, prompts, completions)
            given = [score for score in raw if score is not None]
            adds = [0.0 if score is None else part.weight * ((score - part.mean) / part.sd) for score in raw]
            parts[part.name] = adds
            unscored[part.name] = len(raw) - len(given)
            if len(given) >= FEWEST_TO_NORMALISE and max(given) - min(given) == 0:
                constant.append(part.name)
            totals = [total + added for total, added in zip(totals, adds, strict=True)]
        return Scored(totals, parts, unscored, constant)

    def normalised_on(
        self, prompts: Sequence[Prompt], completions: Sequence[str], leave: Sequence[str] = ()
    ) -> Composite:
        """The same with each part's mean and sd taken from these samples, but for those to `leave` as they are.

        A part that gives all of them the same keeps its unit: its mean is taken off, and nothing is divided by nothing.
        """
        made = []
        for part in self.parts:
            given = [] if part.name in leave else self.raw(part, prompts, completions)
            values = np.array([score for score in given if score is not None], dtype=np.float64)
            if len(values) >= FEWEST_TO_NORMALISE:
                sd = float(values.std())
                part = replace(part, mean=float(values.mean()), sd=sd if sd > SMALLEST_SPREAD else 1.0)
            made.append(part)
        return Composite(made, self._identify)

    def raw(self, part: Part, prompts: Sequence[Prompt], completions: Sequence[str]) -> Scores:
        """(N,) a part's own scores; None where it says nothing."""
        known = [self._knows(part, text) for text in completions]
        rows = [row for row, one in enumerate(known) if one]
        if not rows:
            return [None] * len(completions)
        scores: Scores = [None] * len(completions)
        found = checked(part, [prompts[row] for row in rows], [completions[row] for row in rows])
        for row, score in zip(rows, found, strict=True):
            scores[row] = score
        return scores

    def _knows(self, part: Part, text: str) -> bool:
        return ANY in part.languages or self._identify(text) in (None, *part.languages)


def checked(part: Part, prompts: Sequence[Prompt], completions: Sequence[str]) -> Scores:
    """What a function gives, if it is one finite number (or None) a completion. Raises RewardFunctionError."""
    try:
        answer: Any = part.function(prompts, completions)
        found = answer.tolist() if hasattr(answer, "tolist") else answer
        if not isinstance(found, Iterable):
            raise RewardFunctionError(
                f"The reward function {part.name} gave {_shown(answer)}; it has to give a list, one number for each "
                "completion."
            )
        scores = list(found)  # a generator may raise here
    except RewardFunctionError:
        raise
    except (Exception, SystemExit) as error:
        raise RewardFunctionError(f"The reward function {part.name} raised {type(error).__name__}: {error}") from error
    if len(scores) != len(completions):
        raise RewardFunctionError(
            f"The reward function {part.name} gave {len(scores)} scores for {len(completions)} completions; it has to "
            "give one each."
        )
    return [_finite(part, score, text) for score, text in zip(scores, completions, strict=True)]


def _finite(part: Part, score: Any, text: str) -> float | None:
    if score is None:
        return None
    try:
        number = float(score)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(score, str) or not math.isfinite(number):
        raise RewardFunctionError(
            f"The reward function {part.name} gave {_shown(score)} for the completion {_shown(str(text))}; a score has "
            "to be a finite number, or None where it says nothing."
        )
    return number


def _shown(value: Any, most: int = 80) -> str:
    try:
        words = repr(value)
    except ValueError:  # an integer of too many digits to be written
        words = f"a value of type {type(value).__name__} that is too long to be shown"
    return words if len(words) <= most else f"{words[: most - 3]}..."
