"""JSON in one exact form, and the hygiene of text at the store's door.

Hashes are taken over sorted keys, exports keep the order in which the keys were written. Both are UTF-8 as it is,
without white space, so that the same content is always the same bytes.
"""

import hashlib
import json
import math
import os
from typing import Any, NoReturn

from feedback_store.errors import InvalidInput

MOST_BYTES = 1_000_000
"""A row's texts may be as large as a long document, not as large as a mistake."""

# Made once: json.dumps makes a new encoder at each call that is not all defaults.
_IN_ORDER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_SORTED = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, sort_keys=True)


def dumps(value: Any) -> str:
    """Return `value` as one line of JSON with the keys in their own order.

    Raises InvalidInput for NaN and infinities.
    """
    try:
        return _IN_ORDER.encode(value)
    except (ValueError, TypeError) as error:
        raise InvalidInput(
            f"This value cannot be stored as JSON ({error}). Use text, finite numbers, lists and dicts."
        ) from error


def sorted_dumps(value: Any) -> str:
    """Return `value` as one line of JSON with sorted keys: the form that is hashed."""
    try:
        return _SORTED.encode(value)
    except (ValueError, TypeError) as error:
        raise InvalidInput(
            f"This value cannot be stored as JSON ({error}). Use text, finite numbers, lists and dicts."
        ) from error


def sha256(value: Any) -> str:
    """Return the sha256 (hex) of `value` as JSON with sorted keys. The text has to be clean."""
    return hashlib.sha256(sorted_dumps(value).encode()).hexdigest()


def loads(text: str) -> Any:
    """Parse strict JSON.

    Raises InvalidInput for what is not JSON, for keys that occur twice, and for numbers out of range.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant, parse_float=_finite)
    except InvalidInput:
        raise
    except json.JSONDecodeError as error:
        raise InvalidInput(f"Not valid JSON: {error.msg} at character {error.pos + 1}.") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"Not usable as JSON: {error}.") from error


def readable(name: str) -> str:
    """Return a file's name as text that can be stored and shown: what is no UTF-8 in it becomes U+FFFD."""
    return os.fsencode(name).decode("utf-8", "replace")


def require_clean(value: Any, what: str) -> None:
    """Raise InvalidInput if any text inside `value` holds a NUL or a lone surrogate, or if it is nested too deeply to
    be stored; `what` names it for people.
    """
    try:
        _require_clean(value, what)
    except RecursionError as error:
        raise InvalidInput(f"The {what} is nested too deeply to be stored. Make it flatter.") from error


def _require_clean(value: Any, what: str) -> None:
    if isinstance(value, str):
        _require_clean_text(value, what)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise InvalidInput(f"A key in {what} is {key!r}; keys have to be text.")
            _require_clean_text(key, f"a key of {what}")
            _require_clean(item, f"{what}.{key}" if key.isidentifier() else what)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _require_clean(item, what)


def require_short(text: str | None, most: int, what: str) -> None:
    """Raise InvalidInput if a text has more than `most` characters; `what` names it for people."""
    if isinstance(text, str) and len(text) > most:
        raise InvalidInput(f"The {what} has {len(text):,} characters; at most {most:,} are allowed. Shorten it.")


def require_small(value: Any, what: str) -> None:
    """Raise InvalidInput if `value` takes more than MOST_BYTES as JSON; `what` names it for people."""
    size = len(dumps(value).encode())
    if size > MOST_BYTES:
        raise InvalidInput(f"The {what} takes {size:,} bytes; at most {MOST_BYTES:,} are allowed. Shorten its texts.")


def _require_clean_text(text: str, what: str) -> None:
    if "\x00" in text:
        raise InvalidInput(
            f"The {what} holds a NUL character (U+0000) at position {text.index(chr(0)) + 1}. Remove it."
        )
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"The {what} holds half of a surrogate pair (U+{ord(text[error.start]):04X}) at position "
            f"{error.start + 1}, "
            "which is no character. Remove it or write the whole character."
        ) from error


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InvalidInput(f"The key {twice!r} occurs twice in one object.")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidInput(f"{name} is not a JSON number.")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise InvalidInput(f"The number {text[:40]} is out of range.")
    return value
