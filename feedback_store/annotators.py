"""The people (and simulated people) who judge."""

from dataclasses import dataclass

from feedback_store import canonical, clock
from feedback_store.database import Database
from feedback_store.errors import InvalidInput

KINDS = ("person", "simulated", "imported")


@dataclass(frozen=True)
class Annotator:
    """Someone who judges. `kind`: person, simulated, or imported (came with a file)."""

    id: int
    name: str
    kind: str


def ensure(db: Database, name: str, kind: str = "person", now: str | None = None) -> Annotator:
    """Return the annotator of this name; make one of this kind where there is none. Raises InvalidInput."""
    if kind not in KINDS:
        raise InvalidInput(f"The kind of an annotator is {kind!r}; allowed are {', '.join(KINDS)}.")
    if not isinstance(name, str) or not name.strip():
        raise InvalidInput("An annotator needs a name that is not empty.")
    canonical.require_clean(name, "name of the annotator")
    found = by_name(db, name)
    if found is None:
        with db.transaction():
            db.execute(
                "INSERT INTO annotators (name, kind, created_at) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING",
                [name, kind, now or clock.now()],
            )
            found = by_name(db, name)
    assert found is not None
    return found


def by_name(db: Database, name: str) -> Annotator | None:
    """Return the annotator of this name, or None."""
    row = db.row("SELECT id, name, kind FROM annotators WHERE name = ?", [name])
    return Annotator(**row) if row else None


def get(db: Database, annotator_id: int) -> Annotator:
    """Return an annotator by id. Raises InvalidInput where there is none."""
    row = db.row("SELECT id, name, kind FROM annotators WHERE id = ?", [annotator_id])
    if row is None:
        raise InvalidInput(f"There is no annotator {annotator_id}.")
    return Annotator(**row)


def listing(db: Database) -> list[Annotator]:
    """Return all annotators in the order in which they came."""
    return [Annotator(**row) for row in db.rows("SELECT id, name, kind FROM annotators ORDER BY id")]
