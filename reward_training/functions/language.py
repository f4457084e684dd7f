"""Whether a completion is in the language wanted: the probability that py3langid gives it, 0 to 1.

Lui and Baldwin 2012, https://aclanthology.org/P12-3005, a naive Bayes over runs of bytes. A text that is too short to
tell says nothing.
"""

from collections.abc import Sequence

from pydantic import Field, field_validator

from reward_training.languages import KNOWN, long_enough, probability
from reward_training.reward_function import (
    ANY,
    FunctionSettings,
    Given,
    Prompt,
    RewardFunction,
    Scores,
)

LANGUAGES = (ANY,)
NEEDS = ()


class Settings(FunctionSettings):
    wanted: str = Field("en", pattern="^[a-z]{2,3}$", description="ISO 639 code of the language, such as en or zh")

    @field_validator("wanted")
    @classmethod
    def _is_told_apart(cls, wanted: str) -> str:
        if wanted not in KNOWN:
            raise ValueError(f"languages that are told apart are {', '.join(KNOWN)}")
        return wanted


def build(settings: Settings, given: Given) -> RewardFunction:
    def reward(prompts: Sequence[Prompt], completions: Sequence[str]) -> Scores:
        return [probability(text, settings.wanted) if long_enough(text) else None for text in completions]

    return reward
