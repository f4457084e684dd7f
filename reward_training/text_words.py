"""Words of a text in any language: a Chinese, Japanese or Thai text has no spaces, so each of its characters counts as
one."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Han, kana, Hangul syllables are written with spaces in Korean and stay whole; Thai, Lao and Khmer are not.
_UNSPACED = r"\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORDS = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+(?:['’][^\W{_UNSPACED}]+)*")
_HAN = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


def words(text: str) -> list[str]:
    """The words in lower case; an apostrophe stays inside its word, signs and emoji are no words."""
    return _WORDS.findall(text.lower())


def has_han(text: str) -> bool:
    """Whether Chinese or Japanese characters stand in it."""
    return _HAN.search(text) is not None


def n_grams(tokens: Sequence[str], n: int) -> list[tuple[str, ...]]:
    """Every run of n words; none where there are fewer."""
    return [tuple(tokens[place : place + n]) for place in range(len(tokens) - n + 1)]
