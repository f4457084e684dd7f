"""Invitations: links that work once, shown once. Leads invite people to judge, admins also to roles."""

from __future__ import annotations

import csv
import io
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Path, Request
from pydantic import Field

from feedback_store import invitations
from feedback_store.errors import StoreError
from feedback_store.invitations import Invitation
from ui.web.actors import actor, reader
from ui.web.people_routes import LARGEST_ID, Body, Word
from ui.web.roles import Lead, NotAllowed, Person, Role
from ui.web.study import study_of

router = APIRouter(prefix="/api")

MOST_AT_ONCE = 40
COLUMNS = ("name", "languages", "tags", "quota", "role")
InvitationId = Annotated[int, Path(ge=1, le=LARGEST_ID)]


class TableRefused(ValueError):
    """A table of people to invite that cannot be read; the words say what it has to look like."""


class InvitationBody(Body):
    """`name`: what the person will be called; None: they choose. `days` until the link ends."""

    name: str | None = Field(default=None, max_length=100)
    role: Role = "annotator"
    languages: list[Word] = Field(default=[], max_length=50)
    tags: list[Word] = Field(default=[], max_length=50)
    quota: int | None = Field(default=None, ge=0, le=1_000_000)
    days: int = Field(default=14, ge=1, le=365)


class TableBody(Body):
    """CSV with the column name, and if wanted languages, tags (words with ; between), quota, role."""

    csv: str = Field(min_length=1, max_length=100_000)
    days: int = Field(default=14, ge=1, le=365)


@router.get("/invitations")
def listing(request: Request, person: Lead) -> dict[str, Any]:
    """The invitations that are open."""
    db = study_of(request).db
    read = reader(db, person)
    return {"invitations": [{**_row(one, person), "by": read(one.made_by)} for one in invitations.listing(db)]}


@router.post("/invitations")
def invite(request: Request, person: Lead, body: InvitationBody) -> dict[str, Any]:
    """Invite one person; the link is told this once."""
    return _made(request, person, body)


@router.post("/invitations/table")
def invite_many(request: Request, person: Lead, body: TableBody) -> dict[str, Any]:
    """Invite up to 40 people from a CSV; line by line the link, or why there is none. A line that cannot be keeps none
    of the others back.
    """
    report: list[dict[str, Any]] = []
    for line, cells in _lines(body.csv):
        name = cells.get("name", "").strip()
        try:
            made = _made(request, person, _body(cells, body.days))
            report.append({"line": line, "name": name, "link": made["link"], "error": None})
        except (StoreError, NotAllowed, TableRefused) as error:
            report.append({"line": line, "name": name, "link": None, "error": str(error)})
    return {"lines": report}


@router.post("/invitations/{invitation_id}/revoke")
def revoke(request: Request, person: Lead, invitation_id: InvitationId) -> dict[str, Any]:
    """Take a link back; tells whether it still worked. A lead takes back none to a higher role."""
    db = study_of(request).db
    _require_role(person, invitations.get(db, invitation_id).role)
    return {"revoked": invitations.revoke(db, invitation_id, by=actor(person))}


def _made(request: Request, person: Person, body: InvitationBody) -> dict[str, Any]:
    _require_role(person, body.role)
    made, token = invitations.make(
        study_of(request).db,
        body.role,
        name=body.name,
        languages=body.languages,
        tags=body.tags,
        daily_quota=body.quota,
        by=actor(person),
        seconds=body.days * 24 * 3600.0,
    )
    return {**_row(made, person), "link": f"{_base(request)}/invitation?token={quote(token)}"}


def _require_role(person: Person, role: Role) -> None:
    """Who gives a role away could give it to themselves: roles are the admins' business."""
    if role != "annotator" and not person.may("admin"):
        raise NotAllowed(f"Only an admin invites to the role {role}. You can invite annotators.")


def _row(one: Invitation, person: Person) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name if person.may("admin") else None,
        "role": one.role,
        "languages": one.languages,
        "tags": one.tags,
        "quota": one.daily_quota,
        "at": one.created_at,
        "expires_at": one.expires_at,
    }


def _base(request: Request) -> str:
    """Where people reach this server: as it says of itself, else as this request did."""
    public = getattr(request.app.state.access, "public_url", None)
    return str(public or request.base_url).rstrip("/")


def _lines(text: str) -> list[tuple[int, dict[str, str]]]:
    """The lines of a table that hold anything, numbered as in the file. Raises TableRefused."""
    try:
        rows = [row for row in csv.reader(io.StringIO(text.lstrip("\ufeff")), strict=True)]
    except csv.Error as error:
        raise TableRefused(f"This is no CSV table ({error}). Save it as CSV with commas, in UTF-8.") from None
    head = [cell.strip().lower() for cell in rows[0]] if rows else []
    unknown = [name for name in head if name not in COLUMNS]
    if "name" not in head or unknown or len(set(head)) != len(head):
        raise TableRefused(
            f"The first line has to name the columns: name, and if wanted {', '.join(COLUMNS[1:])}."
            + (f" {unknown[0]!r} is none of them." if unknown else "")
        )
    filled = [(line, row) for line, row in enumerate(rows[1:], start=2) if any(cell.strip() for cell in row)]
    if len(filled) > MOST_AT_ONCE:
        raise TableRefused(f"The table has {len(filled)} people; invite at most {MOST_AT_ONCE} at once.")
    if not filled:
        raise TableRefused("The table has no line below the names of the columns.")
    return [(line, dict(zip(head, row, strict=False))) for line, row in filled]


def _body(cells: dict[str, str], days: int) -> InvitationBody:
    """What a line asks for. Raises TableRefused with the fault."""
    quota = cells.get("quota", "").strip()
    if quota and not (quota.isascii() and quota.isdigit() and len(quota) <= 6):
        raise TableRefused(f"The quota is {quota!r}; it has to be a whole number from 0, or empty.")
    role = cells.get("role", "").strip().lower() or "annotator"
    if role not in ("annotator", "lead", "researcher", "admin"):
        raise TableRefused(f"The role is {role!r}; allowed are annotator, lead, researcher, admin.")
    name = cells.get("name", "").strip()
    if len(name) > 100:
        raise TableRefused("The name is longer than 100 characters.")
    return InvitationBody.model_construct(
        name=name or None,
        role=role,
        languages=_words(cells.get("languages", "")),
        tags=_words(cells.get("tags", "")),
        quota=int(quota) if quota else None,
        days=days,
    )


def _words(cell: str) -> list[str]:
    return [word.strip() for word in cell.split(";") if word.strip()]
