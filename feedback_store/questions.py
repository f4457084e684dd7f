"""The queue of questions: which comparison a person is asked next, held by a lease with expiry.

The lease and the choice are made in one IMMEDIATE transaction, so leases in force plus answers never exceed a
comparison's overlap when it is handed out (check questions, which everybody is asked, have none). An expired lease is
free for others; the answer that comes after all is kept and marked late.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from feedback_store import annotators, askable, check_answers, clock, drawing, qualifying, repeats
from feedback_store.annotators import Annotator
from feedback_store.database import Database, Row
from feedback_store.drawing import Asking

COUNT_UP_TO = 50
EVERYTHING_ONCE = Asking()

State = Literal[
    "ready",
    "no_prompts",
    "none_yet",
    "none_started",
    "not_written",
    "held_back",
    "all_done",
    "others_hold",
    "none_in_your_languages",
    "no_match",
    "quota_reached",
    "paused",
    "paused_by_checks",
    "withdrawn",
    "round_paused",
    "closed",
    "consent_needed",
    "not_qualified",
    "checks_missing",
]


@dataclass(frozen=True)
class QuestionCompletion:
    """A completion as it is shown: nothing here tells which policy wrote it."""

    public_id: str
    text: str
    cut_off: bool


@dataclass(frozen=True)
class Question:
    """A comparison as one person sees it.

    `completions` stand in the order as shown; `shown` are their places in the comparison. What tells a check question
    or a held-out prompt from others (`comparison_id`, `split`) is not for the person. `lease_expires_at` is None where
    the person answered it before.
    """

    comparison_id: int
    comparison_public_id: str
    split: str
    prompt: list[dict[str, Any]]
    completions: list[QuestionCompletion]
    shown: list[int]
    lease_expires_at: str | None


@dataclass(frozen=True)
class QuestionBatch:
    """The next questions of a person, and how many there are for them now (`left`, counted up to COUNT_UP_TO).

    Without any, `state` says why: none were made yet, or nobody started that, or it failed, a lead has to look at the
    rest first, others hold the rest, all are done, none is in the person's languages, none goes with their tags and
    qualifications, their quota is reached, they are paused (by a lead, by the rule of the check questions) or withdrew,
    they did not pass the check questions before live work, the study asks for more of these than there are, or nobody
    is asked now, or any more. `training`: check questions before live work, each followed by what the expert said.
    """

    state: State
    questions: list[Question]
    left: int = 0
    training: bool = False


def next_questions(
    db: Database,
    annotator_id: int,
    *,
    limit: int = 3,
    asking: Asking = EVERYTHING_ONCE,
    now: str | None = None,
    comparison_ids: Sequence[int] | None = None,
) -> QuestionBatch:
    """Lease the next questions to a person; those that the person holds already come first, with a new expiry.

    The order is by priority, then by id; `comparison_ids` narrows the ordinary stream to those and gives their order.
    Where little is left and others are at work, a person gets a fair share ahead, not `limit`. Raises InvalidInput for
    an unknown person.
    """
    moment = now or clock.now()
    with db.transaction():
        person = annotators.get(db, annotator_id)
        quota = asking.daily_quota if person.daily_quota is None else person.daily_quota
        if quota is not None:
            limit = min(limit, quota - annotators.answers_on_day_of(db, annotator_id, moment))
        refused = _refused(person, asking, limit)
        if refused is not None:
            return QuestionBatch(refused, [])
        standing = qualifying.settled(db, annotator_id, asking.qualifying, now=moment)
        if standing == "live":
            return _live(db, person, asking, moment, limit, comparison_ids)
        if standing == "not_qualified":
            return QuestionBatch("not_qualified", [])
        return _training(db, person, asking, moment, limit)


def _live(
    db: Database, person: Annotator, asking: Asking, now: str, limit: int, comparison_ids: Sequence[int] | None
) -> QuestionBatch:
    held = _renewed(db, _held(db, person.id, now)[:limit], now, asking)  # before what is held by nobody is looked for
    found = askable.ordinary(db, person, asking, now, max(COUNT_UP_TO, limit), comparison_ids)
    wanted = _fair_share(db, person.id, limit, len(held) + len(found), now) - len(held)
    taken = _take(db, person, asking, now, found, len(held), wanted) if wanted > 0 else []
    if not held and not taken:
        return QuestionBatch(askable.why_none(db, person, asking, now), [])
    left = min(COUNT_UP_TO, len(held) + len(found))
    return QuestionBatch("ready", _handed_out(db, held, taken, now, asking), left)


def _training(db: Database, person: Annotator, asking: Asking, now: str, limit: int) -> QuestionBatch:
    """Check questions alone, no more than decide whether the person gets live work; what was skipped comes again after
    the others, for a skip decides nothing.
    """
    missing = qualifying.missing(db, person.id, asking.qualifying)
    checks = [row for row in _held(db, person.id, now) if row["purpose"] == "check"]
    held = _renewed(db, checks[: min(limit, missing)], now, asking)
    taken: list[Row] = []
    while len(held) + len(taken) < min(limit, missing):
        row = askable.check_question(db, person, asking, now) or askable.skipped_check(db, person, asking, now)
        if row is None:
            break
        taken.append(_take_one(db, person, asking, now, row))
    if not held and not taken:
        return QuestionBatch("checks_missing", [])
    return QuestionBatch("ready", _handed_out(db, held, taken, now, asking), missing, training=True)


def _renewed(db: Database, held: list[Row], now: str, asking: Asking) -> list[Row]:
    """What a person holds, with a new expiry."""
    expires = clock.after(now, asking.lease_seconds)
    for row in held:
        db.execute("UPDATE assignments SET expires_at = ? WHERE id = ?", [expires, row["assignment_id"]])
    return held


def _handed_out(db: Database, held: list[Row], taken: list[Row], now: str, asking: Asking) -> list[Question]:
    expires = clock.after(now, asking.lease_seconds)
    return [_question(db, row, expires) for row in held + taken]


def renew(
    db: Database,
    annotator_id: int,
    comparison_public_id: str,
    *,
    lease_seconds: float = Asking.lease_seconds,
    now: str | None = None,
) -> str | None:
    """Give the person's lease on a comparison a new expiry and return it.

    None where there is nothing to renew: it was answered or given back, or it ran out and others took the comparison.
    """
    moment = now or clock.now()
    expires = clock.after(moment, lease_seconds)
    with db.transaction():
        for row in _held(db, annotator_id, moment):
            if row["public_id"] == comparison_public_id:
                db.execute(
                    "UPDATE assignments SET expires_at = ? WHERE id = ? AND annotator_id = ?",
                    [expires, row["assignment_id"], annotator_id],
                )
                return expires
    return None


def give_back(db: Database, annotator_id: int, comparison_public_id: str, now: str | None = None) -> bool:
    """End the person's lease on a comparison, so that others can have it; tells whether there was one."""
    with db.transaction():
        cursor = db.execute(
            "UPDATE assignments SET ended_at = ?, ended_by = 'given back' WHERE annotator_id = ? AND ended_at IS NULL"
            " AND comparison_id = (SELECT id FROM comparisons WHERE public_id = ?)",
            [now or clock.now(), annotator_id, comparison_public_id],
        )
    return int(cursor.rowcount) > 0


