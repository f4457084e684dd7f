"""Which language a text is in, by py3langid (Lui and Baldwin 2012): packaged, without a download."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from reward_training.text_words import words

Identify = Callable[[str], str | None]
"""A text -> the code of its language; None where it is too short or too mixed to tell."""

SURE = 0.8
FEWEST_LETTERS = 12  # a dozen Latin letters, or four Chinese characters, that say three times as much
FIRST_OF_THE_EAST = 0x2E7F  # Han, kana and all behind them
LONGEST = 4000  # characters that are read
KNOWN = (
    "ace", "af", "am", "an", "ar", "ary", "arz", "as", "az", "ba", "bcl", "be", "bg", "bn", "br", "bs", "ca", "crh",
    "cs", "cy", "da", "de", "dz", "el", "en", "eo", "es", "et", "eu", "ext", "fa", "fi", "fo", "fr", "fuv", "fy",
    "ga", "gcf", "gcr", "gd", "gl", "gom", "grc", "gu", "gug", "guw", "ha", "hbo", "he", "hi", "hr", "ht", "hu",
    "hy", "id", "ig", "is", "it", "ja", "jv", "ka", "kab", "kik", "kk", "km", "kn", "ko", "ku", "ky", "la", "lb",
    "lg", "lij", "ln", "lo", "lt", "ltg", "lv", "mg", "mk", "ml", "mn", "mr", "ms", "mt", "my", "ne", "nl", "nn",
    "no", "nso", "oc", "om", "or", "pa", "pcm", "pl", "ps", "pt", "qu", "ro", "ru", "rw", "sa", "sdh", "se", "si",
    "sk", "sl", "sn", "so", "sq", "sr", "st", "sv", "sw", "ta", "te", "tg", "th", "tk", "tl", "tr", "tt", "ug",
    "uk", "ur", "uz", "uzs", "vec", "vi", "vo", "wa", "wuu", "xh", "yo", "yue", "zh", "zu", "zxx",
)  # fmt: skip
"""Codes that are told apart. Written out: to ask the identifier for them loads all that it has learned."""


def identify(text: str) -> str | None:
    """The ISO 639 code of a text's language, where that can be told: a short "OK" is in no language."""
    if not long_enough(text):
        return None
    code, probability = _identifier().classify(text[:LONGEST])
    return str(code) if probability >= SURE else None


def long_enough(text: str) -> bool:
    """Whether a text has enough letters for its language to be told."""
    tokens = words(text[:LONGEST])
    letters = sum(3 if len(token) == 1 and ord(token) > FIRST_OF_THE_EAST else len(token) for token in tokens)
    return letters >= FEWEST_LETTERS


def probability(text: str, language: str) -> float:
    """The probability that a text is in the language of this code, 0 to 1."""
    return float(dict(_identifier().rank(text[:LONGEST])).get(language, 0.0))


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
