"""Invitations: links that work once, shown once. Leads invite people to judge, admins also to roles."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import Field

from feedback_store import invitation_tables, invitations
from feedback_store.invitations import Invitation
from ui.web.actors import actor, reader
from ui.web.people_routes import LARGEST_ID, Body, Word
from ui.web.roles import Lead, NotAllowed, Person, Role
from ui.web.study import study_of

router = APIRouter(prefix="/api", tags=["people"])

DAY_SECONDS = 24 * 3600.0
InvitationId = Annotated[int, Path(ge=1, le=LARGEST_ID)]


class InvitationBody(Body):
    """`name`: what the person will be called; None: they choose. `days` until the link ends."""

    name: str | None = Field(default=None, max_length=100)
    role: Role = "annotator"
    languages: list[Word] = Field(default=[], max_length=50)
    tags: list[Word] = Field(default=[], max_length=50)
    quota: int | None = Field(default=None, ge=0, le=1_000_000)
    days: int = Field(default=14, ge=1, le=365)


class TableBody(Body):
    """CSV as feedback_store/invitation_tables.py reads it."""

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
    """Invite up to 40 people from a CSV, all of them or none; each link is told this once."""
    rows = invitation_tables.from_csv(body.csv)
    for row in rows:
        _require_role(person, row.role)
    made = invitation_tables.make_all(study_of(request).db, rows, by=actor(person), seconds=body.days * DAY_SECONDS)
    links = zip(rows, made, strict=True)
    return {"made": [{"line": row.line, "name": row.name, "link": _link(request, token)} for row, (_, token) in links]}


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
        seconds=body.days * DAY_SECONDS,
    )
    return {**_row(made, person), "link": _link(request, token)}


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


def _link(request: Request, token: str) -> str:
    """Where somebody takes an invitation up."""
    return f"{request.app.state.access.reached.origin}/invite/{token}"
