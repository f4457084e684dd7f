"""Qualifications: what a person was found fit to judge. A comparison that names one is asked of its holders alone."""

from dataclasses import dataclass

from feedback_store import annotators, canonical, clock
from feedback_store.database import Database
from feedback_store.errors import InvalidInput


@dataclass(frozen=True)
class Qualification:
    """One that a person holds. `score` (0 to 1): how well they did where it was tested. `after_judgment_id`: the latest
    judgment when it was granted (0: none yet), so that no clock has to tell which answers came later.
    """

    id: int
    annotator_id: int
    name: str
    score: float | None
    granted_at: str
    ended_at: str | None
    after_judgment_id: int


def grant(
    db: Database, annotator_id: int, name: str, *, score: float | None = None, now: str | None = None
) -> Qualification:
    """Grant a qualification; a new score replaces the one held, whose row stays as history. Raises InvalidInput."""
    moment = now or clock.now()
    if not isinstance(name, str) or not name.strip():
        raise InvalidInput("A qualification needs a name that is not empty.")
    canonical.require_clean(name, "name of the qualification")
    if score is not None and not 0 <= score <= 1:
        raise InvalidInput(f"The score of a qualification is {score!r}; it has to lie between 0 and 1.")
    with db.transaction():
        annotators.get(db, annotator_id)
        known = next((one for one in held(db, annotator_id) if one.name == name), None)
        if known is not None and known.score == score:
            return known
        end(db, annotator_id, name, now=moment)
        db.execute(
            "INSERT INTO qualifications (annotator_id, name, score, granted_at, after_judgment_id)"
            " VALUES (?, ?, ?, ?, (SELECT COALESCE(MAX(id), 0) FROM judgments))",
            [annotator_id, name, score, moment],
        )
        return next(one for one in held(db, annotator_id) if one.name == name)


def end(db: Database, annotator_id: int, name: str, now: str | None = None) -> bool:
    """End a qualification; tells whether the person held it."""
    with db.transaction():
        cursor = db.execute(
            "UPDATE qualifications SET ended_at = ? WHERE annotator_id = ? AND name = ? AND ended_at IS NULL",
            [now or clock.now(), annotator_id, name],
        )
    return int(cursor.rowcount) > 0


def held(db: Database, annotator_id: int) -> list[Qualification]:
    """Return what a person holds, by name."""
    rows = db.rows(
        "SELECT * FROM qualifications WHERE annotator_id = ? AND ended_at IS NULL ORDER BY name", [annotator_id]
    )
    return [Qualification(**row) for row in rows]
