"""Criteria: what people judge a comparison by beside which is better, such as "honest" or "brief"."""

from dataclasses import dataclass

from feedback_store import canonical, clock
from feedback_store.database import Database
from feedback_store.errors import Conflict, InvalidInput


@dataclass(frozen=True)
class Criterion:
    """A criterion by name, with the question that people are asked."""

    id: int
    name: str
    question: str
    position: int
    created_at: str
    retired_at: str | None


def add(db: Database, name: str, question: str, *, position: int = 0, now: str | None = None) -> Criterion:
    """Add a criterion; one that was retired comes back.

    Raises InvalidInput, and Conflict where the name asks another question: judgments by it would mix two meanings.
    """
    if not all(isinstance(text, str) and text.strip() for text in (name, question)):
        raise InvalidInput("A criterion needs a name and a question that are not empty.")
    canonical.require_clean([name, question], "criterion")
    with db.transaction():
        known = _by_name(db, name)
        if known is None:
            db.execute(
                "INSERT INTO criteria (name, question, position, created_at) VALUES (?, ?, ?, ?)",
                [name, question, position, now or clock.now()],
            )
        elif known.question != question:
            raise Conflict(f"The criterion {name!r} asks {known.question!r} in this study. Use another name.")
        else:
            db.execute("UPDATE criteria SET retired_at = NULL, position = ? WHERE id = ?", [position, known.id])
        added = _by_name(db, name)
    assert added is not None
    return added


def retire(db: Database, name: str, now: str | None = None) -> None:
    """Ask people no more about a criterion; what they said stays. Raises InvalidInput for an unknown name."""
    if _by_name(db, name) is None:
        raise InvalidInput(f"There is no criterion {name!r}.")
    with db.transaction():
        db.execute(
            "UPDATE criteria SET retired_at = ? WHERE name = ? AND retired_at IS NULL", [now or clock.now(), name]
        )


def current(db: Database) -> list[Criterion]:
    """Return the criteria that people are asked about, in their order."""
    rows = db.rows("SELECT * FROM criteria WHERE retired_at IS NULL ORDER BY position, id")
    return [Criterion(**row) for row in rows]


def _by_name(db: Database, name: str) -> Criterion | None:
    row = db.row("SELECT * FROM criteria WHERE name = ?", [name])
    return Criterion(**row) if row else None
