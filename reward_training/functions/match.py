"""What must stand in a completion and what must not: the share of the patterns that hold, 0 to 1.

Patterns are regular expressions of the package regex, searched anywhere in the text, with a limit of time: texts are
written by models and may be the worst case of a pattern. A text on which a pattern takes too long says nothing.
"""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from reward_training.reward_function import ANY, FunctionSettings, Given, Prompt, RewardFunction, Scores

LANGUAGES = (ANY,)
NEEDS = ()
LONGEST = 20_000  # characters that are searched

Pattern = Annotated[str, Field(min_length=1, max_length=1000)]


class Settings(FunctionSettings):
    must: tuple[Pattern, ...] = Field((), max_length=50, description="patterns that have to be found")
    must_not: tuple[Pattern, ...] = Field((), max_length=50, description="patterns that must not be found")
    ignore_case: bool = Field(True, description="whether capitals are taken for small letters")
    most_seconds: float = Field(0.2, gt=0, le=10, description="time a pattern may take on one text")

    @field_validator("must", "must_not")
    @classmethod
    def _can_be_read(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        import regex

        for pattern in patterns:
            try:
                regex.compile(pattern)
            except (regex.error, RecursionError, OverflowError) as error:
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
        return patterns

    @model_validator(mode="after")
    def _some(self) -> "Settings":
        if not self.must and not self.must_not:
            raise ValueError("at least one pattern is needed in must or must_not")
        return self


def build(settings: Settings, given: Given) -> RewardFunction:
    import regex

    flags = regex.IGNORECASE if settings.ignore_case else 0
    patterns = [(regex.compile(one, flags), True) for one in settings.must]
    patterns += [(regex.compile(one, flags), False) for one in settings.must_not]

    def reward(prompts: Sequence[Prompt], completions: Sequence[str]) -> Scores:
        return [share(str(text)[:LONGEST]) for text in completions]

    def share(text: str) -> float | None:
        try:
            held = [
                (pattern.search(text, timeout=settings.most_seconds) is not None) == wanted
                for pattern, wanted in patterns
            ]
        except TimeoutError:
            return None
        return sum(held) / len(held)

    return reward
