"""Simulated annotators: profiles of people who look at a taste's scores with noise, habits and speed of their own.

All draws come from a generator seeded by (seed, annotator, comparison), so that the same study judged again gives
the same answers, in whatever order the questions come.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rounds.tastes import FLAWED, words

Side = Literal["left", "tie", "right"]


class UnknownAnnotators(ValueError):
    """A list of simulated annotators cannot be read; the words say which part and what is allowed."""


@dataclass(frozen=True)
class Profile:
    """How one kind of annotator answers.

    The impression is `attention * (left - right) + left_bias + noise`, in units of the taste's score; it is a tie
    where it is nearer to zero than `tie_below`.
    """

    noise: float
    """Scale of the logistic noise."""
    tie_below: float
    attention: float = 1.0
    """1 follows the taste, 0 ignores it, -1 turns it round."""
    left_bias: float = 0.0
    seconds: float = 8.0
    """Median time for an answer."""
    likes_length: bool = False
    """Sees the number of words in place of the taste."""


# With only noise of scale 1, |noise| < ln 2 holds in a third of all cases.
PROFILES: dict[str, Profile] = {
    "careful": Profile(noise=0.08, tie_below=0.1, seconds=9.0),
    "hasty": Profile(noise=0.25, tie_below=0.1, left_bias=0.08, seconds=3.0),
    "left_clicker": Profile(noise=0.5, tie_below=0.05, attention=0.2, left_bias=1.2, seconds=1.5),
    "always_tie": Profile(noise=0.1, tie_below=math.inf, seconds=1.5),
    "random": Profile(noise=1.0, tie_below=math.log(2), attention=0.0, seconds=2.0),
    "inverted": Profile(noise=0.08, tie_below=0.1, attention=-1.0, seconds=9.0),
    "length_lover": Profile(noise=0.08, tie_below=0.05, likes_length=True, seconds=5.0),
}

WORDS_UNIT = 40
"""Words that weigh as much as the whole range of a taste, for the one who sees only length."""


@dataclass(frozen=True)
class SimulatedAnnotator:
    """One annotator: its name (profile and number) and how it answers."""

    name: str
    profile: Profile


@dataclass(frozen=True)
class Seen:
    """One completion as an annotator sees it: its text and what the hidden taste says of it."""

    text: str
    score: float


@dataclass(frozen=True)
class Answer:
    """The side preferred, whether both were called bad, and the time taken."""

    side: Side
    both_bad: bool
    milliseconds: int

    def ranks_as_shown(self) -> tuple[int, int]:
        """Ranks of left and right: 1 is best, equal is a tie."""
        return {"left": (1, 2), "tie": (1, 1), "right": (2, 1)}[self.side]


def parse(text: str) -> list[SimulatedAnnotator]:
    """`careful:4,hasty:2` as six annotators; a profile without a number is one. Raises UnknownAnnotators."""
    counts: dict[str, int] = {}
    for part in text.split(","):
        name, colon, number = (piece.strip() for piece in part.partition(":"))
        profile = name.lower().replace("-", "_")
        if profile not in PROFILES:
            raise UnknownAnnotators(f"There is no annotator profile {name!r}. Valid profiles: {', '.join(PROFILES)}.")
        if colon and not (number.isdecimal() and len(number) <= 4 and 1 <= int(number) <= 1000):
            raise UnknownAnnotators(f"{part.strip()!r} needs a number from 1 to 1000: write {profile}:4.")
        counts[profile] = counts.get(profile, 0) + (int(number) if colon else 1)
    return [
        SimulatedAnnotator(f"{profile}-{i}", PROFILES[profile])
        for profile, count in counts.items()
        for i in range(1, count + 1)
    ]


def generator(seed: int, annotator: str, comparison_id: int) -> np.random.Generator:
    """The generator of one annotator's answer to one comparison."""
    digest = hashlib.sha256(f"{seed}/{annotator}/{comparison_id}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def judge(profile: Profile, left: Seen, right: Seen, draw: np.random.Generator) -> Answer:
    """What an annotator of that profile answers to two completions, in the order as shown."""
    if profile.likes_length:
        difference = (len(words(left.text)) - len(words(right.text))) / WORDS_UNIT
    else:
        difference = left.score - right.score
    impression = profile.attention * difference + profile.left_bias + draw.logistic(0.0, profile.noise)
    side: Side = "tie" if abs(impression) < profile.tie_below else "left" if impression > 0 else "right"
    looks = profile.attention == 1 and math.isfinite(profile.tie_below) and not profile.likes_length
    both_bad = side == "tie" and looks and left.score == right.score == FLAWED
    milliseconds = round(1000 * profile.seconds * draw.lognormal(0.0, 0.4))
    return Answer(side, both_bad, milliseconds)


def share_out(
    comparison_ids: Sequence[int], annotators: Sequence[SimulatedAnnotator], seed: int
) -> dict[str, list[int]]:
    """Each comparison to one annotator, by a seeded deal in equal parts; annotator names to comparison ids."""
    order = np.random.default_rng([seed, len(comparison_ids)]).permutation(sorted(comparison_ids))
    hands: dict[str, list[int]] = {annotator.name: [] for annotator in annotators}
    for place, comparison_id in enumerate(order):
        hands[annotators[place % len(annotators)].name].append(int(comparison_id))
    return hands
