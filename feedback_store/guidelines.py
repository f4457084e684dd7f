"""Guidelines: what people are told to look for. Every text is a version that stays; judgments name the one they saw."""

from feedback_store.database import Database
from feedback_store.versioned_texts import Texts, VersionedText

Guideline = VersionedText

_TEXTS = Texts("guidelines", "guideline")


def add(db: Database, text: str, *, language: str = "en", by: str | None = None, now: str | None = None) -> Guideline:
    """Add the next version in a language; the text that is in force already adds none. Raises InvalidInput."""
    return _TEXTS.add(db, text, language=language, by=by, now=now)


def current(db: Database, language: str = "en") -> Guideline | None:
    """Return the latest version in a language, or None."""
    return _TEXTS.current(db, language)


def for_reader(db: Database, language: str) -> Guideline | None:
    """Return what a reader of a language is shown: the latest version in it, else in English, else in any; or None."""
    return _TEXTS.current(db, language) or _TEXTS.current(db, "en") or _TEXTS.latest(db)


def known(db: Database, guideline_id: int) -> bool:
    """Tell whether there is a version of this id."""
    return db.value("SELECT 1 FROM guidelines WHERE id = ?", [guideline_id]) is not None


def listing(db: Database) -> list[Guideline]:
    """Return every version in every language, in the order in which they came."""
    return _TEXTS.listing(db)
