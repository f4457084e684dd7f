"""What the console page asks: how the loop stands, two policies side by side."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from feedback_store import person_figures
from rounds import home_figures, latest_taste, loop_state, verbs
from ui.web.errors import NotThere
from ui.web.roles import Researcher
from ui.web.study import StudyAtHand, study_of

router = APIRouter(prefix="/api", tags=["runs"])

LARGEST_ID = 2**53
PEOPLE_REST_SECONDS = 60.0
"""Home asks every few seconds: agreement is not computed anew with every answer that comes meanwhile."""
Name = Annotated[str, Query(min_length=1, max_length=200)]


@router.get("/loop")
def loop(request: Request, person: Researcher) -> dict[str, Any]:
    """All that Home shows at a glance, with where its numbers come from."""
    study = study_of(request)
    state = verbs.loop_state(study.db)
    taste = latest_taste.taste_of(study.db, study.refreshing.current)
    known = _figures(study, state, taste)
    return {
        **state.model_dump(mode="json"),
        "figures": {name: _plain(figure) for name, figure in known.items()},
        "said": home_figures.SAID,
        "taste": latest_taste.taste_shown(study.db, taste),
        "taste_judgments": None if taste.judgments is None else len(taste.judgments),
    }


@router.get("/loop/figures/{name}")
def behind(
    request: Request,
    person: Researcher,
    name: str,
    after: Annotated[int, Query(ge=0, le=LARGEST_ID)] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> dict[str, Any]:
    """What a figure of the console comes from: the rows that it adds up from, or the figures it is derived from."""
    study = study_of(request)
    taste = latest_taste.taste_of(study.db, study.refreshing.current)
    known = _figures(study, verbs.loop_state(study.db), taste)
    if name not in known:
        raise NotThere(f"There is no figure {name!r} now. There are: {', '.join(known)}.")
    figure = known[name]
    rows = home_figures.rows_of(figure, after, limit) if figure.rows else []
    return {**_plain(figure), "name": name, "rows": rows, "next": rows[-1]["id"] if len(rows) == limit else None}


def _figures(
    study: StudyAtHand, state: loop_state.LoopState, taste: latest_taste.Taste
) -> dict[str, home_figures.Figure]:
    people = study.figures.read(person_figures.latest_judgment(study.db), rest_seconds=PEOPLE_REST_SECONDS).figures
    return home_figures.figures(study.db, state, people, taste)


def _plain(figure: home_figures.Figure) -> dict[str, Any]:
    return {
        "value": figure.value,
        "how": figure.how,
        "inputs": figure.inputs,
        "rule": figure.rule,
        "as_of": figure.as_of,
    }


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
