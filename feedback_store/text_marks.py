"""Marks on text that is kept as it came but should be looked at with care."""

import unicodedata
from typing import Any

# The characters that reorder what stands around them (https://www.unicode.org/reports/tr9/, section 2).
BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
HARMLESS_CONTROLS = frozenset("\t\n\r")


def marks_of(*values: Any) -> list[str]:
    """Return what the texts inside `values` (any JSON) hold: "bidi" and "control", in this order."""
    texts = [text for value in values for text in _texts(value)]
    found = {
        "bidi": any(not BIDI.isdisjoint(text) for text in texts),
        "control": any(unicodedata.category(letter) == "Cc" for text in texts for letter in _strange(text)),
    }
    return [mark for mark, there in found.items() if there]


def _strange(text: str) -> set[str]:
    return set(text) - HARMLESS_CONTROLS


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in (*_texts(key), *_texts(item))]
    if isinstance(value, (list, tuple)):
        return [text for item in value for text in _texts(item)]
    return []
