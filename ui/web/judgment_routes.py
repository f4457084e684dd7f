"""What the compare page asks: the next pairs, saving an answer, taking the last one back.

Plain routes beside Gradio: its queue drops accepted work when a browser closes. An answer is acknowledged after COMMIT,
and sending it again under the same key answers the same. Nothing here says which policy wrote a text.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from feedback_store import comparisons, judgments, questions
from feedback_store import rounds as round_rows
from feedback_store.judgments import NewJudgment
from rounds import verbs
from ui.web.errors import NotThere
from ui.web.roles import Annotator
from ui.web.study import StudyAtHand, study_of

router = APIRouter(prefix="/api")

SkipReason = Literal["language", "expertise", "broken", "unsafe", "unclear", "other"]
Key = Annotated[str, Field(min_length=8, max_length=100, pattern=r"^[A-Za-z0-9_-]+$")]
Place = Annotated[int, Field(ge=0, le=15)]


class WrongSides(ValueError):
    """An answer names another order of the sides than the one that was shown."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class JudgmentBody(_Body):
    """One answer. `shown`: places of the candidates in order as shown; `ranks` in the candidates' own order, 1 best."""

    comparison: str = Field(min_length=1, max_length=100)
    shown: list[Place] = Field(min_length=2, max_length=16)
    ranks: list[Annotated[int, Field(ge=1, le=16)]] | None = Field(default=None, min_length=2, max_length=16)
    both_bad: bool = False
    skipped: SkipReason | None = None
    key: Key
    milliseconds: int | None = Field(default=None, ge=0, le=86_400_000, description="time that the pair was visible")
    input_device: Literal["keyboard", "pointer"] | None = None
    view: Literal["raw"] | None = None

    @model_validator(mode="after")
    def _one_answer(self) -> JudgmentBody:
        if (self.ranks is None) == (self.skipped is None):
            raise ValueError("give either ranks or the reason why it was skipped")
        return self


class UndoBody(_Body):
    key: Key


@router.get("/questions")
def next_pairs(request: Request, who: Annotator, limit: Annotated[int, Query(ge=1, le=10)] = 3) -> dict[str, Any]:
    """The person's next pairs, leased, and how far the round is."""
    study = study_of(request)
    person = who.annotator_id
    batch = verbs.next_questions(study.db, person, limit=limit)
    return {
        "state": batch.state,
        "questions": [_shown(question) for question in batch.questions],
        "progress": _progress(study, person),
    }


@router.post("/judgments")
def save(request: Request, who: Annotator, body: JudgmentBody) -> dict[str, Any]:
    """Save one answer; the reply is sent after COMMIT."""
    study = study_of(request)
    person = who.annotator_id
    handed_out = questions.shown_to(study.db, person, body.comparison)
    if handed_out is None:
        raise NotThere("This pair was never handed out to you: reload the page to get the next one.")
    if handed_out != body.shown:
        raise WrongSides(f"This pair was shown in the order {handed_out}, not {body.shown}: reload the page.")
    verbs.submit(study.db, NewJudgment(annotator_id=person, **body.model_dump()))
    return {"saved": True, "key": body.key}


@router.post("/undo")
def undo(request: Request, who: Annotator, body: UndoBody) -> dict[str, Any]:
    """Take the person's last answer back and hand its pair out again."""
    study = study_of(request)
    person = who.annotator_id
    undone = verbs.undo(study.db, person, key=body.key)
    if undone is None:
        return {"undone": False, "question": None, "progress": _progress(study, person)}
    question = questions.held_question(study.db, person, undone.comparison_id)
    return {"undone": True, "question": _shown(question) if question else None, "progress": _progress(study, person)}


def _shown(question: questions.Question) -> dict[str, Any]:
    """A question as the browser gets it: the texts in order as shown, and nothing that tells who wrote them."""
    return {
        "comparison": question.comparison_public_id,
        "prompt": [{"role": str(turn["role"]), "content": str(turn["content"])} for turn in question.prompt],
        "completions": [{"text": each.text, "cut_off": each.cut_off} for each in question.completions],
        "shown": list(question.shown),
    }


def _progress(study: StudyAtHand, person: int) -> dict[str, int]:
    counts = comparisons.counts(study.db, round_rows.current(study.db).id)
    return {
        "today": judgments.of_person_today(study.db, person),
        "judged": counts.judged,
        "ready": counts.ready,
        "leased": counts.leased,
    }
