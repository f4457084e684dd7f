"""Length within a window: 0 inside, outside minus the share by which it is too short or too long, at least -1.

Words are those of every language (text_words.py): a Chinese character is one. It says nothing of what is written, so it
keeps another reward from running away in length (Singhal et al. 2023, https://arxiv.org/abs/2310.03716).
"""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, model_validator

from reward_training.reward_function import ANY, FunctionSettings, Given, Prompt, RewardFunction, Scores
from reward_training.text_words import words

LANGUAGES = (ANY,)
NEEDS = ()


class Settings(FunctionSettings):
    unit: Literal["words", "characters"] = Field("words", description="what is counted")
    shortest: int = Field(5, ge=0, le=1_000_000, description="below it a text is too short")
    longest: int = Field(60, ge=1, le=1_000_000, description="above it a text is too long")

    @model_validator(mode="after")
    def _in_order(self) -> "Settings":
        if self.shortest > self.longest:
            raise ValueError(f"shortest = {self.shortest} lies above longest = {self.longest}")
        return self


def build(settings: Settings, given: Given) -> RewardFunction:
    def reward(prompts: Sequence[Prompt], completions: Sequence[str]) -> Scores:
        return [outside(len(words(text)) if settings.unit == "words" else len(text)) for text in completions]

    def outside(length: int) -> float:
        if length < settings.shortest:
            return length / settings.shortest - 1
        return -min(1.0, max(0, length - settings.longest) / settings.longest)

    return reward
