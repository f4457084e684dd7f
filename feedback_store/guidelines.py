"""Guidelines: what people are told to look for. Every text is a version that stays; judgments name the one they saw."""

from dataclasses import dataclass

from feedback_store import canonical, clock
from feedback_store.database import Database
from feedback_store.errors import InvalidInput


@dataclass(frozen=True)
class Guideline:
    """One version in one language."""

    id: int
    version: int
    language: str
    text: str
    set_by: str | None
    created_at: str


def add(db: Database, text: str, *, language: str = "en", by: str | None = None, now: str | None = None) -> Guideline:
    """Add the next version in a language; the text that is in force already adds none. Raises InvalidInput."""
    if not isinstance(text, str) or not text.strip() or not language:
        raise InvalidInput("A guideline needs a text and a language that are not empty.")
    canonical.require_clean([text, language, by], "guideline")
    canonical.require_small(text, "guideline")
    with db.transaction():
        known = current(db, language)
        if known is not None and known.text == text:
            return known
        db.execute(
            "INSERT INTO guidelines (version, language, text, set_by, created_at) VALUES (?, ?, ?, ?, ?)",
            [known.version + 1 if known else 1, language, text, by, now or clock.now()],
        )
        added = current(db, language)
    assert added is not None
    return added


def current(db: Database, language: str = "en") -> Guideline | None:
    """Return the latest version in a language, or None."""
    row = db.row("SELECT * FROM guidelines WHERE language = ? ORDER BY version DESC LIMIT 1", [language])
    return Guideline(**row) if row else None


def listing(db: Database) -> list[Guideline]:
    """Return every version in every language, in the order in which they came."""
    return [Guideline(**row) for row in db.rows("SELECT * FROM guidelines ORDER BY id")]
