"""How hard an English text is to read: school grades that it lies outside a window, with the sign turned; 0 is best.

Grade = 0.39 words/sentences + 11.8 syllables/words - 15.59 (Kincaid et al. 1975, the Flesch-Kincaid grade). Syllables
are counted by groups of vowels, a silent e at the end left out, which is right for about nine words in ten. A text
without words says nothing.
"""

import re
from collections.abc import Sequence

from pydantic import Field, model_validator

from reward_training.reward_function import FunctionSettings, Given, Prompt, RewardFunction, Scores

LANGUAGES = ("en",)
NEEDS = ()
LONGEST = 20_000  # characters that are read


class Settings(FunctionSettings):
    lowest: float = Field(4.0, ge=-5, le=30, description="school grade below which a text is too easy")
    highest: float = Field(9.0, ge=-5, le=30, description="school grade above which a text is too hard")
    most: float = Field(10.0, gt=0, le=100, description="grades outside; more count as this many")

    @model_validator(mode="after")
    def _in_order(self) -> "Settings":
        if self.lowest > self.highest:
            raise ValueError(f"lowest = {self.lowest:g} lies above highest = {self.highest:g}")
        return self


def build(settings: Settings, given: Given) -> RewardFunction:
    def reward(prompts: Sequence[Prompt], completions: Sequence[str]) -> Scores:
        return [outside(grade(str(text)[:LONGEST])) for text in completions]

    def outside(found: float | None) -> float | None:
        if found is None:
            return None
        return -min(max(settings.lowest - found, found - settings.highest, 0.0), settings.most)

    return reward


def grade(text: str) -> float | None:
    """The Flesch-Kincaid grade; None where there are no words."""
    words = re.findall(r"[a-z]+(?:['’][a-z]+)*", text.lower())
    if not words:
        return None
    sentences = max(1, sum(bool(re.search(r"[A-Za-z]", part)) for part in re.split(r"[.!?\n]+", text)))
    return 0.39 * len(words) / sentences + 11.8 * sum(map(syllables, words)) / len(words) - 15.59


def syllables(word: str) -> int:
    """Groups of vowels of a word in lower case, without a silent e; at least one."""
    count = len(re.findall(r"[aeiouy]+", word))
    silent = word.endswith("e") and not word.endswith(("le", "ee", "ie", "oe", "ye"))
    return max(1, count - silent)
