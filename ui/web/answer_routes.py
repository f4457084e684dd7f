"""What the compare page asks beside questions: the last answers, flags, guidelines, the text that people agree to."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import Field

from feedback_store import guidelines, information_texts
from rounds import annotating, asked
from ui.web import shown_questions
from ui.web.errors import NotThere
from ui.web.judgment_routes import require_same_person
from ui.web.roles import Annotator
from ui.web.shown_questions import Body, Key, LanguageCode, PublicId
from ui.web.study import study_of

router = APIRouter(prefix="/api", tags=["judge"])


class FlagBody(Body):
    """`place`: of the completion as it was shown, None for the pair as a whole."""

    comparison: PublicId
    place: int | None = Field(default=None, ge=0, le=15)
    note: str = Field(min_length=1, max_length=2000)
    key: Key
    person: str | None = Field(default=None, max_length=100)


class ConsentBody(Body):
    """`version` of the information text; None where the study has none."""

    version: int | None = Field(ge=1, le=1_000_000)


@router.get("/answers")
def last(request: Request, who: Annotator) -> dict[str, Any]:
    """The person's last answers, the latest first: those that can still be changed."""
    found = annotating.last_answers(study_of(request).db, who.annotator_id)
    rows = [
        {
            "comparison": question.comparison_public_id,
            "prompt": shown_questions.excerpt(question),
            "shown": answer.shown,
            "verdict": {name: getattr(answer, name) for name in ("ranks", "strength", "both_bad", "skipped")},
            "at": answer.created_at,
        }
        for answer, question in found
    ]
    return {"answers": rows}


@router.get("/answers/{comparison}")
def one(
    request: Request, who: Annotator, comparison: Annotated[str, Path(min_length=1, max_length=100)]
) -> dict[str, Any]:
    """One of these answers with its question, to be changed."""
    db = study_of(request).db
    for answer, question in annotating.last_answers(db, who.annotator_id):
        if question.comparison_public_id == comparison:
            needs = asked.current(db).needs(question, who.annotator_id)
            training = annotating.in_training(db, who.annotator_id)
            return {
                "question": shown_questions.question(question, needs, training=training),
                "answer": shown_questions.given_answer(answer),
            }
    raise NotThere("This answer is too long ago to be changed, or was taken back. It stays as it is.")


@router.post("/flags")
def flag(request: Request, who: Annotator, body: FlagBody) -> dict[str, Any]:
    """Let those who lead the study look at a pair that was handed out to the person."""
    require_same_person(who, body.person)
    annotating.flag(
        study_of(request).db, who.annotator_id, body.comparison, place=body.place, note=body.note, key=body.key
    )
    return {"flagged": True}


@router.get("/guidelines")
def guideline(request: Request, who: Annotator, language: LanguageCode = "en") -> dict[str, Any]:
    """The guidelines in force, in the reader's language where they are there in it."""
    return {"guideline": shown_questions.text(guidelines.for_reader(study_of(request).db, language))}


@router.get("/information")
def information(request: Request, who: Annotator, language: LanguageCode = "en") -> dict[str, Any]:
    """The text that people agree to before the first question, if the study has one."""
    return {"text": shown_questions.text(information_texts.current(study_of(request).db, language))}


@router.post("/consent")
def agree(request: Request, who: Annotator, body: ConsentBody) -> dict[str, Any]:
    """Agree to a version of that text; who withdrew takes part again."""
    study = study_of(request)
    if annotating.agree(study.db, who.annotator_id, body.version):
        study.people_changed()
    return {"agreed": True}
