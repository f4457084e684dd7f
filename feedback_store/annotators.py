"""The people (and simulated people) who judge: what they may be asked, and how much they answered."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from feedback_store import canonical, clock
from feedback_store.database import Database, Row
from feedback_store.errors import InvalidInput

KINDS = ("person", "simulated", "imported")


@dataclass(frozen=True)
class Annotator:
    """Someone who judges. `kind`: person, simulated, or imported (came with a file).

    `languages` and `tags` narrow what the person is asked; empty: anything. `daily_quota`: answers a UTC day at most.
    """

    id: int
    name: str
    kind: str
    languages: list[str]
    tags: list[str]
    daily_quota: int | None
    paused_at: str | None
    erased_at: str | None


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
    row = db.row(f"SELECT {_COLUMNS} FROM annotators WHERE name = ?", [name])
    return _annotator(row) if row else None


def get(db: Database, annotator_id: int) -> Annotator:
    """Return an annotator by id. Raises InvalidInput where there is none."""
    row = db.row(f"SELECT {_COLUMNS} FROM annotators WHERE id = ?", [annotator_id])
    if row is None:
        raise InvalidInput(f"There is no annotator {annotator_id}.")
    return _annotator(row)


def listing(db: Database) -> list[Annotator]:
    """Return all annotators in the order in which they came."""
    return [_annotator(row) for row in db.rows(f"SELECT {_COLUMNS} FROM annotators ORDER BY id")]


def asked_of(db: Database, annotator_id: int, *, languages: Sequence[str], tags: Sequence[str] = ()) -> None:
    """Set what a person is asked: prompts in these languages that carry one of these tags; none: any.

    Raises InvalidInput.
    """
    get(db, annotator_id)
    for what, values in (("languages", languages), ("tags", tags)):
        if isinstance(values, str) or any(not isinstance(one, str) or not one.strip() for one in values):
            raise InvalidInput(f"The {what} of an annotator are {values!r}; they have to be a list of texts.")
        canonical.require_clean(list(values), f"{what} of the annotator")
    with db.transaction():
        db.execute(
            "UPDATE annotators SET languages = ?, tags = ? WHERE id = ?",
            [canonical.dumps(list(languages)), canonical.dumps(list(tags)), annotator_id],
        )


def set_daily_quota(db: Database, annotator_id: int, answers: int | None) -> None:
    """Set how many answers a person may give a UTC day; None: as many as the study says. Raises InvalidInput."""
    get(db, annotator_id)
    if answers is not None and (isinstance(answers, bool) or not isinstance(answers, int) or answers < 0):
        raise InvalidInput(f"The daily quota of an annotator is {answers!r}; it has to be a whole number from 0.")
    with db.transaction():
        db.execute("UPDATE annotators SET daily_quota = ? WHERE id = ?", [answers, annotator_id])


def pause(db: Database, annotator_id: int, now: str | None = None) -> None:
    """Ask a person nothing until `resume`; answers on their way are still taken. Raises InvalidInput."""
    _set_paused(db, annotator_id, now or clock.now())


def resume(db: Database, annotator_id: int) -> None:
    """Ask a person again. Raises InvalidInput."""
    _set_paused(db, annotator_id, None)


def answers(db: Database, annotator_id: int) -> int:
    """Count what a person ever answered here (skips included, undone answers not)."""
    return int(db.value("SELECT SUM(answers) FROM work_days WHERE annotator_id = ?", [annotator_id]) or 0)


def answers_on_day_of(db: Database, annotator_id: int, moment: str) -> int:
    """Count what a person answered here on the UTC day of `moment` (skips included, undone answers not)."""
    return int(db.value(ANSWERS_OF_DAY, [annotator_id, clock.day_of(moment)[:10]]) or 0)


def count_active(db: Database) -> int:
    """Count those who can be asked: neither paused, nor erased, nor known from imports alone."""
    return int(
        db.value("SELECT COUNT(*) FROM annotators WHERE kind <> 'imported' AND paused_at IS NULL AND erased_at IS NULL")
    )


ANSWERS_OF_DAY = "SELECT answers FROM work_days WHERE annotator_id = ? AND day = ?"
_COLUMNS = "id, name, kind, languages, tags, daily_quota, paused_at, erased_at"


def _set_paused(db: Database, annotator_id: int, moment: str | None) -> None:
    get(db, annotator_id)
    with db.transaction():
        db.execute("UPDATE annotators SET paused_at = ? WHERE id = ?", [moment, annotator_id])


def _annotator(row: Row) -> Annotator:
    return Annotator(**{**row, "languages": json.loads(row["languages"]), "tags": json.loads(row["tags"])})
