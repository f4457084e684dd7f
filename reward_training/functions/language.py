"""Whether a completion is in the language wanted: the probability that py3langid gives it, 0 to 1.

Lui and Baldwin 2012, https://aclanthology.org/P12-3005, a naive Bayes over runs of bytes. A text that is too short to
tell says nothing.
"""

from collections.abc import Sequence

from pydantic import Field

from reward_training.languages import known_languages, long_enough, probability
from reward_training.reward_function import (
    ANY,
    FunctionSettings,
    Given,
    Prompt,
    RewardFunction,
    RewardFunctionError,
    Scores,
)

LANGUAGES = (ANY,)
NEEDS = ()


class Settings(FunctionSettings):
    wanted: str = Field("en", pattern="^[a-z]{2,3}$", description="ISO 639 code of the language, such as en or zh")


def build(settings: Settings, given: Given) -> RewardFunction:
    """Raises RewardFunctionError for a language that is not told apart."""
    known = known_languages()
    if settings.wanted not in known:
        raise RewardFunctionError(f"language: wanted = {settings.wanted!r} is not known. Known: {', '.join(known)}.")

    def reward(prompts: Sequence[Prompt], completions: Sequence[str]) -> Scores:
        return [probability(text, settings.wanted) if long_enough(text) else None for text in completions]

    return reward
