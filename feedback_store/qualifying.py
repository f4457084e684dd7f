"""Check questions before live work, and what becomes of a person who gets too many wrong later.

In training mode a person is asked check questions alone, and told after each what the expert said. After enough of them
the share right decides. Live, a person whose latest check questions fall below a floor is paused by rule until a lead
lets them go on. What counts is the first answer to each (check_answers.py); skips count as neither.
"""

import json
from dataclasses import dataclass
from typing import Literal

from feedback_store import annotators, audit, check_answers, clock, qualifications
from feedback_store.database import Database
from feedback_store.preferences import pairs_of

Standing = Literal["live", "training", "not_qualified"]

QUALIFIED = "qualified"
NOT_QUALIFIED = "not qualified"
AGAIN = "tries again"
"""Held from the moment on which a person may try again: only later answers count for the try."""
FELL = "fell below the floor"
"""Held from the moment on which a person was paused by rule: only later answers count for the floor."""
BY_RULE = "rule"


@dataclass(frozen=True)
class Qualifying:
    """The rule of a study. `questions` before live work (0: none), the share of them that has to be right, and the
    share below which the latest `window` live ones pause a person (0: never).
    """

    questions: int = 0
    pass_mark: float = 0.7
    floor: float = 0.0
    window: int = 20


@dataclass(frozen=True)
class Feedback:
    """What a person in training mode is told about an answer. `expert`: ranks in the candidates' own order."""

    right: bool
    expert: list[int]


def standing(db: Database, annotator_id: int, rule: Qualifying) -> Standing:
    """Tell whether a person does live work, or what keeps them from it."""
    if rule.questions == 0:
        return "live"
    held = {one.name for one in qualifications.held(db, annotator_id)}
    if QUALIFIED in held:
        return "live"
    return "not_qualified" if NOT_QUALIFIED in held else "training"


def settled(db: Database, annotator_id: int, rule: Qualifying, *, now: str) -> Standing:
    """Return the standing of a person who asks for work, decided where they answered enough check questions already:
    the rule may have come, or ask for fewer, since. Inside the caller's transaction.
    """
    _decide(db, annotator_id, rule, now)
    return standing(db, annotator_id, rule)


def missing(db: Database, annotator_id: int, rule: Qualifying) -> int:
    """Count the check questions that a person in training mode has to answer yet."""
    return max(0, rule.questions - len(_first_answers(db, annotator_id)))


def after_answer(
    db: Database,
    annotator_id: int,
    comparison_id: int,
    ranks: list[int] | None,
    rule: Qualifying,
    *,
    judgment_id: int,
    at: str,
) -> Feedback | None:
    """Do what an answer stored `at`, as the judgment of this id, leads to, in the transaction that stored it; return
    what the person is told.

    None where it was no check question, a skip, or live work. The same answer again is told the same.
    """
    expert = _expert(db, comparison_id)
    if expert is None or ranks is None:
        return None
    if _in_training(db, annotator_id, rule, judgment_id):
        _decide(db, annotator_id, rule, at)
        return Feedback(pairs_of(ranks) == pairs_of(expert), expert)
    if rule.floor > 0:
        _pause_below(db, annotator_id, rule, at)
    return None


def qualify(db: Database, annotator_id: int, *, by: str, now: str | None = None) -> None:
    """Let a person do live work without the check questions, or in spite of them. Raises InvalidInput."""
    _settle(db, annotator_id, QUALIFIED, None, by, now or clock.now())


def qualify_again(db: Database, annotator_id: int, *, by: str, now: str | None = None) -> None:
    """Let a person try again, with check questions that they were not asked yet. Raises InvalidInput."""
    moment = now or clock.now()
    with db.transaction():
        annotators.get(db, annotator_id)
        for name in (QUALIFIED, NOT_QUALIFIED):
            qualifications.end(db, annotator_id, name, now=moment)
        _mark(db, annotator_id, AGAIN, None, moment)
        audit.note(db, actor=by, action="qualify again", subject=f"annotator {annotator_id}", now=moment)


