"""Imports from the page data: a file comes in pieces, is tried, taken, and can be taken back.

What takes long is an errand (feedback_store/errands.py): a process that goes on when the page is closed.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from feedback_store import errands, exchange, format_guess, import_list, importing, uploads
from feedback_store.database import Database
from feedback_store.errands import Errand
from feedback_store.errors import Conflict, InvalidInput
from feedback_store.uploads import Upload
from rounds import evaluating
from ui.web.actors import actor
from ui.web.errand_routes import ended_or_late, may_see, owned_by, told
from ui.web.errors import NotThere
from ui.web.guard import MAX_BODY_BYTES
from ui.web.people_routes import LARGEST_ID, Body
from ui.web.roles import Person, Researcher
from ui.web.study import study_of

router = APIRouter(prefix="/api", tags=["data"])

PIECE_BYTES = 512 * 1024
WAIT_SECONDS = 5.0
"""So long an answer waits for an errand: most are done by then, the others are asked for again."""
UploadId = Annotated[str, Path(min_length=1, max_length=40)]
ImportId = Annotated[int, Path(ge=1, le=LARGEST_ID)]
assert PIECE_BYTES < MAX_BODY_BYTES


class UploadBody(Body):
    name: str = Field(min_length=1, max_length=300)
    bytes: int = Field(ge=1, le=LARGEST_ID)


class WholeBody(Body):
    sha256: str | None = Field(default=None, pattern="^[0-9a-fA-F]{64}$")


class FormatBody(Body):
    format: str = Field(min_length=1, max_length=50)


@router.post("/uploads")
def begin(request: Request, person: Researcher, body: UploadBody) -> dict[str, Any]:
    """Announce a file; it then comes in pieces of at most `piece_bytes`."""
    made = uploads.begin(study_of(request).db, body.name, body.bytes, by=person.annotator_id)
    return {**_shown(made), "piece_bytes": PIECE_BYTES}


@router.get("/uploads")
def waiting(request: Request, person: Researcher) -> dict[str, Any]:
    """One's own files that wait, each with what was done with it last; an admin sees everybody's."""
    db = study_of(request).db
    seen = [one for one in errands.listing(db) if may_see(person, one)]
    latest = {one.order["upload"]: told(one) for one in reversed(seen) if "upload" in one.order}
    mine = [one for one in uploads.listing(db) if owned_by(person, one.by)]
    return {
        "uploads": [{**_shown(one), "errand": latest.get(one.id)} for one in mine],
        "piece_bytes": PIECE_BYTES,
    }


@router.post("/uploads/{upload_id}/pieces")
async def piece(
    request: Request, person: Researcher, upload_id: UploadId, at: Annotated[int, Query(ge=0, le=LARGEST_ID)] = 0
) -> dict[str, Any]:
    """The next piece of a file: the bytes themselves. `at` is where it begins."""
    content = await request.body()

    def add() -> Upload:
        db = study_of(request).db
        _upload(db, person, upload_id)
        if not content:
            raise InvalidInput("The piece is empty. Send the next bytes of the file.")
        return uploads.add(db, upload_id, at, content)

    return _shown(await run_in_threadpool(add))


@router.post("/uploads/{upload_id}/whole")
def whole(request: Request, person: Researcher, upload_id: UploadId, body: WholeBody) -> dict[str, Any]:
    """Say that all of a file was sent; the reply has the format that it seems to be in, or null."""
    db = study_of(request).db
    _upload(db, person, upload_id)
    upload = uploads.require_whole(db, upload_id, body.sha256)
    return {**_shown(upload), "guess": format_guess.guess(upload.path)}


@router.post("/uploads/{upload_id}/try")
async def dry_run(request: Request, person: Researcher, upload_id: UploadId, body: FormatBody) -> dict[str, Any]:
    """Go through a file and say what an import would do, line by line; nothing is stored."""
    return await _begin(request, person, upload_id, "try import", body.format)


@router.post("/uploads/{upload_id}/import")
async def take(request: Request, person: Researcher, upload_id: UploadId, body: FormatBody) -> dict[str, Any]:
    """Import a file."""
    return await _begin(request, person, upload_id, "import", body.format)


@router.post("/uploads/{upload_id}/remove")
def remove(request: Request, person: Researcher, upload_id: UploadId) -> dict[str, Any]:
    """Clear a file away that is not to be imported."""
    db = study_of(request).db
    _upload(db, person, upload_id)
    with errands.nobody_begins(db):
        errands.require_idle(db, upload_id)
        uploads.remove(db, upload_id)
    return {"removed": True}


@router.get("/imports")
def imports(
    request: Request,
    person: Researcher,
    before: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> dict[str, Any]:
    """All imports, the newest first."""
    db = study_of(request).db
    found = import_list.listing(db, before=before, limit=limit + 1)
    return {
        "imports": [vars(one) for one in found[:limit]],
        "more": len(found) > limit,
        "under_way": importing.under_way(db),
    }


@router.get("/imports/{import_id}")
def effect(request: Request, person: Researcher, import_id: ImportId) -> dict[str, Any]:
    """What taking an import back would do."""
    db = study_of(request).db
    _require_import(db, import_id)
    found = import_list.undo_effect(db, import_id)
    return {**vars(found), "trained": vars(found.trained)}


@router.post("/imports/{import_id}/undo")
def undo(request: Request, person: Researcher, import_id: ImportId) -> dict[str, Any]:
    """Take an import back as a whole."""
    study = study_of(request)
    _require_import(study.db, import_id)
    done = exchange.undo_import(study.db, import_id, by=actor(person))
    evaluating.look_again(study.db)
    study.people_changed()
    return {"import": done.import_id, "rows": done.added}


async def _begin(request: Request, person: Person, upload_id: str, verb: str, format: str) -> dict[str, Any]:
    study = study_of(request)
    db = study.db

    def look_again(own: Database) -> None:
        evaluating.look_again(own)
        study.people_changed()

    def start() -> Errand:
        _upload(db, person, upload_id)
        exchange.format_that_can(format, "read")
        uploads.require_whole(db, upload_id)
        if verb == "import" and importing.under_way(db):
            raise Conflict("Another import is under way. Wait until it is done.")
        order = {"upload": upload_id, "format": format, "actor": actor(person)}
        then = look_again if verb == "import" else None
        return errands.start(db, verb, order, by=person.annotator_id, role=person.role, then=then)

    return told(await ended_or_late(db, start, WAIT_SECONDS))


def _upload(db: Database, person: Person, upload_id: str) -> Upload:
    try:
        found = uploads.get(db, upload_id)
    except InvalidInput as error:
        raise NotThere(str(error)) from error
    if not owned_by(person, found.by):
        raise NotThere(f"There is no uploaded file {upload_id!r} of yours.")
    return found


def _require_import(db: Database, import_id: int) -> None:
    if not import_list.is_there(db, import_id):
        raise NotThere(f"There is no import {import_id} in this study.")


def _shown(upload: Upload) -> dict[str, Any]:
    return {
        "id": upload.id, "name": upload.name, "bytes": upload.size, "received": upload.received,
        "whole": upload.whole, "created_at": upload.created_at,
    }  # fmt: skip
