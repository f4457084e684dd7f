"""What everybody may ask about themselves."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from ui.web.roles import Annotator
from ui.web.study import study_of

router = APIRouter(prefix="/api")


@router.get("/me")
def me(request: Request, person: Annotator) -> dict[str, Any]:
    """Who this is, for the frame of every page."""
    return {
        "name": person.name,
        "role": person.role,
        "key": person.key,
        "accounts": request.app.state.access.accounts,
        "study": study_of(request).id,
    }
