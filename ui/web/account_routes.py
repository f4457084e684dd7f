"""What admins do about accounts: roles, who may come in, new passwords."""

from __future__ import annotations

import secrets
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request

from feedback_store import accounts, erasure
from ui.web import passwords
from ui.web.actors import actor
from ui.web.people_routes import Body, PersonId, Reason
from ui.web.roles import Admin, NotAllowed, Role
from ui.web.study import study_of

router = APIRouter(prefix="/api", tags=["people"])
PASSWORD_BYTES = 15


class RoleBody(Body):
    role: Role


class ErasureBody(Body):
    """Why: the date of the person's request, for instance. It must not name them."""

    reason: Reason


@router.post("/people/{annotator_id}/role")
def change_role(request: Request, person: Admin, annotator_id: PersonId, body: RoleBody) -> dict[str, Any]:
    """Give somebody another role; it counts from their next request on."""
    account = accounts.set_role(study_of(request).db, annotator_id, body.role, by=actor(person))
    return {"role": account.role}


@router.post("/people/{annotator_id}/disable")
def disable(request: Request, person: Admin, annotator_id: PersonId) -> dict[str, Any]:
    """Let somebody in no more: where they are logged in ends at once."""
    account = accounts.disable(study_of(request).db, annotator_id, by=actor(person))
    return {"disabled": account.disabled_at is not None}


@router.post("/people/{annotator_id}/enable")
def enable(request: Request, person: Admin, annotator_id: PersonId) -> dict[str, Any]:
    """Let somebody in again."""
    account = accounts.enable(study_of(request).db, annotator_id, by=actor(person))
    return {"disabled": account.disabled_at is not None}


@router.post("/people/{annotator_id}/password")
def new_password(request: Request, person: Admin, annotator_id: PersonId) -> dict[str, Any]:
    """Draw a new password for somebody who forgot theirs; it is told this once, and every session of theirs ends."""
    if annotator_id == person.annotator_id:
        raise NotAllowed("Change your own password on your own page.")
    drawn = secrets.token_urlsafe(PASSWORD_BYTES)
    accounts.set_password_hash(study_of(request).db, annotator_id, passwords.hashed(drawn), by=actor(person))
    return {"password": drawn}


@router.post("/people/{annotator_id}/erase")
def erase(request: Request, person: Admin, annotator_id: PersonId, body: ErasureBody) -> dict[str, Any]:
    """Erase somebody's name and words for good; what they trained and what an erasure cannot reach is told."""
    done = erasure.erase(study_of(request).db, annotator_id, by=actor(person), reason=body.reason)
    return {"counts": done.counts, "trained": asdict(done.trained), "remains": done.remains}
