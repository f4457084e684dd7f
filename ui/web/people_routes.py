"""What the people page asks about people: the table, and what a lead does about one of them.

Leads and researchers see pseudonyms, admins names. Heavy figures are computed beside the server and come with the time
they are of. Every act is written into the audit trail.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from feedback_store import exclusions, people_listing, person_figures
from feedback_store.database import Database
from feedback_store.people_listing import ListedPerson
from rounds import evaluating, people, people_figures, studies
from rounds.people_figures import Reliabilities
from ui.web import people_table
from ui.web.actors import actor, known_as
from ui.web.errors import NotThere
from ui.web.latest_figures import Reading
from ui.web.people_table import Sort, State
from ui.web.roles import Lead, Person
from ui.web.study import StudyAtHand, study_of

router = APIRouter(prefix="/api", tags=["people"])

LARGEST_ID = 2**53
PersonId = Annotated[int, Path(ge=1, le=LARGEST_ID)]
Word = Annotated[str, Field(min_length=1, max_length=100)]
Reason = Annotated[str, Field(min_length=1, max_length=500)]


class Body(BaseModel):
    """What is sent holds the fields named and no others."""

    model_config = ConfigDict(extra="forbid", strict=True)


class AskedBody(Body):
    languages: list[Word] = Field(max_length=50)
    tags: list[Word] = Field(max_length=50)
    quota: int | None = Field(ge=0, le=1_000_000)


class ReasonBody(Body):
    reason: Reason


@router.get("/people")
def listing(
    request: Request,
    person: Lead,
    search: Annotated[str, Query(max_length=200)] = "",
    state: State | None = None,
    sort: Sort = "came",
    descending: bool = False,
    page: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    size: Annotated[int, Query(ge=1, le=200)] = 25,
) -> dict[str, Any]:
    """People as a table, page by page; `counts` of all by state, `as_of` when the heavy figures were computed."""
    study = study_of(request)
    reading = figures(study)
    known = people_figures.reliabilities(study.db)
    everybody = _rows(study, person, people_listing.listing(study.db), reading, known)
    found = people_table.ordered(
        people_table.chosen(everybody, search=search, state=state), sort, descending=descending
    )
    return {
        "people": found[page * size : (page + 1) * size],
        "total": len(found),
        "everybody": len(everybody),
        "today": sum(row["today"] for row in everybody),
        "answers": sum(row["answers"] for row in everybody),
        "reliability_by": known.reward_model,
        **as_of(reading),
    }


@router.get("/people/{annotator_id}")
def one(request: Request, person: Lead, annotator_id: PersonId) -> dict[str, Any]:
    """One person: the row, the days worked, and what leaving them out would do."""
    study = study_of(request)
    found = _person(study.db, annotator_id)
    reading, known = figures(study), people_figures.reliabilities(study.db)
    effect = exclusions.effect(study.db, annotator_id)
    return {
        **_rows(study, person, [found], reading, known)[0],
        "reliability_by": known.reward_model,
        "worked": people_listing.days(study.db, annotator_id),
        "effect": {"own": effect.own, "all": effect.all, "alone": effect.alone},
        **as_of(reading),
    }


@router.post("/people/{annotator_id}/pause")
def pause(request: Request, person: Lead, annotator_id: PersonId) -> dict[str, Any]:
    """Ask somebody nothing for now."""
    return _after(request, person, annotator_id, lambda db: people.pause(db, annotator_id, by=actor(person)))


@router.post("/people/{annotator_id}/resume")
def resume(request: Request, person: Lead, annotator_id: PersonId) -> dict[str, Any]:
    """Ask somebody again."""
    return _after(request, person, annotator_id, lambda db: people.resume(db, annotator_id, by=actor(person)))


@router.post("/people/{annotator_id}/asked")
def ask(request: Request, person: Lead, annotator_id: PersonId, body: AskedBody) -> dict[str, Any]:
    """Set languages, tags and quota of somebody."""

    def act(db: Database) -> None:
        people.ask(
            db,
            annotator_id,
            languages=body.languages,
            tags=body.tags,
            daily_quota=body.quota,
            by=actor(person),
        )

    return _after(request, person, annotator_id, act)


@router.post("/people/{annotator_id}/qualify-again")
def qualify_again(request: Request, person: Lead, annotator_id: PersonId) -> dict[str, Any]:
    """Let somebody try the check questions again, and ask them again where the rule had paused them."""
    return _after(request, person, annotator_id, lambda db: people.qualify_again(db, annotator_id, by=actor(person)))


@router.post("/people/{annotator_id}/leave-out")
def leave_out(request: Request, person: Lead, annotator_id: PersonId, body: ReasonBody) -> dict[str, Any]:
    """Leave somebody's judgments out of what trains and of derived exports."""

    def act(db: Database) -> None:
        exclusions.leave_out(db, annotator_id=annotator_id, reason=body.reason, by=actor(person))
        study_of(request).people_changed()

    return _after(request, person, annotator_id, act)


@router.post("/people/{annotator_id}/count-again")
def count_again(request: Request, person: Lead, annotator_id: PersonId) -> dict[str, Any]:
    """Let somebody's judgments count again."""

    def act(db: Database) -> None:
        exclusions.take_back(db, annotator_id=annotator_id, by=actor(person))
        evaluating.look_again(db)
        study_of(request).people_changed()

    return _after(request, person, annotator_id, act)


def figures(study: StudyAtHand) -> Reading:
    """The heavy figures as they are now; newer ones are computed beside where there are newer judgments."""
    return study.figures.read(person_figures.latest_judgment(study.db))


def as_of(reading: Reading) -> dict[str, Any]:
    """When the figures are of, whether newer ones are on their way, whether the last attempt failed."""
    return reading.as_of


def _after(request: Request, person: Person, annotator_id: int, act: Callable[[Database], object]) -> dict[str, Any]:
    study = study_of(request)
    _person(study.db, annotator_id)
    act(study.db)
    known = people_figures.reliabilities(study.db)
    return _rows(study, person, [_person(study.db, annotator_id)], figures(study), known)[0]


def _person(db: Database, annotator_id: int) -> ListedPerson:
    found = people_listing.one(db, annotator_id)
    if found is None:
        raise NotThere(f"There is no person {annotator_id} in this study.")
    return found


def _rows(
    study: StudyAtHand, person: Person, found: list[ListedPerson], reading: Reading, known: Reliabilities
) -> list[dict[str, Any]]:
    name_of = known_as(study.db, person)
    computed = reading.figures["people"] if reading.figures else {}
    qualifying = studies.settings(study.db).qualification.questions > 0
    return [
        people_table.row(
            each, name_of, computed.get(str(each.id)), known.people.get(str(each.id)), qualifying=qualifying
        )
        for each in found
    ]
