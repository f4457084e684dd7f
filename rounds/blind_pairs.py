"""Which texts a blind evaluation pits against each other: a seeded plan, as plain records. Torch-free."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

SPARE_SHARE = 0.2
FEWEST_SPARE = 5


@dataclass(frozen=True)
class PlannedPair:
    """Two sides on a prompt, in the order in which their texts stand in the comparison. `index`: which text of each
    side on this prompt.
    """

    prompt_id: int
    index: int
    first: int
    second: int


def plan(prompt_ids: Sequence[int], sides: int, wanted: int, seed: int) -> list[PlannedPair]:
    """The comparisons of an evaluation, in the order in which people are asked.

    Every two sides come equally often and on the same prompts, each prompt once before one comes again. There are some
    to spare, for those that people cannot judge: a fifth, five at least.
    """
    draw = random.Random(seed)
    order = list(prompt_ids)
    draw.shuffle(order)
    pairs = list(combinations(range(sides), 2))
    number = wanted + max(FEWEST_SPARE, math.ceil(wanted * SPARE_SHARE))
    planned: list[PlannedPair] = []
    for turn in range(math.ceil(number / len(pairs))):
        block = []
        for pair in pairs:
            first, second = draw.sample(pair, 2)  # a place must not tell which side wrote what stands there
            block.append(PlannedPair(order[turn % len(order)], turn // len(order), first, second))
        draw.shuffle(block)
        planned += block
    return planned[:number]
