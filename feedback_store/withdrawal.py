"""A person withdraws from the study, by their own wish: from then on their judgments are in no snapshot and no export.

In one transaction: what they agreed to ends, they are left out (exclusions.py) and asked nothing any more, what they
hold goes back, and their words (rationales, improved completions, notes) are erased, written down as an erasure. Name,
account and sessions stay, so that they can read what became of it; taking the name away as well is an erasure. What was
trained on their judgments before stays, and is named. Nobody else can take a withdrawal back; they themselves can come
back by agreeing anew, and then their earlier answers count again, without the words.
"""

import json
from dataclasses import dataclass

from feedback_store import annotators, audit, clock, consents, erasure, erasure_acts, exclusions, provenance
from feedback_store.database import Database
from feedback_store.errors import InvalidInput
from feedback_store.provenance import Trained

REASON = "withdrew from the study"


@dataclass(frozen=True)
class Withdrawal:
    """What became of it. `counts`: how many rows of what were blanked; `trained`: what the person's judgments had
    trained, which stays; `old_copies`: how many backups, exports and the like were made before that may hold the words;
    `bytes_left`: whether bytes of the words may still lie in the study's file (an admin erases the person to end that).
    """

    annotator_id: int
    at: str
    counts: dict[str, int]
    trained: Trained
    old_copies: int
    bytes_left: bool = False


def withdraw(db: Database, annotator_id: int, *, by: str, now: str | None = None) -> Withdrawal:
    """Take a person out of the study; again it stays as it is.

    Raises InvalidInput for an unknown person, one who was erased, or inside another transaction.
    """
    if db.connection().in_transaction:
        raise InvalidInput("A withdrawal cannot be part of another transaction; end that one first.")
    moment = now or clock.now()
    with db.transaction():
        person = annotators.get(db, annotator_id)
        if person.erased_at is not None:
            raise InvalidInput(f"Annotator {annotator_id} was erased already.")
        if person.paused_why == "withdrawn":
            return _known(db, annotator_id)
        consents.withdraw(db, annotator_id, moment)
        annotators.pause(db, annotator_id, moment, why="withdrawn")
        if annotator_id not in [one.annotator_id for one in exclusions.current(db)]:
            exclusions.leave_out(db, annotator_id=annotator_id, reason=REASON, by=by, now=moment)
        erasure_acts.end_leases(db, annotator_id, moment)
        with erasure_acts.under_way(db, annotator_id, by=by, reason=REASON, now=moment) as counts:
            counts |= erasure_acts.blank_words(db, annotator_id, person.name)
        audit.note(
            db, actor=by, action="withdraw", subject=f"annotator {annotator_id}", detail={"counts": counts}, now=moment
        )
    bytes_left = bool(erasure.write_file_anew(db))
    done = _known(db, annotator_id)
    return Withdrawal(annotator_id, moment, done.counts, done.trained, done.old_copies, bytes_left)


def of(db: Database, annotator_id: int) -> Withdrawal | None:
    """Return what became of a person's withdrawal, as things are now; None where they take part."""
    return _known(db, annotator_id) if annotators.get(db, annotator_id).paused_why == "withdrawn" else None


def come_back(db: Database, annotator_id: int, *, by: str, now: str | None = None) -> bool:
    """Let a person who withdrew take part again, when they ask for it themselves; tells whether they had withdrawn.

    Who was paused, or left out by somebody else, before stays so. Raises InvalidInput for an unknown person.
    """
    moment = now or clock.now()
    with db.transaction():
        person = annotators.get(db, annotator_id)
        if person.paused_why != "withdrawn" or person.erased_at is not None:
            return False
        annotators.end_withdrawal(db, annotator_id)
        if any(one.annotator_id == annotator_id and one.reason == REASON for one in exclusions.current(db)):
            exclusions.take_back(db, annotator_id=annotator_id, by=by, now=moment)
        audit.note(db, actor=by, action="come back", subject=f"annotator {annotator_id}", now=moment)
    return True


def _known(db: Database, annotator_id: int) -> Withdrawal:
    row = db.row(
        "SELECT at, counts FROM erasures WHERE annotator_id = ? AND reason = ? ORDER BY id DESC LIMIT 1",
        [annotator_id, REASON],
    )
    assert row is not None
    trained = provenance.trained_by_person(db, annotator_id)
    return Withdrawal(annotator_id, row["at"], json.loads(row["counts"]), trained, len(erasure.old_copies(db, trained)))
