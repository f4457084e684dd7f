"""What people who judge may do: get questions, answer, take back, look at their last answers. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass, fields

from feedback_store import (
    annotators,
    comparisons,
    consents,
    flags,
    judgments,
    qualifying,
    questions,
    study_settings,
    withdrawal,
)
from feedback_store.database import Database
from feedback_store.drawing import Asking
from feedback_store.errors import InvalidInput
from feedback_store.judgments import Judgment, NewJudgment
from feedback_store.qualifying import Feedback, Qualifying
from feedback_store.questions import HandedOut, Question, QuestionBatch
from rounds import asked, evaluating, studies, verbs
from rounds.settings import StudySettings


class NeverHandedOut(ValueError):
    """An answer to a pair that this person was never asked."""


class WrongSides(ValueError):
    """An answer names another order of the sides than the one that was shown."""


@dataclass(frozen=True)
class Answered:
    """A stored answer, and what the person is told about it in training mode."""

    judgment: Judgment
    feedback: Feedback | None


def next_questions(db: Database, annotator_id: int, *, limit: int = 3, language: str = "en") -> QuestionBatch:
    """A person's next questions, leased; the queue is refilled where it runs low. `language`: of the text that a person
    has to agree to before the first question.
    """
    if annotators.get(db, annotator_id).paused_why != "withdrawn" and consents.needed(db, annotator_id, language):
        return QuestionBatch("consent_needed", [])
    batch = questions.next_questions(db, annotator_id, limit=limit, asking=asking(db, studies.settings(db)))
    verbs.refill(db, annotator_id if batch.state in ("ready", "all_done", "held_back") else None)
    return batch


def asking(db: Database, study: StudySettings) -> Asking:
    """How the study asks people."""
    latest = study_settings.latest(db, studies.SETTING)
    own = {field.name: getattr(study, field.name) for field in fields(Asking) if hasattr(study, field.name)}
    return Asking(
        **own, asked_id=latest.id if latest else None, qualifying=Qualifying(**study.qualification.model_dump())
    )


def answer(db: Database, new: NewJudgment) -> Answered:
    """Store a person's answer to a pair that was handed out to them; durable when this returns.

    Raises NeverHandedOut, WrongSides, asked.AskedChanged, asked.Incomplete, and what judgments.submit raises.
    """
    with db.transaction():
        handed_out = _handed_out(db, new.annotator_id, str(new.comparison))
        if handed_out.shown != new.shown:
            raise WrongSides(f"This pair was shown in the order {handed_out.shown}, not {new.shown}: reload the page.")
        version = asked.of_answer(db, new.asked_id, handed_out)
        question = questions.question_of(db, handed_out.comparison_id, handed_out.shown)
        asked.require(version, new, version.needs(question, new.annotator_id), handed_out)
        stored = judgments.submit(db, new, held_against=version.id)
        evaluating.after_answer(db, stored.comparison_id)
        rule = Qualifying(**studies.settings(db).qualification.model_dump())
        told = qualifying.after_answer(
            db, new.annotator_id, stored.comparison_id, stored.ranks, rule,
            judgment_id=stored.id, at=stored.created_at,
        )  # fmt: skip
    return Answered(stored, told)


def undo(db: Database, annotator_id: int, *, key: str, answer: str | None = None) -> Judgment | None:
    """Take back the answer that a person sent under the key `answer`, or their last one where none is named; None where
    there is none, or it counts no more.
    """
    with db.transaction():
        meant = judgments.by_key(db, annotator_id, answer) if answer is not None else None
        is_new = judgments.by_key(db, annotator_id, key) is None
        if is_new and answer is not None and (meant is None or not judgments.is_live(db, meant.id)):
            return None
        return judgments.undo(
            db,
            annotator_id,
            key,
            judgment_id=meant.id if meant else None,
            lease_seconds=studies.settings(db).lease_seconds,
        )


def renew(db: Database, annotator_id: int, comparison_public_id: str) -> str | None:
    """Hold a question longer; the new expiry, or None where it is held no more."""
    seconds = studies.settings(db).lease_seconds
    return questions.renew(db, annotator_id, comparison_public_id, lease_seconds=seconds)


def last_answers(db: Database, annotator_id: int) -> list[tuple[Judgment, Question]]:
    """A person's answers that can be changed, the latest first, each with its question as it was shown."""
    found = [one for one in judgments.recent(db, annotator_id) if one.shown is not None]
    return [(one, questions.question_of(db, one.comparison_id, one.shown or [])) for one in found]


def in_training(db: Database, annotator_id: int) -> bool:
    """Whether a person answers check questions before live work."""
    rule = Qualifying(**studies.settings(db).qualification.model_dump())
    return qualifying.standing(db, annotator_id, rule) == "training"


def flag(db: Database, annotator_id: int, comparison: str, *, place: int | None, note: str, key: str) -> None:
    """Flag a pair that was handed out to a person, or one of its completions by its place as shown; the same key again
    is the same flag. Raises NeverHandedOut, InvalidInput.
    """
    with db.transaction():
        handed_out = _handed_out(db, annotator_id, comparison)
        flagged = comparisons.get(db, handed_out.comparison_id).completion_ids
        if place is not None and place >= len(flagged):
            raise InvalidInput(f"There is no response {place + 1}; this pair has {len(flagged)}.")
        completion_id = flagged[handed_out.shown[place]] if place is not None else None
        flags.add(
            db, handed_out.comparison_id, annotator_id=annotator_id, completion_id=completion_id, note=note, key=key
        )


def agree(db: Database, annotator_id: int, version: int | None) -> bool:
    """Store that a person agreed to the information text of this version (None where the study has no text).

    Who withdrew takes part again by it; tells whether that was so. Raises InvalidInput.
    """
    with db.transaction():
        if version is None and consents.needed(db, annotator_id) is not None:
            raise InvalidInput("Say which version of the information text you agree to.")
        if version is not None:
            consents.give(db, annotator_id, version)
        came_back = withdrawal.come_back(db, annotator_id, by=f"annotator {annotator_id}")
        if came_back:
            evaluating.look_again(db)
        return came_back


def _handed_out(db: Database, annotator_id: int, comparison: str) -> HandedOut:
    found = questions.handed_out(db, annotator_id, comparison)
    if found is None:
        raise NeverHandedOut("This pair was never handed out to you: reload the page to get the next one.")
    return found
