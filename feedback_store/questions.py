"""The queue of questions: which comparison a person is asked next, held by a lease with expiry.

The lease and the choice are made in one IMMEDIATE transaction, so leases in force plus answers never exceed a
comparison's overlap when it is handed out. An expired lease is free for others; the answer that comes after all is kept
and marked late.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from feedback_store import clock
from feedback_store.database import Database, Row

LEASE_SECONDS = 600.0
COUNT_UP_TO = 1000

State = Literal["ready", "none_yet", "others_hold", "all_done", "closed"]


@dataclass(frozen=True)
class QuestionCompletion:
    """A completion as it is shown: nothing here tells which policy wrote it."""

    public_id: str
    text: str
    cut_off: bool


@dataclass(frozen=True)
class Question:
    """A comparison as one person sees it.

    `completions` stand in the order as shown; `shown` are their places in the comparison. `number_left`: how many this
    person could answer from here on, this one included (counted up to COUNT_UP_TO).
    """

    comparison_public_id: str
    prompt: list[dict[str, Any]]
    completions: list[QuestionCompletion]
    shown: list[int]
    lease_expires_at: str
    number_left: int


@dataclass(frozen=True)
class QuestionBatch:
    """The next questions of a person.

    Without any, `state` says why: none were made yet, others hold the rest, or all are done.
    """

    state: State
    questions: list[Question]


def next_questions(
    db: Database,
    annotator_id: int,
    *,
    limit: int = 3,
    lease_seconds: float = LEASE_SECONDS,
    seed: int = 0,
    now: str | None = None,
    comparison_ids: Sequence[int] | None = None,
) -> QuestionBatch:
    """Lease the next questions to a person; those that the person holds already come first, with a new expiry.

    The order is by priority, then by id; `comparison_ids` narrows the choice to those and gives their order. The order
    of the sides is a draw from (seed, comparison, person).
    """
    moment = now or clock.now()
    expires = clock.after(moment, lease_seconds)
    with db.transaction():
        held = _held(db, annotator_id, moment, limit)
        taken = _askable(db, annotator_id, moment, limit - len(held), comparison_ids) if len(held) < limit else []
        for row in held:
            db.execute("UPDATE assignments SET expires_at = ? WHERE id = ?", [expires, row["assignment_id"]])
        for row in taken:
            _end_expired(db, row["id"], moment)
            row["shown"] = json.dumps(_draw(seed, row["id"], annotator_id, row["candidates"]))
            _lease(db, row["id"], annotator_id, row["shown"], moment, expires)
        rows = held + taken
        if not rows:
            return QuestionBatch(_why_none(db, annotator_id, moment), [])
        left = len(rows) + _count_askable(db, annotator_id, moment)
    return QuestionBatch("ready", [_question(db, row, expires, left - place) for place, row in enumerate(rows)])


def give_back(db: Database, annotator_id: int, comparison_public_id: str, now: str | None = None) -> bool:
    """End the person's lease on a comparison, so that others can have it; tells whether there was one."""
    with db.transaction():
        cursor = db.execute(
            "UPDATE assignments SET ended_at = ?, ended_by = 'given back' WHERE annotator_id = ? AND ended_at IS NULL"
            " AND comparison_id = (SELECT id FROM comparisons WHERE public_id = ?)",
            [now or clock.now(), annotator_id, comparison_public_id],
        )
    return int(cursor.rowcount) > 0


def shown_to(db: Database, annotator_id: int, comparison_public_id: str) -> list[int] | None:
    """Return the order of the sides that was last drawn for this person and comparison, None where it was never handed
    out.
    """
    found = db.value(
        "SELECT a.shown FROM assignments a JOIN comparisons c ON c.id = a.comparison_id"
        " WHERE a.annotator_id = ? AND c.public_id = ? ORDER BY a.id DESC LIMIT 1",
        [annotator_id, comparison_public_id],
    )
    return json.loads(found) if found else None


def answered(db: Database, comparison_id: int, annotator_id: int, now: str) -> bool:
    """End the person's lease as judged and tell whether the answer is late: the lease had expired, or was given back or
    lost.

    An answer to what was never handed out, and one that replaces an own answer, is not late. Inside the caller's
    transaction.
    """
    last = db.row(
        "SELECT id, expires_at, ended_by FROM assignments WHERE comparison_id = ? AND annotator_id = ? ORDER BY id "
        "DESC LIMIT 1",
        [comparison_id, annotator_id],
    )
    if last is None or last["ended_by"] == "judged":
        return False
    if last["ended_by"] is not None:
        return True
    db.execute("UPDATE assignments SET ended_at = ?, ended_by = 'judged' WHERE id = ?", [now, last["id"]])
    return bool(last["expires_at"] <= now)


def lease_again(
    db: Database, comparison_id: int, annotator_id: int, shown: list[int] | None, *, now: str, lease_seconds: float
) -> bool:
    """Lease a comparison to the person who took back an answer, if nobody else holds it.

    Inside the caller's transaction.
    """
    _end_expired(db, comparison_id, now)
    free = db.value(
        "SELECT c.answers + (SELECT COUNT(*) FROM assignments a WHERE a.comparison_id = c.id AND a.ended_at IS NULL) < "
        "c.overlap"
        " FROM comparisons c WHERE c.id = ?",
        [comparison_id],
    )
    if not free or shown is None:
        return False
    _lease(db, comparison_id, annotator_id, json.dumps(shown), now, clock.after(now, lease_seconds))
    return True


