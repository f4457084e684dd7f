"""Phi(s_t) = weight times the share of the longest length allowed that is written: t / C.

It says nothing of what is written. With a negative weight each token costs on the way and all is given back at the end.
"""

from collections.abc import Sequence

from language_models.sampling import Sampled
from policy_training.records import Potential, PromptItem


def length_progress(longest: int, weight: float) -> Potential:
    """`longest` is C, the number of tokens at which a completion is cut off."""

    def potential(_: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[list[float]]:
        return [[weight * t / longest for t in range(len(one.token_ids) + 1)] for one in sampled]

    return potential
