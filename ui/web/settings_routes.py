"""What the settings page asks: what people are asked and its versions, criteria, the audit trail, how the study is
reached.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from feedback_store import audit, criteria, study_settings
from feedback_store.errors import Conflict
from rounds import setting_fields, studies
from ui.web.actors import actor, reader
from ui.web.people_routes import LARGEST_ID, Body
from ui.web.roles import Admin, Researcher
from ui.web.study import study_of

router = APIRouter(prefix="/api", tags=["settings"])

Value = str | int | float | bool | None
BeforeId = Annotated[int | None, Query(ge=1, le=LARGEST_ID)]


class SettingsBody(Body):
    """Values by their dotted names, and the version that they were changed from."""

    version: int = Field(ge=1, le=LARGEST_ID)
    values: dict[Annotated[str, Field(max_length=100)], Value] = Field(min_length=1, max_length=100)


class CriterionBody(Body):
    name: str = Field(min_length=1, max_length=60)
    question: str = Field(min_length=1, max_length=300)


class CriterionName(Body):
    name: str = Field(min_length=1, max_length=60)


class OrderBody(Body):
    names: list[Annotated[str, Field(max_length=60)]] = Field(min_length=1, max_length=100)


@router.get("/settings")
def show(request: Request, person: Researcher) -> dict[str, Any]:
    """The fields that can be changed, with their ranges, values and words, and the version that they are of."""
    db = study_of(request).db
    settings = studies.settings(db)
    latest = study_settings.latest(db, studies.SETTING)
    return {
        "version": latest.id if latest else 0,
        "fields": [asdict(field) for field in setting_fields.fields()],
        "values": setting_fields.values_of(settings.model_dump(mode="json")),
        "state": "closed" if settings.closed else "paused" if settings.paused else "open",
    }


@router.post("/settings")
def save(request: Request, person: Researcher, body: SettingsBody) -> Response:
    """Store changed values as a new version; what is wrong with a value is told by its name under `fields`."""
    db = study_of(request).db
    with db.transaction():
        latest = study_settings.latest(db, studies.SETTING)
        if latest is None or latest.id != body.version:
            raise Conflict(
                "Somebody else changed the settings meanwhile. Reload the page to see theirs; yours are kept out."
            )
        faults = setting_fields.faults(latest.value, body.values)
        if faults:
            words = "; ".join(f"{name}: {fault.words}" for name, fault in faults.items())
            fields = {name: asdict(fault) for name, fault in faults.items()}
            return JSONResponse({"error": f"Nothing was saved. {words}", "fields": fields}, status_code=422)
        studies.change_and_note(db, body.values, by=actor(person))
        made = study_settings.latest(db, studies.SETTING)
        assert made is not None
    return JSONResponse({"version": made.id, "changed": made.id != latest.id})


@router.get("/settings/versions")
def versions(
    request: Request, person: Researcher, before: BeforeId = None, limit: Annotated[int, Query(ge=1, le=100)] = 10
) -> dict[str, Any]:
    """The versions of the settings, the newest first, each with who made it and what it changed."""
    db = study_of(request).db
    read = reader(db, person)
    history = study_settings.history(db, studies.SETTING)
    pairs = list(zip([None, *history], history, strict=False))[::-1]
    found = [(old, new) for old, new in pairs if before is None or new.id < before]
    rows = [
        {
            "version": new.id,
            "at": new.at,
            "by": read(new.set_by),
            "changes": setting_fields.differences(old.value, new.value) if old else None,
        }
        for old, new in found[:limit]
    ]
    return {"versions": rows, "more": len(found) > limit}


@router.get("/criteria")
def all_criteria(request: Request, person: Researcher) -> dict[str, Any]:
    """The criteria that people are asked about, in their order."""
    return {
        "criteria": [{"name": one.name, "question": one.question} for one in criteria.current(study_of(request).db)]
    }


@router.post("/criteria")
def add_criterion(request: Request, person: Researcher, body: CriterionBody) -> dict[str, Any]:
    """Add a criterion at the end; one that was retired comes back."""
    db = study_of(request).db
    with db.transaction():
        last = max((one.position for one in criteria.current(db)), default=-1)
        criteria.add(db, body.name.strip(), body.question.strip(), position=last + 1)
        audit.note(db, actor=actor(person), action="add criterion", subject=f"criterion {body.name.strip()}")
    return all_criteria(request, person)


@router.post("/criteria/retire")
def retire_criterion(request: Request, person: Researcher, body: CriterionName) -> dict[str, Any]:
    """Ask people no more about a criterion; what they said stays."""
    db = study_of(request).db
    with db.transaction():
        criteria.retire(db, body.name)
        audit.note(db, actor=actor(person), action="retire criterion", subject=f"criterion {body.name}")
    return all_criteria(request, person)


@router.post("/criteria/order")
def order_criteria(request: Request, person: Researcher, body: OrderBody) -> dict[str, Any]:
    """Put the criteria in another order; all of them have to be named."""
    db = study_of(request).db
    with db.transaction():
        known = {one.name: one for one in criteria.current(db)}
        if sorted(body.names) != sorted(known):
            raise Conflict("The criteria changed meanwhile. Reload the page.")
        for position, name in enumerate(body.names):
            criteria.add(db, name, known[name].question, position=position)
        audit.note(db, actor=actor(person), action="order criteria", subject="criteria", detail={"names": body.names})
    return all_criteria(request, person)


@router.get("/audit")
def audit_trail(
    request: Request, person: Admin, before: BeforeId = None, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> dict[str, Any]:
    """Who did what to what, the latest first."""
    db = study_of(request).db
    read = reader(db, person)
    found = audit.listing(db, before_id=before, limit=limit + 1)
    rows = [
        {
            "id": entry.id,
            "at": entry.at,
            "by": read(entry.actor),
            "action": entry.action,
            "subject": read(entry.subject),
            "detail": entry.detail,
        }
        for entry in found[:limit]
    ]
    return {"entries": rows, "more": len(found) > limit}


@router.get("/access")
def access(request: Request, person: Admin) -> dict[str, Any]:
    """How the study is reached: set when the server is started, shown here."""
    given = request.app.state.access
    return {
        "accounts": given.accounts,
        "address": given.reached.origin,
        "public": given.reached.public,
        "secure": given.reached.secure,
        "trusted_proxies": [str(network) for network in given.trusted],
    }
