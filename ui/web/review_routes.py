"""What leads look through: flags, pairs that were held back, check questions, how far people agree.

Pairs are shown by their texts alone: nothing tells which policy wrote one.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field

from feedback_store import annotators, audit, check_questions, flags, held_back, shown_pairs
from feedback_store.database import Database
from feedback_store.shown_pairs import ShownPair
from rounds import evaluating
from ui.web.actors import actor, known_as
from ui.web.errors import NotThere
from ui.web.people_routes import LARGEST_ID, Body, as_of, figures
from ui.web.roles import Lead
from ui.web.study import study_of

router = APIRouter(prefix="/api", tags=["people"])

PublicId = Annotated[str, Path(min_length=1, max_length=100)]
Page = Annotated[int, Query(ge=0, le=1_000_000)]
Size = Annotated[int, Query(ge=1, le=50)]
LONGEST_SHOWN = 20_000


class HeldBackBody(Body):
    serve: bool


class CheckBody(Body):
    """`ranks`: the expert's, in the candidates' order as the pair was shown to the lead; 1 best, equal a tie."""

    comparison: str = Field(min_length=1, max_length=100)
    ranks: list[Annotated[int, Field(ge=1, le=16)]] = Field(min_length=2, max_length=16)


@router.get("/flags")
def open_flags(request: Request, person: Lead, page: Page = 0, size: Size = 10) -> dict[str, Any]:
    """What people want looked at, the oldest first, each with its pair."""
    db = study_of(request).db
    name_of = known_as(db, person)
    waiting = flags.current(db)
    shown = []
    for flag in waiting[page * size : (page + 1) * size]:
        by = annotators.get(db, flag.annotator_id).name if flag.annotator_id is not None else None
        shown.append(
            {
                "id": flag.id,
                "note": flag.note,
                "at": flag.created_at,
                "by": name_of(by) if by else None,
                "place": flags.place_of(db, flag),
                "pair": _pair(shown_pairs.get(db, flag.comparison_id)),
            }
        )
    return {"flags": shown, "total": len(waiting)}


@router.post("/flags/{flag_id}/resolve")
def resolve(request: Request, person: Lead, flag_id: Annotated[int, Path(ge=1, le=LARGEST_ID)]) -> dict[str, Any]:
    """Mark a flag as seen to."""
    db = study_of(request).db
    with db.transaction():
        flags.resolve(db, flag_id, by=actor(person))
        audit.note(db, actor=actor(person), action="resolve flag", subject=f"flag {flag_id}")
    return {"resolved": True}


@router.get("/held-back")
def kept_from_people(request: Request, person: Lead, page: Page = 0, size: Size = 10) -> dict[str, Any]:
    """Pairs that are not asked because a text says which model wrote it."""
    db = study_of(request).db
    found, total = held_back.listing(db, limit=size, offset=page * size)
    return {"pairs": [_pair(shown_pairs.get(db, one)) for one in found], "total": total}


@router.post("/held-back/{public_id}")
def decide(request: Request, person: Lead, public_id: PublicId, body: HeldBackBody) -> dict[str, Any]:
    """Ask a pair after all, or keep it out for good."""
    db = study_of(request).db
    _there(db, public_id)
    evaluating.decide_held_back(db, public_id, serve=body.serve, by=actor(person))
    return {"served": body.serve}


@router.get("/checks")
def checks(request: Request, person: Lead, page: Page = 0, size: Size = 10) -> dict[str, Any]:
    """Check questions with how many got each one right: one that most people get wrong may be wrong itself."""
    study = study_of(request)
    reading = figures(study)
    shares = reading.figures["checks"] if reading.figures else {}
    found, total = check_questions.listing(study.db, limit=size, offset=page * size)
    shown = [
        {
            "pair": _pair(shown_pairs.get(study.db, one.comparison_id)),
            "expert": one.expert,
            "right": shares.get(one.public_id, [0, 0]),
            "retired": one.retired,
            "at": one.created_at,
        }
        for one in found
    ]
    return {"checks": shown, "total": total, **as_of(reading)}


@router.post("/checks")
def make_check(request: Request, person: Lead, body: CheckBody) -> dict[str, Any]:
    """Make a check question of a pair."""
    study = study_of(request)
    _there(study.db, body.comparison)
    made = check_questions.make(study.db, body.comparison, body.ranks, by=actor(person))
    study.figures.changed()
    return {"comparison": made.public_id, "expert": made.expert}


@router.post("/checks/{public_id}/retire")
def retire_check(request: Request, person: Lead, public_id: PublicId) -> dict[str, Any]:
    """Ask a check question no more."""
    study = study_of(request)
    _there(study.db, public_id)
    check_questions.retire(study.db, public_id, by=actor(person))
    study.figures.changed()
    return {"retired": True}


@router.get("/pairs/{public_id}")
def pair(request: Request, person: Lead, public_id: PublicId) -> dict[str, Any]:
    """One pair by its texts."""
    return _there(study_of(request).db, public_id)


@router.get("/agreement")
def agreement(request: Request, person: Lead) -> dict[str, Any]:
    """How far people agree, with 95 % intervals, and the pairs on which they are divided."""
    reading = figures(study_of(request))
    found = reading.figures or {"agreement": [], "divided": []}
    return {"measures": found["agreement"], "divided": found["divided"], **as_of(reading)}


def _there(db: Database, public_id: str) -> dict[str, Any]:
    found = _pair(shown_pairs.get(db, public_id))
    if found is None:
        raise NotThere(f"There is no pair {public_id!r} in this study.")
    return found


def _pair(found: ShownPair | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "comparison": found.public_id,
        "purpose": found.purpose,
        "prompt": [
            {"role": str(turn["role"]), "content": str(turn["content"])[:LONGEST_SHOWN]} for turn in found.prompt
        ],
        "completions": [
            {"text": text[:LONGEST_SHOWN], "cut_off": cut, "shortened": len(text) > LONGEST_SHOWN}
            for text, cut in zip(found.texts, found.cut_off, strict=True)
        ],
    }
