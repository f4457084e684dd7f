"""The doors: log in, log out, take up an invitation, change one's password.

Pages without a script (login_pages.py); what comes in is handled by attempts.py. The guard has checked Host and Origin.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from feedback_store import invitations, sessions
from ui.pages import site
from ui.web import attempts, login_pages, passwords
from ui.web.access import AccountAccess
from ui.web.attempts import Refused
from ui.web.few_at_once import TooManyWait
from ui.web.roles import Annotator
from ui.web.study import study_of

router = APIRouter(tags=["me"])

FORM = "application/x-www-form-urlencoded"
MAX_FORM_BYTES = 20_000
BUSY_SECONDS = 5.0


class PasswordBody(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    old: Annotated[str, Field(max_length=1000)]
    new: Annotated[str, Field(max_length=1000)]


@router.get("/login", response_model=None)
async def login_page(request: Request, token: str = "") -> Response:
    """The form to log in; whoever is logged in goes on. In local mode the address with the token opens the study."""
    access = request.app.state.access
    if not access.accounts:
        session = access.login(token)
        if session is None:
            return login_pages.page(request, "locked", status=401)
        return _let_in(request, session, "/")
    if await run_in_threadpool(access.person_of, study_of(request), request.headers.get("cookie", "")):
        return RedirectResponse(_next(request), status_code=303)
    return login_pages.page(request, "login")


@router.post("/login", response_model=None)
async def login(request: Request) -> Response:
    """Log in with name and password."""
    fields = await _fields(request)
    name, password = fields.get("name", "").strip(), fields.get("password", "")
    try:
        access = _accounts(request)
        if not name or not password:
            raise Refused("wrong", 401, "Name or password is wrong.")
        db, address = study_of(request).db, access.address_of(request.scope)
        token = await _slowly(request, partial(attempts.log_in, db, name, password, address))
        await run_in_threadpool(_end_session, request)  # of whoever was logged in here before
    except Refused as refused:
        return _refused(request, "login", refused, name=name[:100])
    return _let_in(request, token, _next(request))


@router.post("/logout", response_model=None)
async def logout(request: Request) -> Response:
    """End the session; a page of another tab finds itself logged out at its next request."""
    access = request.app.state.access
    answer = RedirectResponse("/login", status_code=303)
    if access.accounts:
        await run_in_threadpool(_end_session, request)
        answer.delete_cookie(access.cookie_name, path="/", secure=access.reached.secure, httponly=True, samesite="lax")
    return answer


@router.get("/logout", response_model=None)
def followed_link() -> Response:
    """A link logs nobody out; without this, Gradio's own route of the name would answer."""
    return RedirectResponse("/", status_code=303)


@router.get("/invite/{token}", response_model=None)
def invitation(request: Request, token: str) -> Response:
    """The form to make the account of an invitation."""
    found = invitations.find(study_of(request).db, token) if request.app.state.access.accounts else None
    if found is None:
        return login_pages.page(request, "over", status=404)
    return login_pages.page(request, "invite", role=found.role, name=found.name or "", fixed_name=bool(found.name))


@router.post("/invite/{token}", response_model=None)
async def take_up_invitation(request: Request, token: str) -> Response:
    """Make the account and log in."""
    fields = await _fields(request)
    name, password, again = (fields.get(field, "") for field in ("name", "password", "again"))
    db = study_of(request).db
    try:
        address = _accounts(request).address_of(request.scope)
        session = await _slowly(request, partial(attempts.take_up, db, token, name, password, again, address))
        await run_in_threadpool(_end_session, request)
    except Refused as refused:
        found = await run_in_threadpool(invitations.find, db, token)
        if found is None or refused.code == "over":
            return login_pages.page(request, "over", status=404)
        kept = {"role": found.role, "name": found.name or name[:100], "fixed_name": bool(found.name)}
        return _refused(request, "invite", refused, **kept)
    return _let_in(request, session, "/")


@router.post("/api/password")
async def change_password(request: Request, person: Annotator, body: PasswordBody) -> JSONResponse:
    """Change one's own password; every other session of the person ends."""
    try:
        access = _accounts(request)
        db, address = study_of(request).db, access.address_of(request.scope)
        session = access.token_of(request.headers.get("cookie", "")) or ""
        await _slowly(
            request,
            partial(attempts.change_password, db, person.annotator_id, body.old, body.new, session, address),
        )
    except Refused as refused:
        answer = {"error": _words(request, refused), "code": refused.code}
        return JSONResponse(answer, status_code=refused.status, headers=_retry(refused))
    return JSONResponse({"changed": True})


def _accounts(request: Request) -> AccountAccess:
    access = request.app.state.access
    if not isinstance(access, AccountAccess):
        raise Refused("no_accounts", 404, "This study has no accounts: the address that was printed opens it.")
    return access


async def _slowly(request: Request, work: Callable[[], Any]) -> Any:
    try:
        return await request.app.state.few_at_once.run(work)
    except TooManyWait as error:
        raise Refused("busy", 503, str(error), BUSY_SECONDS) from error


async def _fields(request: Request) -> dict[str, str]:
    """The fields of a form; none where what came is no form, or too long for one."""
    body = await request.body()
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM or len(body) > MAX_FORM_BYTES:
        return {}
    try:
        return dict(parse_qsl(body.decode("ascii"), max_num_fields=10))
    except ValueError:
        return {}


def _end_session(request: Request) -> None:
    token = request.app.state.access.token_of(request.headers.get("cookie", ""))
    if token:
        sessions.end(study_of(request).db, token)


def _let_in(request: Request, session: str, to: str) -> Response:
    """Go to a page with a cookie for the session."""
    access = request.app.state.access
    answer = RedirectResponse(to, status_code=303)
    # Lax, not Strict: the address must also open from a link in a chat or a mail. Writing is guarded by Origin.
    answer.set_cookie(
        access.cookie_name,
        session,
        max_age=int(attempts.SESSION_SECONDS) if access.accounts else None,
        path="/",
        secure=access.reached.secure,
        httponly=True,
        samesite="lax",
    )
    return answer


def _refused(request: Request, form: str, refused: Refused, **values: Any) -> Response:
    return login_pages.page(
        request, form, status=refused.status, refusal=_words(request, refused), headers=_retry(refused), **values
    )


def _words(request: Request, refused: Refused) -> str:
    language = login_pages.language_of(request)
    wait = login_pages.waiting(language, refused.wait_seconds)
    count = passwords.LONGEST if refused.code == "too_long" else passwords.SHORTEST
    return login_pages.words(language, f"door.error.{refused.code}", wait=wait, count=count)


def _retry(refused: Refused) -> dict[str, str]:
    return {"retry-after": str(refused.wait_seconds)} if refused.wait_seconds else {}


def _next(request: Request) -> str:
    return login_pages.local_page(request.query_params.get("next", ""), tuple(site.PAGES))
