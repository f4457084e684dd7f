"""Who is left out: the judgments of a person or an import stay in the study, but train nothing until taken back."""

from collections.abc import Sequence
from dataclasses import dataclass

from feedback_store import annotators, audit, canonical, clock, evaluations
from feedback_store.database import Database
from feedback_store.errors import InvalidInput


@dataclass(frozen=True)
class Exclusion:
    """A person or an import that is (or, with `ended_at`, was) left out."""

    id: int
    annotator_id: int | None
    import_id: int | None
    reason: str
    by: str | None
    at: str
    ended_at: str | None


def leave_out(
    db: Database,
    *,
    annotator_id: int | None = None,
    import_id: int | None = None,
    reason: str,
    by: str,
    now: str | None = None,
) -> Exclusion:
    """Leave a person or an import out of what trains and of derived exports; again it stays as it is.

    Raises InvalidInput for an unknown person or import, both or neither of them, or an empty reason.
    """
    moment = now or clock.now()
    if not isinstance(reason, str) or not reason.strip():
        raise InvalidInput("Leaving somebody out needs a reason that is not empty, for whoever asks later.")
    canonical.require_clean([reason, by], "exclusion")
    with db.transaction():
        subject = _subject(db, annotator_id, import_id)
        known = _in_force(db, annotator_id, import_id)
        if known is not None:
            return known
        db.execute(
            "INSERT INTO exclusions (annotator_id, import_id, reason, by, at) VALUES (?, ?, ?, ?, ?)",
            [annotator_id, import_id, reason, by, moment],
        )
        evaluations.ask_anew(db)
        audit.note(db, actor=by, action="leave out", subject=subject, detail={"reason": reason}, now=moment)
        made = _in_force(db, annotator_id, import_id)
    assert made is not None
    return made


def take_back(
    db: Database, *, annotator_id: int | None = None, import_id: int | None = None, by: str, now: str | None = None
) -> bool:
    """Let a person's or an import's judgments count again; tells whether they were left out.

    Raises InvalidInput, also for a person who withdrew.
    """
    moment = now or clock.now()
    with db.transaction():
        if annotator_id is not None and annotators.get(db, annotator_id).paused_why == "withdrawn":
            raise InvalidInput("This person withdrew from the study. Only they can come back, by agreeing anew.")
        subject = _subject(db, annotator_id, import_id)
        known = _in_force(db, annotator_id, import_id)
        if known is None:
            return False
        db.execute("UPDATE exclusions SET ended_at = ? WHERE id = ?", [moment, known.id])
        evaluations.ask_anew(db)
        audit.note(db, actor=by, action="count again", subject=subject, now=moment)
    return True


@dataclass(frozen=True)
class Effect:
    """What leaving a person out does: `own` judgments of `all` that train now (skips are none), and pairs that would
    have no judgment left (`alone`).
    """

    own: int
    all: int
    alone: int


def effect(db: Database, annotator_id: int) -> Effect:
    """Return what leaving a person out would do, or does. Raises InvalidInput for an unknown person."""
    _subject(db, annotator_id, None)
    own, alone = (int(db.value(f"SELECT {what} {_OWN}", [annotator_id]) or 0) for what in ("COUNT(*)", _ALONE))
    return Effect(own, _that_train(db, [one for one in current(db) if one.annotator_id != annotator_id]), alone)


def judgments_that_train(db: Database) -> int:
    """Return how many judgments train now (skips do not). Only those of who is left out are looked at: the others come
    from the tallies.
    """
    return _that_train(db, current(db))


def _that_train(db: Database, left_out: Sequence[Exclusion]) -> int:
    everybody = int(db.value("SELECT SUM(decided) FROM tallies WHERE purpose = 'training'") or 0)
    people = [one.annotator_id for one in left_out if one.annotator_id is not None]
    of_people = sum(int(db.value(f"SELECT COUNT(*) {_OWN}", [one])) for one in people)
    of_imports = int(db.value(_OF_IMPORTS)) if len(people) < len(left_out) else 0
    return everybody - of_people - of_imports


def current(db: Database) -> list[Exclusion]:
    """Return who is left out now, in the order in which they were."""
    return [Exclusion(**row) for row in db.rows("SELECT * FROM exclusions WHERE ended_at IS NULL ORDER BY id")]


_ALONE = """SUM(NOT EXISTS (SELECT 1 FROM counted_judgments o WHERE o.comparison_id = j.comparison_id
    AND o.annotator_id <> j.annotator_id AND o.skipped IS NULL))"""
_OWN = """
FROM live_judgments j JOIN comparisons c ON c.id = j.comparison_id
WHERE j.annotator_id = ? AND j.skipped IS NULL AND c.purpose = 'training'
  AND NOT EXISTS (SELECT 1 FROM exclusions e WHERE e.import_id = j.import_id AND e.ended_at IS NULL)"""
_OF_IMPORTS = """
SELECT COUNT(*) FROM live_judgments j JOIN comparisons c ON c.id = j.comparison_id
WHERE j.import_id IN (SELECT import_id FROM exclusions WHERE ended_at IS NULL AND import_id IS NOT NULL)
  AND j.skipped IS NULL AND c.purpose = 'training'"""


def _subject(db: Database, annotator_id: int | None, import_id: int | None) -> str:
    if (annotator_id is None) == (import_id is None):
        raise InvalidInput("Name either a person (annotator_id) or an import (import_id).")
    if annotator_id is not None:
        return f"annotator {annotators.get(db, annotator_id).id}"
    if db.value("SELECT 1 FROM imports WHERE id = ?", [import_id]) is None:
        raise InvalidInput(f"There is no import {import_id}.")
    return f"import {import_id}"


def _in_force(db: Database, annotator_id: int | None, import_id: int | None) -> Exclusion | None:
    row = db.row(
        "SELECT * FROM exclusions WHERE ended_at IS NULL AND annotator_id IS ? AND import_id IS ?",
        [annotator_id, import_id],
    )
    return Exclusion(**row) if row else None
