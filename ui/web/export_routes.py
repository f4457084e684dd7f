"""Exports: looked at before, made in the study's folder by a format of the store, downloaded file by file as a stream.

Looking and making are errands (feedback_store/errands.py): they go on when the page is closed.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse
from pydantic import Field

from feedback_store import audit, errands, exchange, export_shelf, filters, pseudonyms
from feedback_store.annotators import get as annotator
from feedback_store.database import Database
from feedback_store.errands import Errand
from feedback_store.errors import InvalidInput
from feedback_store.export_shelf import Shelved
from feedback_store.filters import Filters
from ui.web.actors import actor, reader
from ui.web.errand_routes import ended_or_late
from ui.web.errors import NotThere
from ui.web.people_routes import LARGEST_ID, Body
from ui.web.roles import Person, Researcher
from ui.web.study import study_of

router = APIRouter(prefix="/api", tags=["data"])
WITH_NAMES = "comparisons"  # the one format that names people
PSEUDONYMS = "pseudonyms"
MOST_FAILED = 3
WAIT_SECONDS = 8.0
"""So long an answer waits for what was asked: most is done by then, the rest is asked for as an errand."""

Word = Annotated[str, Field(min_length=1, max_length=200)]
Share = Annotated[float, Field(ge=0, le=1)]
Licence = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\r\n]*$")]


class FiltersBody(Body):
    round: int | None = Field(default=None, ge=0, le=LARGEST_ID)
    split: Word | None = None
    purpose: Word | None = None
    policy: Word | None = None
    person: Word | None = None
    language: Word | None = None
    tags: list[Word] = Field(default_factory=list, max_length=20)
    reliability: Share | None = None
    agreement: Share | None = None
    since: Word | None = None
    until: Word | None = None
    snapshot: int | None = Field(default=None, ge=1, le=LARGEST_ID)


class ExportBody(Body):
    format: Annotated[str, Field(min_length=1, max_length=50)]
    options: dict[Annotated[str, Field(max_length=50)], Annotated[str, Field(max_length=50)]] = Field(
        default_factory=dict, max_length=10
    )
    filters: FiltersBody = Field(default_factory=FiltersBody)
    data_licence: Licence | None = None
    base_licence: Licence | None = None


@router.post("/exports/preview")
async def look(request: Request, person: Researcher, body: ExportBody) -> dict[str, Any]:
    """What an export would hold: counts, what is left out and why, the first rows; nothing is written."""
    db = study_of(request).db

    def start() -> Errand:
        return errands.start(db, "preview", _order(db, person, body), by=person.annotator_id, role=person.role)

    done = await ended_or_late(db, start, WAIT_SECONDS)
    return {"errand": done.id, "status": done.status, "error": done.error, "result": done.result}


@router.post("/exports")
async def make(request: Request, person: Researcher, body: ExportBody) -> dict[str, Any]:
    """Export in a format; the reply names the files to download and counts what was left out, and why. Where it takes
    long, the reply is the errand that makes it, and the files are listed when it is done.

    Names of people are for admins: for everybody else they are pseudonyms.
    """
    db = study_of(request).db

    def start() -> Errand:
        order = _order(db, person, body)
        order["name"] = export_shelf.new_name([body.format, *order["options"].values()])
        return errands.start(db, "export", order, by=person.annotator_id, role=person.role)

    done = await ended_or_late(db, start, WAIT_SECONDS)
    if done.status == "failed":
        raise InvalidInput(done.error or "The export failed.")
    made = {} if done.result is None else _shown(Shelved(**done.result))
    return {"errand": done.id, "status": done.status, "name": done.order["name"], **made}


@router.get("/exports")
def listing(request: Request, person: Researcher) -> dict[str, Any]:
    """All exports of the study, the newest first, those that are being made, and those that lately came to nothing.

    Exports that name people are shown to admins alone, and so are those of which nothing is written down here.
    """
    db = study_of(request).db
    who = reader(db, person)
    made = [one for one in export_shelf.listing(db) if _may_have(person, one.format, one.options)]
    asked = [one for one in errands.listing(db) if one.verb == "export" and _may_have_ordered(person, one)]
    return {
        "exports": [{**_shown(one), "by": who(f"annotator {one.by}") if one.by else None} for one in made],
        "under_way": [_told(one) for one in asked if one.status == "working"],
        "failed": [_told(one) for one in asked if one.status in ("failed", "cut_off")][:MOST_FAILED],
    }


@router.get("/exports/{name}/{file}")
def download(request: Request, person: Researcher, name: str, file: str) -> FileResponse:
    """One file of an export, as a stream."""
    db = study_of(request).db
    _require(db, person, name)
    try:
        path = export_shelf.file_of(db, name, file)
    except InvalidInput as error:
        raise NotThere(f"There is no file {file!r} in an export {name!r}.") from error
    # Never shown by the browser itself: what people and models wrote is not a page of this server.
    return FileResponse(path, media_type="application/octet-stream", filename=f"{name}-{file}")


@router.post("/exports/{name}/remove")
def remove(request: Request, person: Researcher, name: str) -> dict[str, Any]:
    """Take an export off the shelf, for good; it can be made again."""
    db = study_of(request).db
    _require(db, person, name)
    export_shelf.remove(db, name)
    audit.note(db, actor=actor(person), action="remove export", subject=f"export {name}")
    return {"removed": True}


def _order(db: Database, person: Person, body: ExportBody) -> dict[str, Any]:
    """What is asked as an errand's order; everything in it is known and allowed. Raises InvalidInput."""
    module = exchange.format_that_can(body.format, "write")
    options = dict(body.options)
    if "people" in module.OPTIONS and not person.may("admin"):
        if options.get("people", PSEUDONYMS) != PSEUDONYMS:
            raise InvalidInput("Names of people are for admins. Export with pseudonyms.")
        options["people"] = PSEUDONYMS
    given = {name: value for name, value in body.filters.model_dump().items() if value not in (None, [])}
    if "person" in given:
        given["person"] = _pseudonym(db, person, given["person"])
    narrowed = Filters(**{**given, "tags": tuple(given.get("tags", ()))})
    exchange.require_possible(db, body.format, narrowed, options)
    licences = {"data_licence": body.data_licence, "base_licence": body.base_licence}
    return {"format": body.format, "options": options, "filters": given, **licences}


