"""What reward functions are given in tests: answers that are known, on the tiny model."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from language_models.model import LanguageModel
from reward_training.reward_function import Given, Prompt, Scores, TextKind
from reward_training.text_words import words
from tiny_models import fresh_tiny

GOOD = ["Paris is the capital of France.", "The capital is Paris."]
EARLIER = ["one two three four", "nine ten eleven"]


def asked(text: str) -> Prompt:
    return [{"role": "system", "content": "Reply."}, {"role": "user", "content": text}]


def length(prompts: Sequence[Prompt], completions: Sequence[str]) -> Scores:
    return [float(len(text)) for text in completions]


def bag(texts: Sequence[str], kind: TextKind) -> NDArray[np.float64]:
    """A vector that counts the letters a to z: texts of the same letters point the same way."""
    counts = [[" ".join(words(text)).count(chr(97 + place)) for place in range(26)] for text in texts]
    return np.array(counts, dtype=float).reshape(-1, 26)


@cache
def tiny() -> LanguageModel:
    return fresh_tiny()


def everything() -> Given:
    return Given(
        learned=length,
        base=tiny(),
        embed=bag,
        references=lambda prompt: GOOD,
        earlier=lambda prompt: EARLIER,
    )
