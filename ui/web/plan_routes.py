"""What the page plan asks: what so many people and judgments would tell."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from rounds import planning
from ui.web.roles import Researcher
from ui.web.study import study_of

router = APIRouter(prefix="/api", tags=["runs"])
Share = Annotated[float | None, Query(ge=0, le=1)]


@router.get("/plan")
def plan(
    request: Request,
    person: Researcher,
    people: Annotated[int, Query(ge=1, le=100_000)],
    judgments: Annotated[int, Query(ge=1, le=100_000_000)],
    skips: Share = None,
    ties: Share = None,
    accuracy: Share = None,
    agreement: Share = None,
    seconds: Annotated[float | None, Query(ge=1, le=3600)] = None,
) -> dict[str, Any]:
    """What the judgments come to by the study's settings; what is not given is taken from the study or assumed."""
    named = {"skips": skips, "ties": ties, "accuracy": accuracy, "agreement": agreement, "seconds": seconds}
    given = {name: value for name, value in named.items() if value is not None}
    return planning.plan_of(study_of(request).db, people, judgments, given).model_dump(mode="json")
