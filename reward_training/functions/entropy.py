"""How evenly a completion spreads over its words: Shannon entropy of its words over the most it could be, 0 to 1.

H = -sum_w p_w log p_w with p_w the share of word w, divided by log n for n words (Pielou's evenness over tokens;
Shannon 1948). A text that says one word again and again gets 0, one that never repeats a word 1. Long texts repeat
small words and get less, so only the first words count.
"""

import math
from collections import Counter
from collections.abc import Sequence

from pydantic import Field

from reward_training.reward_function import ANY, FunctionSettings, Given, Prompt, RewardFunction, Scores
from reward_training.text_words import words

LANGUAGES = (ANY,)
NEEDS = ()


class Settings(FunctionSettings):
    longest: int = Field(64, ge=2, le=10_000, description="words that count, from the start")


def build(settings: Settings, given: Given) -> RewardFunction:
    def reward(prompts: Sequence[Prompt], completions: Sequence[str]) -> Scores:
        return [evenness(words(text)[: settings.longest]) for text in completions]

    return reward


def evenness(tokens: Sequence[str]) -> float:
    """0 to 1; 0 for fewer than two words."""
    if len(tokens) < 2:
        return 0.0
    shares = [count / len(tokens) for count in Counter(tokens).values()]
    return -sum(share * math.log(share) for share in shares) / math.log(len(tokens))
