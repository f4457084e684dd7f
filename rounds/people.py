"""What leads do about people, each act with its line in the audit trail in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence

from feedback_store import annotators, audit, qualifying
from feedback_store.annotators import Annotator
from feedback_store.database import Database
from feedback_store.errors import Conflict


def pause(db: Database, annotator_id: int, *, by: str) -> None:
    """Ask a person nothing until `resume`. Raises InvalidInput for an unknown person."""
    with db.transaction():
        if annotators.get(db, annotator_id).paused_at is None:
            annotators.pause(db, annotator_id)
            _note(db, by, "pause", annotator_id)


def resume(db: Database, annotator_id: int, *, by: str) -> None:
    """Ask a person again, whoever or whatever paused them. Raises InvalidInput for an unknown person, Conflict for one
    who withdrew or was erased: that is not for others to take back.
    """
    with db.transaction():
        person = annotators.get(db, annotator_id)
        if person.erased_at is not None or person.paused_why == "withdrawn":
            raise Conflict("This person withdrew from the study. Only they can come back, by agreeing anew.")
        if person.paused_at is not None:
            annotators.resume(db, annotator_id)
            _note(db, by, "resume", annotator_id)


def ask(
    db: Database,
    annotator_id: int,
    *,
    languages: Sequence[str],
    tags: Sequence[str],
    daily_quota: int | None,
    by: str,
) -> Annotator:
    """Set what a person is asked, and how much a day at most. Raises InvalidInput."""
    with db.transaction():
        annotators.asked_of(db, annotator_id, languages=languages, tags=tags)
        annotators.set_daily_quota(db, annotator_id, daily_quota)
        # Not what: languages and tags describe a person, and a history that is only added to cannot be erased.
        _note(db, by, "set what is asked", annotator_id)
    return annotators.get(db, annotator_id)


def qualify_again(db: Database, annotator_id: int, *, by: str) -> None:
    """Let a person try the check questions again; where the rule had paused them, they are asked again.

    Raises InvalidInput for an unknown person.
    """
    with db.transaction():
        person = annotators.get(db, annotator_id)
        qualifying.qualify_again(db, annotator_id, by=by)
        if person.paused_at is not None and person.paused_why == "checks":
            resume(db, annotator_id, by=by)


def _note(db: Database, by: str, action: str, annotator_id: int) -> None:
    audit.note(db, actor=by, action=action, subject=f"annotator {annotator_id}")
