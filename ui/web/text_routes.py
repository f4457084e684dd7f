"""What researchers write for people: guidelines, and the information text that people agree to. Every version stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from pydantic import Field

from feedback_store import audit, guidelines, information_texts
from feedback_store.database import Database
from feedback_store.errors import Conflict
from feedback_store.versioned_texts import VersionedText
from ui.web import markdown
from ui.web.actors import actor, reader
from ui.web.roles import Person, Researcher
from ui.web.shown_questions import Body
from ui.web.study import study_of

router = APIRouter(prefix="/api", tags=["settings"])

LARGEST_ID = 2**53
LONGEST = 100_000


@dataclass(frozen=True)
class Kind:
    """A kind of text: its versions in the store, and how the audit trail calls writing one."""

    listing: Callable[[Database], list[VersionedText]]
    add: Callable[..., VersionedText]
    action: str
    subject: str


GUIDELINES = Kind(guidelines.listing, guidelines.add, "write guidelines", "guideline")
INFORMATION = Kind(information_texts.listing, information_texts.add, "write information text", "information text")


class TextBody(Body):
    """`after`: id of the version in this language that the text was written from; None where there was none."""

    language: str = Field(min_length=2, max_length=20, pattern=r"^[A-Za-z-]+$")
    text: str = Field(min_length=1, max_length=LONGEST)
    after: int | None = Field(ge=1, le=LARGEST_ID)


class PreviewBody(Body):
    text: str = Field(min_length=1, max_length=LONGEST)


@router.post("/texts/preview")
def preview(person: Researcher, body: PreviewBody) -> dict[str, str | None]:
    """How people will see a text; `html` is null where they will see it as it was typed. Nothing is stored."""
    return {"html": markdown.rendered(body.text)}


@router.get("/guidelines/versions")
def guideline_versions(request: Request, person: Researcher) -> dict[str, Any]:
    """Every version of the guidelines, the newest first."""
    return _versions(study_of(request).db, person, GUIDELINES)


@router.post("/guidelines")
def write_guidelines(request: Request, person: Researcher, body: TextBody) -> dict[str, Any]:
    """Store the next version in a language."""
    return _written(study_of(request).db, person, GUIDELINES, body)


@router.get("/information/versions")
def information_versions(request: Request, person: Researcher) -> dict[str, Any]:
    """Every version of the information text, the newest first."""
    return _versions(study_of(request).db, person, INFORMATION)


@router.post("/information")
def write_information(request: Request, person: Researcher, body: TextBody) -> dict[str, Any]:
    """Store the next version, or the translation of the newest one; people are asked to agree to a new version."""
    return _written(study_of(request).db, person, INFORMATION, body)


def _written(db: Database, person: Person, kind: Kind, body: TextBody) -> dict[str, Any]:
    """Store a text; one line in the audit trail tells of a version that is new, and none of the text in force."""
    with db.transaction():
        before = _required_latest(kind.listing(db), body)
        made = kind.add(db, body.text, language=body.language, by=actor(person))
        if before is None or made.id != before.id:
            detail = {"version": made.version, "language": made.language}
            subject = f"{kind.subject} {made.id}"
            audit.note(db, actor=actor(person), action=kind.action, subject=subject, detail=detail)
    return _versions(db, person, kind)


def _versions(db: Database, person: Person, kind: Kind) -> dict[str, Any]:
    read = reader(db, person)
    rows = [
        {
            "id": one.id,
            "version": one.version,
            "language": one.language,
            "text": one.text,
            "html": markdown.rendered(one.text),
            "by": read(one.set_by),
            "at": one.created_at,
        }
        for one in kind.listing(db)[::-1]
    ]
    return {"versions": rows}


def _required_latest(known: list[VersionedText], body: TextBody) -> VersionedText | None:
    """The latest version in the language, if that is the one which the new text was written from; else Conflict."""
    latest = next((one for one in known[::-1] if one.language == body.language), None)
    if body.after != (latest.id if latest else None):
        raise Conflict("Somebody else wrote a newer version meanwhile. Copy your text, reload, and put both together.")
    return latest
