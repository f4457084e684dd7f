"""Tokens for programs: made, seen and revoked by admins."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import Field

from feedback_store import api_tokens, clock
from feedback_store.api_tokens import ApiToken
from feedback_store.errors import InvalidInput
from ui.web.actors import actor, reader
from ui.web.errors import NotThere
from ui.web.people_routes import LARGEST_ID, Body
from ui.web.roles import Admin
from ui.web.study import study_of

router = APIRouter(prefix="/api", tags=["people"])


class TokenBody(Body):
    """A name for what will use the token, what it may do, and for how many days."""

    name: str = Field(min_length=1, max_length=api_tokens.MOST_NAME_CHARACTERS)
    scopes: list[Annotated[str, Field(max_length=20)]] = Field(min_length=1, max_length=len(api_tokens.SCOPES))
    days: int = Field(90, ge=1, le=api_tokens.MOST_DAYS)


@router.get("/tokens")
def listing(request: Request, person: Admin) -> dict[str, Any]:
    """All tokens, the newest first, and the scopes that there are. The text of a token is told when it is made only."""
    db = study_of(request).db
    read = reader(db, person)
    return {
        "tokens": [{**_shown(one), "by": read(one.made_by)} for one in api_tokens.listing(db)],
        "scopes": api_tokens.SCOPES,
        "most_days": api_tokens.MOST_DAYS,
    }


@router.post("/tokens")
def make(request: Request, person: Admin, body: TokenBody) -> dict[str, Any]:
    """Make a token that acts in one's own name, as a researcher at most. The answer is the only one with its text."""
    db = study_of(request).db
    made, text = api_tokens.make(db, person.annotator_id, body.name, body.scopes, days=body.days, by=actor(person))
    return {**_shown(made), "token": text}


@router.post("/tokens/{token_id}/revoke")
def revoke(request: Request, person: Admin, token_id: Annotated[int, Path(ge=1, le=LARGEST_ID)]) -> dict[str, Any]:
    """End a token at once."""
    try:
        return _shown(api_tokens.revoke(study_of(request).db, token_id, by=actor(person)))
    except InvalidInput as error:
        raise NotThere(str(error)) from error


def _shown(token: ApiToken) -> dict[str, Any]:
    kept = {key: value for key, value in asdict(token).items() if key not in ("annotator_id", "made_by")}
    state = "revoked" if token.revoked_at else "over" if token.expires_at <= clock.now() else "in force"
    return {**kept, "state": state}
