"""Which prompts are sampled to be looked at: drawn by a seed, so that they are the same each time. Torch-free."""

from __future__ import annotations

import random
from collections.abc import Sequence

from feedback_store import prompts
from feedback_store.database import Database
from feedback_store.prompts import Prompt

TASTE_SAMPLES = 8  # of each prompt, of which the best and the worst are shown
TASTE_SEED = -1  # run seeds are never below 0: an evaluation with any seed draws texts of its own
TASTE, HELD_OUT = "taste", "held out"
"""Draw prompts that a reward's taste is shown on, and those that decide which policy is kept: others than any run's
seed does, which is a number (and Python's generator takes -1 for 1)."""


def chosen_prompts(known: Sequence[Prompt], number: int, seed: int | str) -> list[Prompt]:
    """At most `number` prompts, drawn by the seed, in id order."""
    drawn = random.Random(seed).sample(list(known), min(number, len(known)))
    return sorted(drawn, key=lambda prompt: prompt.id)


def taste_prompts(db: Database, number: int) -> list[Prompt]:
    """Held-out prompts on which a reward's taste is shown; of all where none is held out."""
    return chosen_prompts(prompts.listing(db, split="holdout") or prompts.listing(db), number, TASTE)
