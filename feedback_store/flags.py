"""Flags: what somebody wants looked at, on a comparison or one of its completions."""

from dataclasses import dataclass

from feedback_store import annotators, canonical, clock, comparisons
from feedback_store.database import Database
from feedback_store.errors import InvalidInput

MOST_NOTE_CHARACTERS = 20_000


@dataclass(frozen=True)
class Flag:
    """One flag, open until it is resolved."""

    id: int
    comparison_id: int
    completion_id: int | None
    annotator_id: int | None
    note: str
    created_at: str
    resolved_at: str | None
    resolved_by: str | None
    key: str | None


def add(
    db: Database,
    comparison: int | str,
    *,
    annotator_id: int | None = None,
    completion_id: int | None = None,
    note: str = "",
    key: str | None = None,
    now: str | None = None,
) -> Flag:
    """Flag a comparison (id or public id), or one of its completions. `key` is chosen by the browser: a flag that comes
    again under it is the same flag.

    Raises InvalidInput, also for a person who was erased or withdrew.
    """
    canonical.require_clean(note, "note of a flag")
    canonical.require_short(note, MOST_NOTE_CHARACTERS, "note of a flag")
    with db.transaction():
        if annotator_id is not None:
            annotators.require_taking_part(db, annotator_id)
        if key is not None and (known := _by_key(db, annotator_id, key)) is not None:
            return known
        flagged = comparisons.get(db, comparison)
        if completion_id is not None and completion_id not in flagged.completion_ids:
            raise InvalidInput(f"Completion {completion_id} is none of comparison {comparison!r}.")
        cursor = db.execute(
            "INSERT INTO flags (comparison_id, completion_id, annotator_id, note, key, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [flagged.id, completion_id, annotator_id, note, key, now or clock.now()],
        )
        return _get(db, int(cursor.lastrowid))


def resolve(db: Database, flag_id: int, *, by: str, now: str | None = None) -> Flag:
    """Mark a flag as seen to; again it stays as it is. Raises InvalidInput for an unknown flag."""
    with db.transaction():
        _get(db, flag_id)
        db.execute(
            "UPDATE flags SET resolved_at = ?, resolved_by = ? WHERE id = ? AND resolved_at IS NULL",
            [now or clock.now(), by, flag_id],
        )
        return _get(db, flag_id)


def current(db: Database) -> list[Flag]:
    """Return the flags that nobody has seen to yet, oldest first."""
    return [Flag(**row) for row in db.rows("SELECT * FROM flags WHERE resolved_at IS NULL ORDER BY id")]


def place_of(db: Database, flag: Flag) -> int | None:
    """Return the place of the flagged completion among the comparison's candidates; None: the pair as a whole."""
    if flag.completion_id is None:
        return None
    return comparisons.get(db, flag.comparison_id).completion_ids.index(flag.completion_id)


def _by_key(db: Database, annotator_id: int | None, key: str) -> Flag | None:
    row = db.row("SELECT * FROM flags WHERE annotator_id IS ? AND key = ?", [annotator_id, key])
    return Flag(**row) if row else None


def _get(db: Database, flag_id: int) -> Flag:
    row = db.row("SELECT * FROM flags WHERE id = ?", [flag_id])
    if row is None:
        raise InvalidInput(f"There is no flag {flag_id}.")
    return Flag(**row)
