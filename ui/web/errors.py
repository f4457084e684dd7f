"""Errors as answers: JSON {"error": words}, never a traceback, never a path of the machine."""

from __future__ import annotations

import logging
import secrets

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from feedback_store.errors import Conflict, LeaseLost, StoreUnavailable, StudyExists, StudyNotFound
from rounds.annotating import NeverHandedOut, WrongSides
from rounds.asked import AskedChanged, Incomplete
from ui.web.roles import NotAllowed

log = logging.getLogger("tastemaker.web")

# Errors for people are ValueErrors with words, defined in these packages; any other ValueError is a fault of ours.
OUR_PACKAGES = frozenset({"feedback_store", "rounds", "ui", "reward_training", "policy_training", "language_models"})


class OtherPerson(ValueError):
    """What was sent is another person's than the one who is logged in."""


class NotThere(ValueError):
    """Nothing has this number or name; the words say what was looked for."""


STATUS_OF: tuple[tuple[type[Exception], int], ...] = (
    (NotAllowed, 403),
    (Conflict, 409),
    (LeaseLost, 409),
    (OtherPerson, 409),
    (AskedChanged, 409),
    (NotThere, 404),
    (NeverHandedOut, 404),
    (StudyExists, 409),
    (StudyNotFound, 404),
    (StoreUnavailable, 503),
)


# What the page tells apart, by name, and says in the reader's language (`error.code.NAME`): all that somebody who
# judges can meet. Others are told in the server's words.
CODES: dict[type[Exception], str] = {
    OtherPerson: "other_person",
    AskedChanged: "asked_changed",
    Incomplete: "incomplete",
    NeverHandedOut: "never_handed_out",
    NotAllowed: "not_allowed",
    StoreUnavailable: "store_unavailable",
    WrongSides: "wrong_sides",
}


def install(app: FastAPI) -> None:
    """Let the application answer every error with words."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ValueError, _value)


def _answer(status: int, words: str, code: str | None = None) -> JSONResponse:
    return JSONResponse({"error": words, **({"code": code} if code else {})}, status_code=status)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    words = str(error.detail)
    if error.status_code == 404 and words == "Not Found":
        words = f"There is nothing at {request.url.path}."
    if error.status_code == 405:
        words = f"{request.method} is not possible at {request.url.path}."
    return _answer(error.status_code, words)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    faults = []
    for fault in error.errors()[:5]:
        place = ".".join(str(part) for part in fault["loc"] if part not in ("body", "query", "path"))
        faults.append(f"{place or 'the request'}: {fault['msg']}")
    return _answer(422, "The request cannot be read. " + "; ".join(faults) + ".")


async def _value(request: Request, error: Exception) -> JSONResponse:
    return answer_to(request.method, request.url.path, error)


def answer_to(method: str, path: str, error: Exception) -> JSONResponse:
    """The answer to an error: its words where it is one for people, else a reference to the log."""
    ours = isinstance(error, ValueError) and type(error).__module__.split(".")[0] in OUR_PACKAGES
    if not ours:
        return _unexpected(method, path, error)
    status = next((status for kind, status in STATUS_OF if isinstance(error, kind)), 422)
    code = next((code for kind, code in CODES.items() if isinstance(error, kind)), None)
    return _answer(status, str(error), code)


def _unexpected(method: str, path: str, error: Exception) -> JSONResponse:
    """The answer to a fault of ours: words and a reference here, the whole story in the log."""
    reference = secrets.token_hex(4)
    log.error("Request %s %s failed (%s)", method, path, reference, exc_info=error)
    return _answer(
        500, f"Something went wrong on the server; its log tells more under {reference}. Nothing saved was lost."
    )