def held_question(db: Database, annotator_id: int, comparison_id: int, now: str | None = None) -> Question | None:
    """Return a question that the person holds, as it was shown; None where they do not hold it."""
    held = (row for row in _held(db, annotator_id, now or clock.now()) if row["id"] == comparison_id)
    return next((_question(db, row, row["expires_at"]) for row in held), None)


def question_of(db: Database, comparison_id: int, shown: list[int]) -> Question:
    """Return a comparison as it was shown to somebody who answered it."""
    row = db.row(f"SELECT {askable.COLUMNS} FROM comparisons c WHERE c.id = ?", [comparison_id])
    assert row is not None
    return _question(db, {**row, "shown": shown}, None)


def count_unseen(db: Database, annotator_id: int, most: int, now: str | None = None) -> int:
    """Count the open comparisons that a person was not asked yet, in any language, up to `most`."""
    return askable.count_unseen(db, annotator_id, now or clock.now(), most)


@dataclass(frozen=True)
class HandedOut:
    """How a comparison was last handed out to a person: the order of the sides, and the setting of what was asked."""

    comparison_id: int
    shown: list[int]
    asked_id: int | None
    at: str


def handed_out(db: Database, annotator_id: int, comparison_public_id: str) -> HandedOut | None:
    """Return how a comparison was last handed out to this person, None where it never was."""
    row = db.row(
        "SELECT a.comparison_id, a.shown, a.asked_id, a.created_at FROM assignments a"
        " JOIN comparisons c ON c.id = a.comparison_id"
        " WHERE a.annotator_id = ? AND c.public_id = ? ORDER BY a.id DESC LIMIT 1",
        [annotator_id, comparison_public_id],
    )
    if row is None:
        return None
    return HandedOut(row["comparison_id"], json.loads(row["shown"]), row["asked_id"], row["created_at"])


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


