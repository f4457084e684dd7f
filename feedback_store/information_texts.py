"""Information texts: what a person is told of the study and agrees to before the first question.

Versions are numbered for the study, not for each language, because an agreement names a number alone: a text added in a
language that is behind is the translation of the newest version and takes its number; in a language that has the newest
version it is a new version. So whoever agreed in one language has agreed in all (consents.needed).
"""

from feedback_store.database import Database
from feedback_store.versioned_texts import Texts, VersionedText

InformationText = VersionedText

DEFAULT_LANGUAGE = "en"
_TEXTS = Texts("information_texts", "information text", translated=True)


def add(
    db: Database, text: str, *, language: str = DEFAULT_LANGUAGE, by: str | None = None, now: str | None = None
) -> InformationText:
    """Add a version or a translation; the text that is in force already adds none. Raises InvalidInput."""
    return _TEXTS.add(db, text, language=language, by=by, now=now)


def current(db: Database, language: str = DEFAULT_LANGUAGE) -> InformationText | None:
    """Return what a reader of a language is shown: the latest version in it, else in English, else in any; None where
    the study has no text.
    """
    return _TEXTS.current(db, language) or _TEXTS.current(db, DEFAULT_LANGUAGE) or _TEXTS.latest(db)


def known(db: Database, version: int) -> bool:
    """Tell whether there is a version of this number, in any language."""
    return any(one.version == version for one in listing(db))


def listing(db: Database) -> list[InformationText]:
    """Return every version in every language, in the order in which they came."""
    return _TEXTS.listing(db)
