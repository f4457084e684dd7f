"""What the compare page asks: the next pairs, saving an answer, holding a pair longer, taking the last answer back.

Plain routes beside Gradio: its queue drops accepted work when a browser closes. An answer is acknowledged after COMMIT,
and sending it again under the same key answers the same. Nothing here says which policy wrote a text.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import Field, field_validator, model_validator

from feedback_store import guidelines, judgments, questions
from feedback_store.judgments import NewJudgment
from rounds import annotating, asked
from ui.web import shown_questions
from ui.web.errors import NotThere, OtherPerson
from ui.web.roles import Annotator, Person
from ui.web.shown_questions import Body, Key, LanguageCode, PublicId
from ui.web.study import study_of

router = APIRouter(prefix="/api", tags=["judge"])

SkipReason = Literal["language", "expertise", "broken", "unsafe", "unclear", "other"]
Place = Annotated[int, Field(ge=0, le=15)]
Rank = Annotated[int, Field(ge=1, le=16)]
Ranks = Annotated[list[Rank], Field(min_length=2, max_length=16)]
Strength = Annotated[int, Field(ge=1, le=3)]
RowId = Annotated[int, Field(ge=1, le=2**53)]
Milliseconds = Annotated[int, Field(ge=0, le=86_400_000)]
Share = Annotated[float, Field(ge=0, le=1)]


class CriterionSaid(Body):
    """What was said about one criterion."""

    ranks: Ranks
    strength: Strength | None = None


class Improved(Body):
    """A completion, by its place in the comparison, as the person would have it."""

    position: Place
    text: str = Field(min_length=1, max_length=100_000)


class Signals(Body):
    """What the page noted beside an answer. `scrolled`: how much of each text was on the screen; `views` in turn; how
    often a decision was changed; places in the order in which they were ranked; the answer's place in this visit.
    """

    scrolled: list[Share] = Field(default=[], max_length=16)
    views: list[Literal["rendered", "raw", "diff"]] = Field(default=[], max_length=20)
    revisions: int = Field(default=0, ge=0, le=1_000_000)
    order: list[Place] = Field(default=[], max_length=200)
    place: int = Field(default=0, ge=0, le=1_000_000_000)


class JudgmentBody(Body):
    """One answer. `shown`: places of the candidates in order as shown; `ranks` in the candidates' own order, 1 best.

    `asked`, `guideline`: versions of what was asked and of the guidelines that the person saw; without `asked` it is
    the version that the pair was handed out under; `person`: who gave it.
    """

    comparison: PublicId
    shown: list[Place] = Field(min_length=2, max_length=16)
    ranks: Ranks | None = None
    strength: Strength | None = None
    both_bad: bool = False
    skipped: SkipReason | None = None
    criteria: dict[Annotated[str, Field(min_length=1, max_length=60)], CriterionSaid] | None = Field(
        default=None, max_length=100
    )
    rationale: str | None = Field(default=None, max_length=20_000)
    improved: Improved | None = None
    key: Key
    milliseconds: Milliseconds | None = None
    input_device: Literal["keyboard", "pointer"] | None = None
    view: Literal["raw", "rendered", "diff"] | None = None
    asked: RowId | None = None
    guideline: RowId | None = None
    person: str | None = Field(default=None, max_length=100)
    signals: Signals | None = None

    @field_validator("criteria")
    @classmethod
    def _nothing_is_none(cls, value: dict[str, CriterionSaid] | None) -> dict[str, CriterionSaid] | None:
        return value or None

    @model_validator(mode="after")
    def _one_answer(self) -> JudgmentBody:
        if (self.ranks is None) == (self.skipped is None):
            raise ValueError("give either ranks or the reason why it was skipped")
        return self


class UndoBody(Body):
    """`answer`: the key of the answer that is meant, for another page of the person may have sent a later one; none:
    the last.
    """

    key: Key
    answer: Key | None = None
    person: str | None = Field(default=None, max_length=100)


class RenewBody(Body):
    comparison: PublicId
    person: str | None = Field(default=None, max_length=100)


@router.get("/questions")
def next_pairs(
    request: Request,
    who: Annotator,
    limit: Annotated[int, Query(ge=1, le=10)] = 3,
    language: LanguageCode = "en",
    person: Annotated[str | None, Query(max_length=100)] = None,
) -> dict[str, Any]:
    """The person's next pairs, leased, what is asked about them, and how far the round is."""
    require_same_person(who, person)
    study = study_of(request)
    batch = annotating.next_questions(study.db, who.annotator_id, limit=limit, language=language)
    version = asked.current(study.db)
    return {
        "state": batch.state,
        "questions": [
            shown_questions.question(each, version.needs(each, who.annotator_id), training=batch.training)
            for each in batch.questions
        ],
        "progress": shown_questions.progress(study.db, who.annotator_id),
        "asked": shown_questions.asked(version),
        "guideline": shown_questions.guideline_in_force(study.db, language),
        "seconds_left": shown_questions.seconds_left(study.db) if batch.state == "none_yet" else None,
    }


@router.post("/judgments")
def save(request: Request, who: Annotator, body: JudgmentBody) -> dict[str, Any]:
    """Save one answer; the reply is sent after COMMIT."""
    require_same_person(who, body.person)
    db = study_of(request).db
    if body.guideline is not None and not guidelines.known(db, body.guideline):
        raise NotThere(f"There is no guideline {body.guideline} in this study: reload the page.")
    given = body.model_dump(exclude={"asked", "guideline", "person", "view"})
    # A difference is the texts as they are, with marks; which views there were, the signals say.
    view = "raw" if body.view == "diff" else body.view
    new = NewJudgment(
        annotator_id=who.annotator_id, asked_id=body.asked, guideline_id=body.guideline, view=view, **given
    )
    stored = annotating.answer(db, new)
    study_of(request).refreshing.nudge()
    told = stored.feedback and {"right": stored.feedback.right, "expert": stored.feedback.expert}
    return {"saved": True, "key": body.key, "late": stored.judgment.late, "feedback": told}


@router.post("/renew")
def renew(request: Request, who: Annotator, body: RenewBody) -> dict[str, Any]:
    """Hold a pair longer; null where it is held no more."""
    require_same_person(who, body.person)
    return {"expires_at": annotating.renew(study_of(request).db, who.annotator_id, body.comparison)}


@router.post("/undo")
def undo(request: Request, who: Annotator, body: UndoBody) -> dict[str, Any]:
    """Take an answer back, the person's last where none is named, and hand its pair out again, with what it was."""
    require_same_person(who, body.person)
    db, person = study_of(request).db, who.annotator_id
    undone = annotating.undo(db, person, key=body.key, answer=body.answer)
    study_of(request).refreshing.nudge()
    question = questions.held_question(db, person, undone.comparison_id) if undone else None
    shown = answer = None
    if undone and undone.supersedes_id and question:
        training = annotating.in_training(db, person)
        shown = shown_questions.question(question, asked.current(db).needs(question, person), training=training)
        answer = shown_questions.given_answer(judgments.get(db, undone.supersedes_id))
    progress = shown_questions.progress(db, person)
    return {"undone": undone is not None, "question": shown, "answer": answer, "progress": progress}


def require_same_person(who: Person, key: str | None) -> None:
    """Raise OtherPerson where a page that somebody else had opened sends something."""
    if key is not None and key != who.key:
        raise OtherPerson(
            "Somebody else is logged in on this computer by now. Nothing was stored under their name; what you sent is "
            "kept in this browser until you log in again."
        )
