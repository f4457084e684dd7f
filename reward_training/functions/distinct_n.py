"""Distinct-n: the share of a completion's runs of n words that are different ones, 0 to 1.

Li et al. 2016, https://aclanthology.org/N16-1014. A text without a run of n words gets 0.
"""

from collections.abc import Sequence

from pydantic import Field

from reward_training.reward_function import ANY, FunctionSettings, Given, Prompt, RewardFunction, Scores
from reward_training.text_words import n_grams, words

LANGUAGES = (ANY,)
NEEDS = ()


class Settings(FunctionSettings):
    n: int = Field(2, ge=1, le=8, description="words in a run")


def build(settings: Settings, given: Given) -> RewardFunction:
    def reward(prompts: Sequence[Prompt], completions: Sequence[str]) -> Scores:
        scores: Scores = []
        for text in completions:
            runs = n_grams(words(text), settings.n)
            scores.append(len(set(runs)) / len(runs) if runs else 0.0)
        return scores

    return reward