_NOT_ANSWERED = """
NOT EXISTS (SELECT 1 FROM live_judgments j WHERE j.annotator_id = :annotator AND j.comparison_id = c.id)"""
_FREE = """
c.answers < c.overlap AND c.withdrawn = 0 AND c.purpose <> 'check' AND c.purpose <> 'repeat'
AND c.answers + (SELECT COUNT(*) FROM assignments a
  WHERE a.comparison_id = c.id AND a.ended_at IS NULL AND a.expires_at > :now) < c.overlap
AND NOT EXISTS (SELECT 1 FROM assignments a WHERE a.annotator_id = :annotator AND a.comparison_id = c.id
  AND a.ended_at IS NULL AND a.expires_at > :now)"""


def _held(db: Database, annotator_id: int, now: str, limit: int) -> list[Row]:
    """What the person holds; a lease that ran out counts as long as nobody else took the comparison."""
    return db.rows(
        "SELECT c.id, c.public_id, c.prompt_id, a.id AS assignment_id, a.shown FROM assignments a"
        " JOIN comparisons c ON c.id = a.comparison_id"
        " WHERE a.annotator_id = :annotator AND a.ended_at IS NULL AND c.answers < c.overlap AND c.withdrawn = 0"
        f" AND {_NOT_ANSWERED} AND c.answers + (SELECT COUNT(*) FROM assignments o WHERE o.comparison_id = c.id"
        "   AND o.ended_at IS NULL AND o.expires_at > :now AND o.annotator_id <> :annotator) < c.overlap"
        " ORDER BY c.priority DESC, a.id LIMIT :limit",
        {"annotator": annotator_id, "now": now, "limit": limit},
    )


def _askable(db: Database, annotator_id: int, now: str, limit: int, comparison_ids: Sequence[int] | None) -> list[Row]:
    values: dict[str, Any] = {"annotator": annotator_id, "now": now, "limit": limit}
    columns = (
        "c.id, c.public_id, c.prompt_id, (SELECT COUNT(*) FROM candidates k WHERE k.comparison_id = c.id) AS candidates"
    )
    if comparison_ids is None:
        where = f"WHERE {_FREE} AND {_NOT_ANSWERED} ORDER BY c.priority DESC, c.id LIMIT :limit"
        return db.rows(f"SELECT {columns} FROM comparisons c {where}", values)
    return db.rows(
        f"SELECT {columns} FROM json_each(:chosen) e JOIN comparisons c ON c.id = e.value"
        f" WHERE {_FREE} AND {_NOT_ANSWERED} ORDER BY e.key LIMIT :limit",
        {**values, "chosen": json.dumps(list(comparison_ids))},
    )


def _count_askable(db: Database, annotator_id: int, now: str) -> int:
    found = db.value(
        f"SELECT COUNT(*) FROM (SELECT 1 FROM comparisons c WHERE {_FREE} AND {_NOT_ANSWERED} LIMIT :most)",
        {"annotator": annotator_id, "now": now, "most": COUNT_UP_TO},
    )
    return int(found)


def _why_none(db: Database, annotator_id: int, now: str) -> State:
    unanswered = db.value(
        f"SELECT 1 FROM comparisons c WHERE c.answers < c.overlap AND c.withdrawn = 0 AND {_NOT_ANSWERED} LIMIT 1",
        {"annotator": annotator_id},
    )
    if unanswered:
        return "others_hold"
    being_made = db.value("SELECT 1 FROM runs WHERE kind = 'sample' AND status IN ('queued', 'running') LIMIT 1")
    ever = db.value("SELECT 1 FROM comparisons WHERE withdrawn = 0 LIMIT 1")
    return "none_yet" if being_made or not ever else "all_done"


def _end_expired(db: Database, comparison_id: int, now: str) -> None:
    db.execute(
        "UPDATE assignments SET ended_at = :now, ended_by = 'lost'"
        " WHERE comparison_id = :comparison AND ended_at IS NULL AND expires_at <= :now",
        {"comparison": comparison_id, "now": now},
    )


def _lease(db: Database, comparison_id: int, annotator_id: int, shown: str, now: str, expires: str) -> None:
    db.execute(
        "INSERT INTO assignments (comparison_id, annotator_id, shown, created_at, expires_at) VALUES (?, ?, ?, ?, ?)",
        [comparison_id, annotator_id, shown, now, expires],
    )


def _draw(seed: int, comparison_id: int, annotator_id: int, candidates: int) -> list[int]:
    order = list(range(candidates))
    random.Random(f"{seed}/{comparison_id}/{annotator_id}").shuffle(order)
    return order


def _question(db: Database, row: Row, expires: str, left: int) -> Question:
    prompt = db.value("SELECT messages FROM prompts WHERE id = ?", [row["prompt_id"]])
    candidates = db.rows(
        "SELECT m.public_id, m.text, m.finish_reason FROM candidates k JOIN completions m ON m.id = k.completion_id"
        " WHERE k.comparison_id = ? ORDER BY k.position",
        [row["id"]],
    )
    shown = json.loads(row["shown"])
    return Question(
        comparison_public_id=row["public_id"],
        prompt=json.loads(prompt),
        completions=[
            QuestionCompletion(one["public_id"], one["text"], one["finish_reason"] == "length")
            for one in (candidates[place] for place in shown)
        ],
        shown=shown,
        lease_expires_at=expires,
        number_left=left,
    )