def holds(db: Database, comparison_id: int, annotator_id: int) -> bool:
    """Tell whether a comparison is handed out to a person now, so that an answer is expected of them."""
    return bool(
        db.value(
            "SELECT 1 FROM assignments WHERE annotator_id = ? AND ended_at IS NULL AND comparison_id = ?",
            [annotator_id, comparison_id],
        )
    )


def lease_again(
    db: Database, comparison_id: int, annotator_id: int, shown: list[int] | None, *, now: str, lease_seconds: float
) -> bool:
    """Lease a comparison to the person who took back an answer, if nobody else holds it.

    Inside the caller's transaction.
    """
    _end_expired(db, comparison_id, now)
    free = db.value(
        "SELECT c.purpose = 'check'"
        " OR c.answers + (SELECT COUNT(*) FROM assignments a WHERE a.comparison_id = c.id AND a.ended_at IS NULL)"
        " < c.overlap FROM comparisons c WHERE c.id = ?",
        [comparison_id],
    )
    if not free or shown is None:
        return False
    asked_id = db.value(
        "SELECT asked_id FROM assignments WHERE annotator_id = ? AND comparison_id = ? ORDER BY id LIMIT 1",
        [annotator_id, comparison_id],
    )
    _lease(db, comparison_id, annotator_id, shown, now, clock.after(now, lease_seconds), asked_id)
    return True


# What the person holds; a lease that ran out counts as long as nobody else took the comparison. The index is named:
# SQLite would else read all that the person was ever asked.
HELD = f"""
SELECT {askable.COLUMNS}, a.id AS assignment_id, a.shown, a.expires_at
FROM assignments a INDEXED BY assignments_open_by_annotator JOIN comparisons c ON c.id = a.comparison_id
WHERE a.annotator_id = :annotator AND a.ended_at IS NULL AND c.withdrawn = 0 AND c.held_back = 0
  AND ({askable.NOT_ANSWERED} OR (c.purpose = 'check' AND {check_answers.NEVER_RANKED}))
  AND (c.purpose = 'check' OR c.answers + (SELECT COUNT(*) FROM assignments o WHERE o.comparison_id = c.id
    AND o.ended_at IS NULL AND o.expires_at > :now AND o.annotator_id <> :annotator) < c.overlap)"""


def _held(db: Database, annotator_id: int, now: str) -> list[Row]:
    rows = db.rows(HELD, {"annotator": annotator_id, "now": now})
    held = [{**row, "shown": json.loads(row["shown"])} for row in rows]
    return sorted(held, key=lambda row: row["assignment_id"])  # as they were handed out: no draw is put off


def _refused(person: Annotator, asking: Asking, limit: int) -> State | None:
    if person.paused_why == "withdrawn":
        return "withdrawn"
    if person.paused_at is not None or person.erased_at is not None:
        return "paused_by_checks" if person.paused_why == "checks" else "paused"
    if asking.closed:
        return "closed"
    if asking.paused:
        return "round_paused"
    return "quota_reached" if limit <= 0 else None


