"""What the console page asks: how the loop stands, two policies side by side."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from feedback_store import exchange
from rounds import verbs
from ui.web.roles import Researcher
from ui.web.study import study_of

router = APIRouter(prefix="/api")

Name = Annotated[str, Query(min_length=1, max_length=200)]


@router.get("/loop")
def loop(request: Request, person: Researcher) -> dict[str, Any]:
    """All that the console shows at a glance, with the formats of an export."""
    state = verbs.loop_state(study_of(request).db)
    return {**state.model_dump(mode="json"), "formats": exchange.formats_that("write")}


@router.get("/side-by-side")
def side_by_side(
    request: Request,
    person: Researcher,
    older: Name,
    newer: Name,
    page: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    size: Annotated[int, Query(ge=1, le=50)] = 10,
) -> dict[str, Any]:
    """Held-out prompts that two policies answered, with an answer of each."""
    return verbs.side_by_side(study_of(request).db, older, newer, limit=size, offset=page * size)
