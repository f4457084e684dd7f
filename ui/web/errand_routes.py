"""Work of the server that takes long (feedback_store/errands.py): how far it is, what came out, and who may see that.

It goes on when the page is closed. Nothing here keeps a thread while it waits: the threads are for those who judge.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from feedback_store import errands, import_report
from feedback_store.database import Database
from feedback_store.errands import Errand
from feedback_store.errors import InvalidInput
from ui.web.errors import NotThere
from ui.web.people_routes import LARGEST_ID
from ui.web.roles import Person, Researcher
from ui.web.study import study_of

router = APIRouter(prefix="/api", tags=["data"])

LOOK_SECONDS = 0.05
ErrandId = Annotated[str, Path(min_length=1, max_length=40)]


@router.get("/errands/{errand_id}")
def errand(request: Request, person: Researcher, errand_id: ErrandId) -> dict[str, Any]:
    """How far a dry run, an import, a look or an export is, and what came out."""
    return told(_errand(study_of(request).db, person, errand_id))


@router.get("/errands/{errand_id}/report")
def report(
    request: Request,
    person: Researcher,
    errand_id: ErrandId,
    became: Literal["left_out", "added", "known"] = "left_out",
    start: Annotated[int, Query(ge=0, le=LARGEST_ID)] = 0,
    size: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """What became of each line; `next` is where the next page starts."""
    found = _errand(study_of(request).db, person, errand_id)
    rows, further = import_report.page(found.folder, became, start=start, size=size)
    return {"rows": rows, "next": further}


@router.get("/errands/{errand_id}/report.csv")
def report_file(request: Request, person: Researcher, errand_id: ErrandId) -> StreamingResponse:
    """The whole report as a table."""
    found = _errand(study_of(request).db, person, errand_id)
    headers = {"content-disposition": 'attachment; filename="import-report.csv"'}

    def lines() -> Iterator[str]:
        yield from import_report.as_csv(found.folder)

    return StreamingResponse(lines(), media_type="text/csv; charset=utf-8", headers=headers)


async def ended_or_late(db: Database, start: Callable[[], Errand], seconds: float) -> Errand:
    """Begin an errand; return it when it has ended, or as far as it is when the time is over."""
    found = await run_in_threadpool(start)
    ends = time.monotonic() + seconds
    while found.status == "working" and time.monotonic() < ends:
        await asyncio.sleep(LOOK_SECONDS)
        found = await run_in_threadpool(errands.get, db, found.id)
    return found


def owned_by(person: Person, owner: int) -> bool:
    """Whether a person may have what an annotator's id owns: one's own, and as an admin everybody's."""
    return person.annotator_id == owner or person.may("admin")


def may_see(person: Person, found: Errand) -> bool:
    """Whether a person may see what came out of an errand: it is theirs, and they may now what they might when they
    asked. An admin's own token is less than the admin: a preview with names is not for it.
    """
    return owned_by(person, found.by) and person.may(found.role)


def told(found: Errand) -> dict[str, Any]:
    """An errand as the pages know it."""
    return {
        "errand": found.id, "verb": found.verb, "format": found.order.get("format"), "status": found.status,
        "done": found.done, "of": found.of, "error": found.error, "result": found.result,
        "created_at": found.created_at,
    }  # fmt: skip


def _errand(db: Database, person: Person, errand_id: str) -> Errand:
    try:
        found = errands.get(db, errand_id)
    except InvalidInput as error:
        raise NotThere(str(error)) from error
    if not may_see(person, found):
        raise NotThere(f"There is no errand {errand_id!r} of yours.")
    return found