def _pseudonym(db: Database, person: Person, who: str) -> str:
    """Whose judgments are asked for, in a form that can stand on the card of an export that anybody may get."""
    if not person.may("admin") and not pseudonyms.SHAPE.fullmatch(who):
        raise InvalidInput(f"The filter person is {who[:80]!r}; name a person by the pseudonym.")
    name = annotator(db, filters.person_id_of(db, who)).name
    return pseudonyms.of(pseudonyms.secret_key(db), name)


def _require(db: Database, person: Person, name: str) -> None:
    """Raise NotThere unless there is an export of this name that this person may have."""
    try:
        found = export_shelf.get(db, name)
    except InvalidInput as error:
        raise NotThere(f"There is no export {name!r}.") from error
    if not _may_have(person, found.format, found.options):
        raise NotThere(f"There is no export {name!r}.")


def _may_have(person: Person, format: str | None, options: dict[str, str]) -> bool:
    """Whether this person may have an export, by what was written down of it. What its folder is called says nothing:
    a command may have written names into any of them, and then its format is not known here.
    """
    names_nobody = format is not None and (format != WITH_NAMES or options.get("people") == PSEUDONYMS)
    return names_nobody or person.may("admin")


def _may_have_ordered(person: Person, one: Errand) -> bool:
    return _may_have(person, one.order["format"], one.order.get("options", {}))


def _told(one: Errand) -> dict[str, Any]:
    """An export that is no file yet, or came to nothing."""
    return {
        "name": one.order["name"], "status": one.status, "done": one.done, "of": one.of, "error": one.error,
        "created_at": one.created_at,
    }  # fmt: skip


def _shown(one: Shelved) -> dict[str, Any]:
    return {key: value for key, value in vars(one).items() if key != "by"}
