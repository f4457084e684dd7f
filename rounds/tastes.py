"""Hidden tastes: written rules that stand in for a group's taste, so that the loop can be measured without people.

Each is a pure function of one completion. A sound text scores between 0 and 1, more is better; empty, repeated or
cut-off text scores FLAWED, worse than any sound text. A new taste is one function here and its name in TASTES.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

FLAWED = -1.0
"""Score of empty, repeated and cut-off text."""

BEST = 1.0
"""Highest score that a taste can give; `share_max` puts every new text there."""

WORDS_FLOOR = 6
WORDS_SPAN = 40
MIX_WEIGHTS = {"lists": 0.4, "concise": 0.3, "cheerful": 0.3}

Taste = Callable[[str, bool], float]
"""(text, whether it was cut off) -> score."""


class UnknownTaste(ValueError):
    """A taste was named that does not exist; the words list those that do."""


def words(text: str) -> list[str]:
    """The words of a text in lower case; an apostrophe stays inside its word."""
    return re.findall(r"\w+(?:['’]\w+)*", text.lower())


def is_flawed(text: str, cut_off: bool) -> bool:
    """Whether a text is cut off, has no words, or repeats itself.

    Repeated means: three words in a row that come three times, one word four times in a row, or a sentence said twice.
    """
    tokens = words(text)
    if cut_off or not tokens:
        return True
    threes = Counter(zip(tokens, tokens[1:], tokens[2:], strict=False))
    if threes and max(threes.values()) >= 3:
        return True
    if any(len(set(tokens[i : i + 4])) == 1 for i in range(len(tokens) - 3)):
        return True
    sentences = [" ".join(words(part)) for part in re.split(r"[.!?\n]+", text)]
    counts = Counter(sentence for sentence in sentences if sentence)
    return max(counts.values()) > 1


def lists(text: str, cut_off: bool) -> float:
    """Enumerations: commas that stand between words, counted up to three."""
    if is_flawed(text, cut_off):
        return FLAWED
    return min(len(re.findall(r"(?<=[^\s,]),\s+(?=\w)", text)), 3) / 3


def concise(text: str, cut_off: bool) -> float:
    """Fewer words: best at six, falling by 1/40 for each word more and by 1/6 for each word less."""
    if is_flawed(text, cut_off):
        return FLAWED
    count = len(words(text))
    return count / WORDS_FLOOR if count < WORDS_FLOOR else max(0.0, 1 - (count - WORDS_FLOOR) / WORDS_SPAN)


def addresses_the_reader(text: str, cut_off: bool) -> float:
    """Speaks to the reader: you, your, yours, yourself (and you're, you'll ...), counted up to two."""
    if is_flawed(text, cut_off):
        return FLAWED
    return min(sum(bool(re.fullmatch(r"you(?:r|rs|rself|rselves|['’]\w+)?", word)) for word in words(text)), 2) / 2


def cheerful(text: str, cut_off: bool) -> float:
    """Cheerfulness: the compound sentiment of VADER (Hutto and Gilbert 2014), moved from [-1, 1] to [0, 1]."""
    if is_flawed(text, cut_off):
        return FLAWED
    return (float(_sentiment().polarity_scores(text)["compound"]) + 1) / 2


def mix(text: str, cut_off: bool) -> float:
    """A weighted mean of lists (0.4), concise (0.3) and cheerful (0.3)."""
    if is_flawed(text, cut_off):
        return FLAWED
    return sum(weight * TASTES[name](text, cut_off) for name, weight in MIX_WEIGHTS.items())


TASTES: dict[str, Taste] = {
    "lists": lists,
    "concise": concise,
    "addresses_the_reader": addresses_the_reader,
    "cheerful": cheerful,
    "mix": mix,
}


def taste(name: str) -> Taste:
    """The taste of that name; `-` and `_` are the same. Raises UnknownTaste, which lists the valid names."""
    found = TASTES.get(name.strip().lower().replace("-", "_"))
    if found is None:
        raise UnknownTaste(f"There is no taste {name!r}. Valid tastes: {', '.join(TASTES)}.")
    return found


@cache
def _sentiment() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()
