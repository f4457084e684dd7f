"""The demo study's prompts: short requests of many kinds, each asking for one short sentence."""

from __future__ import annotations

import json
import random
from importlib.resources import files

from feedback_store.prompts import NewPrompt

HOLDOUT_SHARE = 0.34
"""Larger than usual, so that a study this small still has more than a hundred held-out prompts to evaluate on."""


def prompts(seed: int = 0, holdout_share: float = HOLDOUT_SHARE) -> list[NewPrompt]:
    """The prompts of prompts.jsonl, in its order; exactly the share given, drawn by the seed, is hold-out."""
    lines = files("rounds.demo").joinpath("prompts.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    held_out = set(random.Random(seed).sample(range(len(rows)), round(holdout_share * len(rows))))
    return [
        NewPrompt(
            messages=[{"role": "user", "content": row["prompt"]}],
            tags=row["tags"],
            split="holdout" if place in held_out else "train",
        )
        for place, row in enumerate(rows)
    ]
