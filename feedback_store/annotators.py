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
    `paused_why`: checks (the rule of the check questions), withdrawn (their own wish), None (a lead).
    """

    id: int
    name: str
    kind: str
    languages: list[str]
    tags: list[str]
    daily_quota: int | None
    paused_at: str | None
    paused_why: str | None
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
    require_asked(languages=languages, tags=tags)
    with db.transaction():
        get(db, annotator_id)
        db.execute(
            "UPDATE annotators SET languages = ?, tags = ? WHERE id = ?",
            [canonical.dumps(list(languages)), canonical.dumps(list(tags)), annotator_id],
        )


def set_daily_quota(db: Database, annotator_id: int, answers: int | None) -> None:
    """Set how many answers a person may give a UTC day; None: as many as the study says. Raises InvalidInput."""
    require_quota(answers)
    with db.transaction():
        get(db, annotator_id)
        db.execute("UPDATE annotators SET daily_quota = ? WHERE id = ?", [answers, annotator_id])


def require_asked(*, languages: Sequence[str], tags: Sequence[str]) -> None:
    """Raise InvalidInput where languages or tags are no short lists of texts."""
    for what, values in (("languages", languages), ("tags", tags)):
        if isinstance(values, str) or any(not isinstance(one, str) or not one.strip() for one in values):
            raise InvalidInput(f"The {what} of an annotator are {values!r}; they have to be a list of texts.")
        if len(values) > MOST_VALUES:
            raise InvalidInput(f"There are {len(values)} {what}; at most {MOST_VALUES} are allowed.")
        canonical.require_clean(list(values), f"{what} of the annotator")
        for value in values:
            canonical.require_short(value, MOST_VALUE_CHARACTERS, f"entry of the {what}")


def require_quota(answers: object) -> None:
    """Raise InvalidInput for a daily quota that is none."""
    if answers is None or (isinstance(answers, int) and not isinstance(answers, bool) and 0 <= answers <= MOST_A_DAY):
        return
    raise InvalidInput(
        f"The daily quota of an annotator is {answers!r}; it has to be a whole number from 0, at most {MOST_A_DAY:,}."
    )


def pause(db: Database, annotator_id: int, now: str | None = None, *, why: str | None = None) -> None:
    """Ask a person nothing until `resume`; answers on their way are still taken. `why`: see Annotator.

    A withdrawal stays the reason, whoever pauses, and keeps the pause that it found for `end_withdrawal`; a pause by a
    lead is not turned into one by the rule of the checks.
    Raises InvalidInput for an unknown person or reason.
    """
    if why not in PAUSED_WHY:
        raise InvalidInput(f"The reason of a pause is {why!r}; allowed are checks, withdrawn, or none for a lead's.")
    with db.transaction():
        person = get(db, annotator_id)
        by_lead = person.paused_at is not None and person.paused_why is None
        if person.paused_why == "withdrawn" or (by_lead and why == "checks"):
            return
        if why == "withdrawn":
            db.execute(
                "UPDATE annotators SET earlier_paused_at = paused_at, earlier_paused_why = paused_why WHERE id = ?",
                [annotator_id],
            )
        db.execute(
            "UPDATE annotators SET paused_at = ?, paused_why = ? WHERE id = ?", [now or clock.now(), why, annotator_id]
        )


def resume(db: Database, annotator_id: int) -> None:
    """Ask a person again. Raises InvalidInput for an unknown person, or one who has withdrawn."""
    with db.transaction():
        if get(db, annotator_id).paused_why == "withdrawn":
            raise InvalidInput("This person withdrew from the study. Only they can come back, by agreeing anew.")
        db.execute("UPDATE annotators SET paused_at = NULL, paused_why = NULL WHERE id = ?", [annotator_id])


def end_withdrawal(db: Database, annotator_id: int) -> None:
    """End the withdrawal of a person who came back by themselves (withdrawal.come_back). A pause that the withdrawal
    found is in force again: it is not theirs to lift.
    """
    with db.transaction():
        db.execute(
            "UPDATE annotators SET paused_at = earlier_paused_at, paused_why = earlier_paused_why,"
            " earlier_paused_at = NULL, earlier_paused_why = NULL WHERE id = ? AND paused_why = 'withdrawn'",
            [annotator_id],
        )


def require_taking_part(db: Database, annotator_id: int) -> None:
    """Raise InvalidInput for a person who was erased or withdrew: nothing that they say is stored any more."""
    person = get(db, annotator_id)
    if person.erased_at is not None:
        raise InvalidInput("What this person wrote was erased: nothing more is stored under their number.")
    if person.paused_why == "withdrawn":
        raise InvalidInput("You withdrew from this study: nothing more of yours is stored.")


def answers(db: Database, annotator_id: int) -> int:
    """Count what a person ever answered here (skips included, undone answers not)."""
    return int(db.value("SELECT SUM(answers) FROM work_days WHERE annotator_id = ?", [annotator_id]) or 0)


def answers_on_day_of(db: Database, annotator_id: int, moment: str) -> int:
    """Count what a person answered here on the UTC day of `moment` (skips included, undone answers not)."""
    return int(db.value(ANSWERS_OF_DAY, [annotator_id, clock.day_of(moment)[:10]]) or 0)


def count_active(db: Database) -> int:
    """Count the people who can be asked: neither paused, erased, simulated, nor known from imports alone and, where the
    study has accounts, with one that lets them in.
    """
    return int(db.value(_COUNT_ACTIVE))


PAUSED_WHY = ("checks", "withdrawn", None)
MOST_VALUES = 100
MOST_VALUE_CHARACTERS = 100
MOST_A_DAY = 1_000_000
ANSWERS_OF_DAY = "SELECT answers FROM work_days WHERE annotator_id = ? AND day = ?"
_COLUMNS = "id, name, kind, languages, tags, daily_quota, paused_at, paused_why, erased_at"
_COUNT_ACTIVE = """
SELECT COUNT(*) FROM annotators p LEFT JOIN accounts c ON c.annotator_id = p.id
WHERE p.kind = 'person' AND p.paused_at IS NULL AND p.erased_at IS NULL
AND (NOT EXISTS (SELECT 1 FROM accounts)
    OR (c.disabled_at IS NULL AND c.password_hash IS NOT NULL))
"""


def _annotator(row: Row) -> Annotator:
    return Annotator(**{**row, "languages": json.loads(row["languages"]), "tags": json.loads(row["tags"])})
