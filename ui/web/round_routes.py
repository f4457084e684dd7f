"""The round: who holds questions now, pausing, closing and opening it again while people work; the work as a table."""

from __future__ import annotations

from itertools import chain
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from feedback_store import audit, comparisons, people_listing, work_table
from feedback_store import rounds as round_rows
from rounds import studies
from ui.web.actors import actor
from ui.web.people_routes import Body
from ui.web.roles import Lead
from ui.web.study import StudyAtHand, study_of

router = APIRouter(prefix="/api", tags=["people"])


class RoundBody(Body):
    """`open`: people are asked; `paused`: nobody is for now; `closed`: nobody is any more."""

    state: Literal["open", "paused", "closed"]


@router.get("/round")
def show(request: Request, person: Lead) -> dict[str, Any]:
    """How the round stands: its state, its pairs, who holds questions now."""
    study = study_of(request)
    return _shown(study)


@router.post("/round")
def change(request: Request, person: Lead, body: RoundBody) -> dict[str, Any]:
    """Pause, close or open the round. Questions in people's hands may still be answered."""
    study = study_of(request)
    values = {"paused": body.state == "paused", "closed": body.state == "closed"}
    with study.db.transaction():
        before = studies.settings(study.db)
        if (before.paused, before.closed) != (values["paused"], values["closed"]):
            studies.change_settings(study.db, by=actor(person), **values)
            audit.note(study.db, actor=actor(person), action=f"round {body.state}", subject="round")
    return _shown(study)


@router.get("/work.csv")
def work(request: Request, person: Lead) -> StreamingResponse:
    """Who worked when, as CSV for a spreadsheet: a row a person and day (UTC), streamed."""
    lines = work_table.work_csv(study_of(request).db, names=person.may("admin"))
    headers = {"content-disposition": 'attachment; filename="work.csv"'}
    # The mark by which spreadsheets know UTF-8.
    return StreamingResponse(chain(["\ufeff"], lines), media_type="text/csv; charset=utf-8", headers=headers)


def _shown(study: StudyAtHand) -> dict[str, Any]:
    settings = studies.settings(study.db)
    current = round_rows.current(study.db)
    counts = comparisons.counts(study.db, current.id)
    people, questions = people_listing.holding_now(study.db)
    return {
        "number": current.number,
        "state": "closed" if settings.closed else "paused" if settings.paused else "open",
        "ready": counts.ready,
        "judged": counts.judged,
        "total": counts.total,
        "holding": {"people": people, "questions": questions},
    }
