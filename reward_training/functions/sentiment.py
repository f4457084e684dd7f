"""Sentiment of an English text by VADER: its compound score, -1 (dark) to 1 (bright).

Hutto and Gilbert 2014, https://doi.org/10.1609/icwsm.v8i1.14550: a lexicon with rules for negation, degree and
punctuation, made for short texts. A text without words says nothing.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

from pydantic import Field

from reward_training.reward_function import FunctionSettings, Given, Prompt, RewardFunction, Scores
from reward_training.text_words import words

LANGUAGES = ("en",)
NEEDS = ()
LONGEST = 10_000  # characters that are read


class Settings(FunctionSettings):
    wanted: Literal["bright", "dark", "neutral"] = Field("bright", description="what is better")


def build(settings: Settings, given: Given) -> RewardFunction:
    def reward(prompts: Sequence[Prompt], completions: Sequence[str]) -> Scores:
        return [wanted(str(text)[:LONGEST]) for text in completions]

    def wanted(text: str) -> float | None:
        if not words(text):  # nothing is not neutral
            return None
        compound = float(analyser().polarity_scores(text)["compound"])
        return {"bright": compound, "dark": -compound, "neutral": -abs(compound)}[settings.wanted]

    return reward


@cache
def analyser() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()
