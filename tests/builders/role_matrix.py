"""The table of roles held against an application: each route as each role, and as nobody.

A refusal is 401, 403, 404 or the way to the login page; an allowance is any other answer that is no fault of the
server (5xx). Whoever is refused changes nothing.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from fastapi import FastAPI

import accounts_at_hand
import application_routes
from feedback_store.accounts import ROLES, Role
from feedback_store.database import Database
from role_study import Things, contents, fill_for_roles, own_things, request_of
from role_table import ROWS, Row
from rounds import studies

CALLERS: tuple[Role | None, ...] = (None, *ROLES)
ORIGIN = "http://127.0.0.1:7860"
REFUSALS = (401, 403, 404)
END_SESSIONS = ("/login", "/logout", "/invite/", "/api/me/sessions", "/api/password")
FORM = {"content-type": "application/x-www-form-urlencoded"}


@dataclass
class Found:
    """How often a caller was let through and refused, and in words what was otherwise than the table says."""

    allowed: int = 0
    refused: int = 0
    deviations: list[str] = field(default_factory=list)


def unlisted(app: FastAPI) -> dict[str, list[tuple[str, str]]]:
    """Routes that the application has and the table has not, and the other way round."""
    there, listed = set(application_routes.every(app)), {row.route for row in ROWS}
    return {"unlisted": sorted(there - listed), "gone": sorted(listed - there)}


def may(caller: Role | None, row: Row) -> bool:
    """What the table says."""
    if row.least in ("anybody", "nobody"):
        return row.least == "anybody"
    return caller is not None and ROLES.index(caller) >= ROLES.index(row.least)


def of(app: FastAPI, folder: Path, caller: Role | None, rows: Sequence[Row] = ROWS) -> Found:
    """Send every row's request as a caller, on a study of its own made in `folder`: what is refused first."""
    from ui.web.study import StudyAtHand

    found = Found()
    with studies.open_or_create(folder, base="tiny:", create=True, refill=False) as db:
        people = accounts_at_hand.people(db)
        app.state.study = StudyAtHand(db)
        things = fill_for_roles(db, people)
        person = people[caller] if caller else None
        things = own_things(db, app.state.study.id, things, person, caller or "annotator")
        before = contents(db)
        shut = [row for row in rows if not may(caller, row)]
        for row, answer in zip(shut, answers(app, db, shut, things, person), strict=True):
            found.refused += 1
            if not refused(answer):
                found.deviations.append(f"{caller} was not refused: {row.method} {row.path} {answer.status_code}")
        changed = [name for name, text in contents(db).items() if text != before[name]]
        found.deviations += [f"{caller} was refused, and changed {name}" for name in changed]
        free = [row for row in rows if may(caller, row)]
        for row, answer in zip(free, answers(app, db, free, things, person), strict=True):
            found.allowed += 1
            if refused(answer) or answer.status_code >= 500:
                words = f"{answer.status_code} {answer.text[:200]}"
                found.deviations.append(f"{caller} was not let through: {row.method} {row.path} {words}")
    return found


def refused(answer: httpx.Response) -> bool:
    """Whether somebody was not let through."""
    to_login = answer.status_code == 303 and answer.headers["location"].startswith("/login?next=")
    return to_login or answer.status_code in REFUSALS


def answers(
    app: FastAPI, db: Database, rows: Sequence[Row], things: Things, person: int | None, **headers: str
) -> list[httpx.Response]:
    """The answers to the rows' requests, one after the other, as one person; `headers` beside a browser's."""

    async def all_of_them() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("127.0.0.1", 50_000))
        token = None
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            got = []
            for row in rows:
                if person is not None and (token is None or row.path.startswith(END_SESSIONS)):
                    token = accounts_at_hand.session(db, person)
                cookie = {"cookie": f"{app.state.access.cookie_name}={token}"} if token else {}
                client.cookies.clear()
                got.append(await client.send(_request(client, row, things, cookie | headers)))
                if row.path.startswith(END_SESSIONS):
                    token = None
            return got

    # A thread of its own: browser tests of the same session leave a loop running in this one.
    with ThreadPoolExecutor(max_workers=1) as beside:
        return beside.submit(lambda: asyncio.run(all_of_them())).result()


def _request(client: httpx.AsyncClient, row: Row, things: Things, headers: dict[str, str]) -> httpx.Request:
    path, body = request_of(row, things)
    content: dict[str, Any] = {"json": body} if body is not None else {}
    if row.form:
        content, headers = {"content": urlencode(body)}, FORM | headers
    return client.build_request(row.method, path, headers={"origin": ORIGIN} | headers, **content)
