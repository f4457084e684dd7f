"""Passwords: what is allowed as one, its hash (argon2id), and whether a text is the one of a hash.

Parameters: RFC 9106, section 4, second recommended option (64 MiB, 3 passes, 4 lanes). A hash tells its own parameters,
so they can be raised later: `outdated` says which hashes to make anew at the next login.
"""

from __future__ import annotations

import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

SHORTEST = 10
LONGEST = 200

_HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4)


class UnfitPassword(ValueError):
    """A text that is not allowed as a password; `code` names the words in the language files."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code


def require_fit(password: str, name: str = "") -> None:
    """Raise UnfitPassword where a new password is too short, too long, or nothing but the person's name.

    Length is what counts and no kinds of characters are demanded: NIST SP 800-63B, section 3.1.1.2.
    """
    length = len(_folded(password))
    if length < SHORTEST:
        words = f"The password has {length} characters; it needs at least {SHORTEST}. Several words make a good one."
        raise UnfitPassword("too_short", words)
    if length > LONGEST:
        words = f"The password has {length:,} characters; at most {LONGEST} are allowed. Choose a shorter one."
        raise UnfitPassword("too_long", words)
    if len(set(_folded(password))) < 4 or _folded(password).casefold() == _folded(name).casefold():
        words = "This password is guessed at once: it repeats few characters, or it is the name. Choose another one."
        raise UnfitPassword("too_simple", words)


def hashed(password: str) -> str:
    """The hash to keep of a password; takes about 64 MiB and a tenth of a second."""
    return _HASHER.hash(_folded(password))


def matches(password: str, known_hash: str | None) -> bool:
    """Whether a text is the password of a hash; the same work is done where there is no hash."""
    if len(password) > LONGEST * 4:  # more than any password can fold to; nothing so long is hashed
        password = ""
    try:
        return _HASHER.verify(known_hash or _of_nobody(), _folded(password)) and known_hash is not None
    except (Argon2Error, InvalidHashError):
        return False


def outdated(known_hash: str) -> bool:
    """Whether a hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(known_hash)


def _folded(password: str) -> str:
    """The same characters however a keyboard composes them; a lone surrogate, which is no character, becomes '?'."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "replace").decode()


@cache
def _of_nobody() -> str:
    return _HASHER.hash("the password of nobody")
