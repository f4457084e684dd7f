"""Spelling: the share of a completion's words that a dictionary knows, 0 to 1.

pyspellchecker's word lists (from OpenSubtitles), no download. Words with a digit and words that begin with a capital
inside a sentence (names) are left out. A text without such words says nothing.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

from pydantic import Field

from reward_training.reward_function import FunctionSettings, Given, Prompt, RewardFunction, Scores

LANGUAGES = ("en", "es", "fr", "de", "it", "pt", "nl", "ru")
NEEDS = ()
LONGEST = 10_000  # characters that are checked
ELIDED = {"fr": {"c", "d", "j", "l", "m", "n", "s", "t", "qu", "jusqu", "lorsqu", "puisqu", "quoiqu"}}
"""What stands before an apostrophe in languages whose word list does not have such words whole: l'homme, c'est."""


class Settings(FunctionSettings):
    language: Literal["en", "es", "fr", "de", "it", "pt", "nl", "ru"] = Field("en", description="whose dictionary")


def build(settings: Settings, given: Given) -> RewardFunction:
    known, elides = dictionary(settings.language), settings.language in ELIDED

    def reward(prompts: Sequence[Prompt], completions: Sequence[str]) -> Scores:
        scores: Scores = []
        for text in completions:
            # German nouns have capitals: there every word counts.
            checked = checkable(str(text)[:LONGEST], names=settings.language == "de")
            parts = {part for word in checked for part in [word, *word.split("'")]}
            right = known.known(parts) | ELIDED.get(settings.language, set())
            known_words = [word in right or (elides and set(word.split("'")) <= right) for word in checked]
            scores.append(sum(known_words) / len(checked) if checked else None)
        return scores

    return reward


def checkable(text: str, *, names: bool = False) -> list[str]:
    """Words in lower case without those with digits and, but for `names`, without capitals inside a sentence."""
    found = []
    start = True
    for token in re.findall(r"\w+(?:['’]\w+)*|[.!?…:\n]", text):
        if not token[0].isalnum():
            start = True
            continue
        word = token.lower().replace("’", "'")
        if word.replace("'", "").isalpha() and (start or names or token == token.lower()):
            found.append(word)
        start = False
    return found


@cache
def dictionary(language: str) -> Any:
    from spellchecker import SpellChecker

    return SpellChecker(language=language)
