"""Consents: which version of the study's information text a person agreed to, and when they took it back."""

from dataclasses import dataclass

from feedback_store import annotators, clock, information_texts
from feedback_store.database import Database
from feedback_store.errors import InvalidInput
from feedback_store.information_texts import InformationText


@dataclass(frozen=True)
class Consent:
    """Given to one version of the text; in force until it is withdrawn."""

    id: int
    annotator_id: int
    text_version: int
    given_at: str
    withdrawn_at: str | None


def give(db: Database, annotator_id: int, text_version: int, now: str | None = None) -> Consent:
    """Store that a person agreed; again it stays as it is. Raises InvalidInput, also for a version that is none."""
    if isinstance(text_version, bool) or not isinstance(text_version, int) or text_version < 1:
        raise InvalidInput(f"The version of a consent text is {text_version!r}; it has to be a whole number from 1.")
    with db.transaction():
        annotators.get(db, annotator_id)
        if not information_texts.known(db, text_version):
            raise InvalidInput(f"The information text has no version {text_version}. Load the page again.")
        db.execute(
            "INSERT INTO consents (annotator_id, text_version, given_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            [annotator_id, text_version, now or clock.now()],
        )
        return next(one for one in in_force(db, annotator_id) if one.text_version == text_version)


def needed(
    db: Database, annotator_id: int, language: str = information_texts.DEFAULT_LANGUAGE
) -> InformationText | None:
    """Return the text that a person who reads this language still has to agree to, or None.

    It is asked for by number: who agreed to this version or a later one, in any language, is not asked again, and a
    version that is not there yet in the person's language is asked for when its translation comes.
    """
    text = information_texts.current(db, language)
    if text is None or any(one.text_version >= text.version for one in in_force(db, annotator_id)):
        return None
    return text


def withdraw(db: Database, annotator_id: int, now: str | None = None) -> int:
    """Store that a person took back all that they had agreed to; returns how many consents that ended."""
    with db.transaction():
        cursor = db.execute(
            "UPDATE consents SET withdrawn_at = ? WHERE annotator_id = ? AND withdrawn_at IS NULL",
            [now or clock.now(), annotator_id],
        )
    return int(cursor.rowcount)


def in_force(db: Database, annotator_id: int) -> list[Consent]:
    """Return what a person has agreed to and not taken back, by version."""
    rows = db.rows(
        "SELECT * FROM consents WHERE annotator_id = ? AND withdrawn_at IS NULL ORDER BY text_version", [annotator_id]
    )
    return [Consent(**row) for row in rows]
