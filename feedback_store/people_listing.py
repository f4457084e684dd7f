"""All people of a study with what a lead sees of each at a glance, by one query over small tables."""

import json
from dataclasses import dataclass

from feedback_store import clock
from feedback_store.database import Database


@dataclass(frozen=True)
class ListedPerson:
    """Somebody who judges or has an account. `name` is for admins only; others are told a pseudonym.

    `role`: of the account, None without one. `paused_why`: 'checks' by rule, 'withdrawn' by themselves, None by a lead.
    `left_out_why`: the reason where they are left out of what trains. `days`: on which they answered.
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
    role: str | None
    disabled_at: str | None
    left_out_why: str | None
    qualifications: list[str]
    today: int
    answers: int
    days: int
    last_day: str | None


def listing(db: Database, now: str | None = None) -> list[ListedPerson]:
    """Return everybody but those whose answers only came with a file, in the order in which they came."""
    rows = db.rows(_EVERYBODY, {"day": (now or clock.now())[:10]})
    lists = ("languages", "tags", "qualifications")
    return [ListedPerson(**{**row, **{name: json.loads(row[name]) for name in lists}}) for row in rows]


def one(db: Database, annotator_id: int, now: str | None = None) -> ListedPerson | None:
    """Return one of them, or None."""
    return next((person for person in listing(db, now) if person.id == annotator_id), None)


def days(db: Database, annotator_id: int, *, latest: int = 60) -> list[tuple[str, int]]:
    """Return (UTC day, answers) of the latest days on which a person answered, oldest first."""
    rows = db.rows(
        "SELECT day, answers FROM work_days WHERE annotator_id = ? AND answers > 0 ORDER BY day DESC LIMIT ?",
        [annotator_id, latest],
    )
    return [(row["day"], row["answers"]) for row in rows][::-1]


def holding_now(db: Database, now: str | None = None) -> tuple[int, int]:
    """Return how many people hold questions now, and how many questions they hold."""
    found = db.row(
        "SELECT COUNT(DISTINCT annotator_id) AS people, COUNT(*) AS questions FROM assignments"
        " WHERE ended_at IS NULL AND expires_at > ?",
        [now or clock.now()],
    )
    return (int(found["people"]), int(found["questions"])) if found else (0, 0)


_EVERYBODY = """
WITH worked AS (
    SELECT annotator_id, SUM(answers) AS answers, SUM(answers > 0) AS days,
        MAX(CASE WHEN answers > 0 THEN day END) AS last_day, SUM(CASE WHEN day = :day THEN answers END) AS today
    FROM work_days GROUP BY annotator_id)
SELECT a.id, a.name, a.kind, a.languages, a.tags, a.daily_quota, a.paused_at, a.paused_why, a.erased_at,
    p.role, p.disabled_at, e.reason AS left_out_why,
    (SELECT json_group_array(q.name) FROM qualifications q WHERE q.annotator_id = a.id AND q.ended_at IS NULL)
        AS qualifications,
    COALESCE(w.today, 0) AS today, COALESCE(w.answers, 0) AS answers, COALESCE(w.days, 0) AS days, w.last_day
FROM annotators a LEFT JOIN accounts p ON p.annotator_id = a.id LEFT JOIN worked w ON w.annotator_id = a.id
LEFT JOIN exclusions e ON e.annotator_id = a.id AND e.ended_at IS NULL
WHERE a.kind <> 'imported' OR p.annotator_id IS NOT NULL ORDER BY a.id"""
