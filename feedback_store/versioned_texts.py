"""Texts whose every version stays, in several languages: guidelines, and what people agree to."""

from dataclasses import dataclass

from feedback_store import canonical, clock
from feedback_store.database import Database
from feedback_store.errors import InvalidInput


@dataclass(frozen=True)
class VersionedText:
    """One version in one language."""

    id: int
    version: int
    language: str
    text: str
    set_by: str | None
    created_at: str


@dataclass(frozen=True)
class Texts:
    """The texts of one table. `what` names one for people.

    `translated`: a number means the same in every language. A text in a language that is behind is a translation and
    takes the newest number there is; else every language counts for itself.
    """

    table: str
    what: str
    translated: bool = False

    def add(self, db: Database, text: str, *, language: str, by: str | None, now: str | None) -> VersionedText:
        """Add the next version in a language; the text that is in force already adds none. Raises InvalidInput."""
        if not all(isinstance(given, str) and given.strip() for given in (text, language)):
            raise InvalidInput(f"The {self.what} needs a text and a language that are not empty.")
        canonical.require_clean([text, language, by], self.what)
        canonical.require_small(text, self.what)
        with db.transaction():
            known = self.current(db, language)
            if known is not None and known.text == text:
                return known
            db.execute(
                f"INSERT INTO {self.table} (version, language, text, set_by, created_at) VALUES (?, ?, ?, ?, ?)",
                [self._next(db, known.version if known else 0), language, text, by, now or clock.now()],
            )
            added = self.current(db, language)
        assert added is not None
        return added

    def current(self, db: Database, language: str) -> VersionedText | None:
        """Return the latest version in a language, or None."""
        row = db.row(f"SELECT * FROM {self.table} WHERE language = ? ORDER BY version DESC LIMIT 1", [language])
        return VersionedText(**row) if row else None

    def latest(self, db: Database) -> VersionedText | None:
        """Return the latest version in any language (of several translations the one that came first), or None."""
        row = db.row(f"SELECT * FROM {self.table} ORDER BY version DESC, id LIMIT 1")
        return VersionedText(**row) if row else None

    def listing(self, db: Database) -> list[VersionedText]:
        """Return every version in every language, in the order in which they came."""
        return [VersionedText(**row) for row in db.rows(f"SELECT * FROM {self.table} ORDER BY id")]

    def _next(self, db: Database, own: int) -> int:
        newest = self.latest(db) if self.translated else None
        return max(own + 1, newest.version if newest else 0)
