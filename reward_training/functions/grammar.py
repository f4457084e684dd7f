"""English grammar: mistakes that Harper finds, a hundred words, with the sign turned; 0 is best.

Harper (https://writewithharper.com) is an offline checker by rules, here through harper-py. It takes some names and
deliberate style for mistakes. Emphasis of spelling can be left to the function spelling. A text without words says
nothing.
"""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from reward_training.reward_function import FunctionSettings, Given, Prompt, RewardFunction, Scores
from reward_training.text_words import words

LANGUAGES = ("en",)
NEEDS = ()
LONGEST = 5_000  # characters that are checked


class Settings(FunctionSettings):
    dialect: Literal["american", "british", "australian", "canadian", "indian"] = Field(
        "american", description="whose English"
    )
    spelling: bool = Field(True, description="whether misspelt words are mistakes as well")
    most: float = Field(20.0, gt=0, le=100, description="mistakes a hundred words; more count as this many")


def build(settings: Settings, given: Given) -> RewardFunction:
    from harper import Dialect, Linter

    linter = Linter(Dialect[settings.dialect.upper()])

    def reward(prompts: Sequence[Prompt], completions: Sequence[str]) -> Scores:
        return [score(str(text)[:LONGEST]) for text in completions]

    def score(text: str) -> float | None:
        count = len(words(text))
        if not count:
            return None
        found = [lint for lint in linter.lint(text) if settings.spelling or lint.lint_kind != "Spelling"]
        return -min(100 * len(found) / count, settings.most)

    return reward