def _fair_share(db: Database, annotator_id: int, limit: int, left: int, now: str) -> int:
    """How many questions a person may hold: fewer than `limit` where little is left and others are at work."""
    if left >= COUNT_UP_TO:
        return limit
    rows = db.rows("SELECT annotator_id FROM assignments WHERE ended_at IS NULL AND expires_at > ?", [now])
    at_work = len({row["annotator_id"] for row in rows} | {annotator_id})
    return limit if at_work == 1 else min(limit, max(1, left // at_work))


def _take(
    db: Database, person: Annotator, asking: Asking, now: str, found: Sequence[Row], held: int, wanted: int
) -> list[Row]:
    """Lease up to `wanted` questions more; for each a draw says whether it is a check, a repeat or an ordinary one."""
    taken: list[Row] = []
    place = annotators.answers(db, person.id) + held
    stream = _fitting(db, person, asking, now, found, taken)
    while len(taken) < wanted:
        row = _special(db, person, asking, now, place + len(taken)) or next(stream, None)
        if row is None:
            break
        taken.append(_take_one(db, person, asking, now, row))
    return taken


def _take_one(db: Database, person: Annotator, asking: Asking, now: str, row: Row) -> Row:
    """Lease a comparison to a person; returns it with the order of its sides."""
    _end_expired(db, row["id"], now)
    shown = _sides(db, row["id"], person.id, asking.seed)
    _lease(db, row["id"], person.id, shown, now, clock.after(now, asking.lease_seconds), asking.asked_id)
    return {**row, "shown": shown}


def _special(db: Database, person: Annotator, asking: Asking, now: str, place: int) -> Row | None:
    drawn = drawing.slot(asking, person.id, place)
    if drawn == "check":
        return askable.check_question(db, person, asking, now)
    if drawn == "repeat":
        return repeats.next_repeat(db, person.id, after=asking.repeat_after, now=now)
    return None


def _fitting(
    db: Database, person: Annotator, asking: Asking, now: str, found: Sequence[Row], taken: Sequence[Row]
) -> Iterator[Row]:
    """Those of `found` that go with what was taken meanwhile: another one of the same prompt may be the same pair, or
    one too many.
    """
    for row in found:
        met = any(one["prompt_id"] == row["prompt_id"] for one in taken)
        if not met or askable.still(db, person, asking, now, row["id"]):
            yield row


def _sides(db: Database, comparison_id: int, annotator_id: int, seed: int) -> list[int]:
    candidates = db.value("SELECT COUNT(*) FROM candidates WHERE comparison_id = ?", [comparison_id])
    swapped = repeats.swapped_sides(db, comparison_id)
    return swapped or drawing.sides(seed, comparison_id, annotator_id, candidates)


def _end_expired(db: Database, comparison_id: int, now: str) -> None:
    db.execute(
        "UPDATE assignments SET ended_at = :now, ended_by = 'lost'"
        " WHERE comparison_id = :comparison AND ended_at IS NULL AND expires_at <= :now",
        {"comparison": comparison_id, "now": now},
    )


def _lease(
    db: Database,
    comparison_id: int,
    annotator_id: int,
    shown: list[int],
    now: str,
    expires: str,
    asked_id: int | None = None,
) -> None:
    db.execute(
        "INSERT INTO assignments (comparison_id, annotator_id, shown, created_at, expires_at, asked_id)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [comparison_id, annotator_id, json.dumps(shown), now, expires, asked_id],
    )


def _question(db: Database, row: Row, expires: str | None) -> Question:
    prompt = db.value("SELECT messages FROM prompts WHERE id = ?", [row["prompt_id"]])
    candidates = db.rows(
        "SELECT m.public_id, m.text, m.finish_reason FROM candidates k JOIN completions m ON m.id = k.completion_id"
        " WHERE k.comparison_id = ? ORDER BY k.position",
        [row["id"]],
    )
    return Question(
        comparison_id=row["id"],
        comparison_public_id=row["public_id"],
        split=row["split"],
        prompt=json.loads(prompt),
        completions=[
            QuestionCompletion(one["public_id"], one["text"], one["finish_reason"] == "length")
            for one in (candidates[place] for place in row["shown"])
        ],
        shown=row["shown"],
        lease_expires_at=expires,
    )