def _in_training(db: Database, annotator_id: int, rule: Qualifying, judgment_id: int) -> bool:
    """An answer belongs to training where it came before what it decided, or while nothing is decided."""
    if rule.questions == 0:
        return False
    qualified = next((one for one in qualifications.held(db, annotator_id) if one.name == QUALIFIED), None)
    return qualified is None or judgment_id <= qualified.after_judgment_id


def _decide(db: Database, annotator_id: int, rule: Qualifying, moment: str) -> None:
    if standing(db, annotator_id, rule) != "training":
        return
    answers = _first_answers(db, annotator_id)
    if len(answers) < rule.questions:
        return
    share = sum(answers[: rule.questions]) / rule.questions
    _settle(db, annotator_id, QUALIFIED if share >= rule.pass_mark else NOT_QUALIFIED, share, BY_RULE, moment)


def _settle(db: Database, annotator_id: int, name: str, score: float | None, by: str, moment: str) -> None:
    other = NOT_QUALIFIED if name == QUALIFIED else QUALIFIED
    with db.transaction():
        qualifications.end(db, annotator_id, other, now=moment)
        qualifications.grant(db, annotator_id, name, score=score, now=moment)
        detail = {"outcome": name, "score": score}
        audit.note(db, actor=by, action="qualify", subject=f"annotator {annotator_id}", detail=detail, now=moment)


def _pause_below(db: Database, annotator_id: int, rule: Qualifying, moment: str) -> None:
    """Pause a person whose latest live check questions fall below the floor."""
    rows = db.rows(LATEST_LIVE, {"annotator": annotator_id, "window": rule.window})
    right = [check_answers.is_right(row) for row in rows]
    if len(right) < rule.window or sum(right) / len(right) >= rule.floor:
        return
    share = sum(right) / len(right)
    _mark(db, annotator_id, FELL, share, moment)
    annotators.pause(db, annotator_id, why="checks", now=moment)
    detail = {"why": "checks", "share": share, "floor": rule.floor, "checks": len(right)}
    audit.note(db, actor=BY_RULE, action="pause", subject=f"annotator {annotator_id}", detail=detail, now=moment)


def _mark(db: Database, annotator_id: int, name: str, score: float | None, moment: str) -> None:
    """Note a moment from which on answers count anew."""
    qualifications.end(db, annotator_id, name, now=moment)
    qualifications.grant(db, annotator_id, name, score=score, now=moment)


def _first_answers(db: Database, annotator_id: int) -> list[bool]:
    """Whether each check question of the present try was answered right at first, in the order of the answers."""
    return [check_answers.is_right(row) for row in db.rows(FIRST_ANSWERS, {"annotator": annotator_id})]


def _expert(db: Database, comparison_id: int) -> list[int] | None:
    found = db.value("SELECT expert FROM comparisons WHERE id = ? AND purpose = 'check'", [comparison_id])
    return json.loads(found) if found else None


# Check questions are few; what a person said of each is looked up by person and comparison.
_SINCE = (
    "(SELECT COALESCE(MAX(q.after_judgment_id), 0) FROM qualifications q"
    " WHERE q.annotator_id = :annotator AND q.name IN ({names}) AND q.ended_at IS NULL)"
)
_TRY_BEGAN = _SINCE.format(names=f"'{AGAIN}'")
_LIVE_SINCE = _SINCE.format(names=f"'{QUALIFIED}', '{FELL}'")
_FIRST = f"""
SELECT j.ranks, c.expert FROM comparisons c CROSS JOIN judgments j
  ON j.comparison_id = c.id AND j.annotator_id = :annotator
WHERE {check_answers.IN_USE} AND {check_answers.FIRST} AND j.import_id IS NULL"""
FIRST_ANSWERS = f"{_FIRST} AND j.id > {_TRY_BEGAN} ORDER BY j.id"
LATEST_LIVE = f"{_FIRST} AND j.id > {_LIVE_SINCE} ORDER BY j.id DESC LIMIT :window"
