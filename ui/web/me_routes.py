"""What everybody may ask about themselves, and do about it: the page of one's own.

Nothing here takes the number of a person: whoever is logged in is meant. What check questions and repeats say of a
person is never told to them (feedback_store/person_figures.py).
"""

from __future__ import annotations

from dataclasses import asdict
from itertools import chain
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import StreamingResponse
from pydantic import Field

from feedback_store import annotators, consents, information_texts, judgments, prompts, sessions, withdrawal, work_table
from feedback_store.database import Database
from feedback_store.withdrawal import Withdrawal
from rounds import people, studies
from ui.web import attempts, passwords
from ui.web.actors import actor
from ui.web.errors import NotThere
from ui.web.judgment_routes import require_same_person
from ui.web.roles import Annotator
from ui.web.shown_questions import Body
from ui.web.study import study_of

router = APIRouter(prefix="/api", tags=["me"])

LARGEST_ID = 2**53
SessionId = Annotated[int, Path(ge=1, le=LARGEST_ID)]
Language = Annotated[str, Field(min_length=1, max_length=100)]


class PersonBody(Body):
    """`person`: the key of whom the page belongs to; somebody else may be logged in by now."""

    person: str | None = Field(default=None, max_length=100)


class LanguagesBody(PersonBody):
    """Languages of the prompts that the person wants to be asked about; none: any."""

    languages: list[Language] = Field(max_length=50)


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


@router.get("/me/page")
def page(request: Request, person: Annotator) -> dict[str, Any]:
    """Who this is, what they did by UTC day (with active minutes), what they are asked, what they agreed to."""
    db = study_of(request).db
    row = annotators.get(db, person.annotator_id)
    worked = work_table.days_of(db, row.id)
    text = information_texts.current(db)
    return {
        "name": person.name,
        "role": person.role,
        "answers": sum(day.judgments for day in worked),
        "today": judgments.of_person_today(db, row.id),
        "days": [asdict(day) for day in worked],
        "quota": studies.settings(db).daily_quota if row.daily_quota is None else row.daily_quota,
        "languages": row.languages,
        "known_languages": prompts.languages(db),
        "tags": row.tags,
        "per_hour": judgments.pace_of(db, row.id),
        "agreed": _agreed(db, row.id),
        "text": text.version if text else None,
        "withdrawn": row.paused_why == "withdrawn",
        "shortest_password": passwords.SHORTEST,
    }


@router.get("/me/work.csv")
def work(request: Request, person: Annotator) -> StreamingResponse:
    """One's own days as CSV for a spreadsheet."""
    lines = work_table.own_csv(study_of(request).db, person.annotator_id)
    headers = {"content-disposition": 'attachment; filename="my-work.csv"'}
    # The mark by which spreadsheets know UTF-8.
    return StreamingResponse(chain(["\ufeff"], lines), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/me/sessions")
def logged_in(request: Request, person: Annotator) -> dict[str, Any]:
    """Where one is logged in, the place seen last first; `own` is the one that asks. No token, no hash."""
    db, token = study_of(request).db, _token(request)
    here = sessions.current(db, token, idle_seconds=attempts.IDLE_SECONDS) if token else None
    found = sessions.open_of(db, person.annotator_id, idle_seconds=attempts.IDLE_SECONDS)
    told = ("id", "created_at", "seen_at", "expires_at", "address")
    return {
        "sessions": [
            {**{name: getattr(one, name) for name in told}, "own": here is not None and one.id == here.id}
            for one in found
        ]
    }


@router.post("/me/sessions/{session_id}/end")
def end_session(request: Request, person: Annotator, session_id: SessionId, body: PersonBody) -> dict[str, Any]:
    """Log out in one place."""
    require_same_person(person, body.person)
    if not sessions.end_one_of(study_of(request).db, person.annotator_id, session_id):
        raise NotThere("You are not logged in there any more. Reload the page.")
    return logged_in(request, person)


@router.post("/me/sessions/end-others")
def end_other_sessions(request: Request, person: Annotator, body: PersonBody) -> dict[str, Any]:
    """Log out everywhere but here."""
    require_same_person(person, body.person)
    ended = sessions.end_all_of(study_of(request).db, person.annotator_id, but=_token(request))
    return {"ended": ended, **logged_in(request, person)}


@router.post("/me/languages")
def choose_languages(request: Request, person: Annotator, body: LanguagesBody) -> dict[str, Any]:
    """Say about which languages one wants to be asked; tags and quota stay with those who lead the study."""
    require_same_person(person, body.person)
    db = study_of(request).db
    with db.transaction():
        row = annotators.get(db, person.annotator_id)
        chosen = people.ask(
            db, row.id, languages=body.languages, tags=row.tags, daily_quota=row.daily_quota, by=actor(person)
        )
    return {"languages": chosen.languages}


@router.post("/me/withdraw")
def withdraw(request: Request, person: Annotator, body: PersonBody) -> dict[str, Any]:
    """Leave the study; coming back is agreeing anew (POST /api/consent)."""
    require_same_person(person, body.person)
    study = study_of(request)
    became = withdrawal.withdraw(study.db, person.annotator_id, by=actor(person))
    study.people_changed()
    return _became(became)


@router.get("/me/withdrawal")
def withdrawn(request: Request, person: Annotator) -> dict[str, Any]:
    """What became of one's withdrawal; `at` is null for whoever takes part."""
    return _became(withdrawal.of(study_of(request).db, person.annotator_id))


def _agreed(db: Database, annotator_id: int) -> dict[str, Any] | None:
    given = consents.in_force(db, annotator_id)
    return {"version": given[-1].text_version, "at": given[-1].given_at} if given else None


def _became(found: Withdrawal | None) -> dict[str, Any]:
    if found is None:
        return {"at": None}
    return {
        "at": found.at,
        "counts": found.counts,
        "reward_models": found.trained.reward_models,
        "policies": found.trained.policies,
        "old_copies": found.old_copies,
        "bytes_left": found.bytes_left,
    }


def _token(request: Request) -> str | None:
    token: str | None = request.app.state.access.token_of(request.headers.get("cookie", ""))
    return token
