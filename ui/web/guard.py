"""What stands before every route, Gradio's too: host, address, origin, session, size of the body, headers.

One ASGI layer around the whole application, so that no route can be forgotten. Gradio brings dozens of routes, and
several answer without its own login; here only what its pages load is let through (GRADIO_PREFIXES), the rest does not
exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.web import errors, refusals
from ui.web.access import Access
from ui.web.refusals import Refusal
from ui.web.roles import Person, Role

MAX_BODY_BYTES = 1_000_000
# Longer than any route's; no system has longer names of files, and Gradio fails on what its disk refuses.
MOST_PATH_BYTES = 250
SAFE_METHODS = ("GET", "HEAD")
METHODS = (*SAFE_METHODS, "POST")
# Open to everybody: the doors, and what a browser asks for without cookies.
DOORS = ("/login", "/logout")
INVITATIONS = "/invite/"
OPEN_PATHS = (*DOORS, "/healthz", "/manifest.json", "/favicon.ico")
STATIC_PREFIX = "/static/tastemaker/"
NAMED_BY_CONTENT = "/assets/"
"""Files of Gradio, of which another content has another name: a browser asks once, not a hundred times at each page."""
GRADIO_PREFIXES = (NAMED_BY_CONTENT, "/static/js/", "/static/fonts/", "/static/img/", "/theme.css")

SAYS_WHERE = (b"x-forwarded-host", b"x-forwarded-proto", b"x-gradio-server")

# gr.HTML builds its functions from strings, so the pages need 'unsafe-eval'; nothing may be fetched from elsewhere.
PAGE_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; frame-src 'self'; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
DOOR_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
STRICT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
KEPT = {"cache-control": "private, max-age=31536000, immutable"}
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not no-referrer: a browser would then send its own form with the Origin "null".
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class Guard:
    """Refuses, with words, what must not reach the application; adds the headers to what it answers."""

    def __init__(self, app: ASGIApp, access: Access, pages: Mapping[str, Role]) -> None:
        self.app = app
        self.access = access
        self.pages = dict(pages)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        scope = {**scope, "headers": self._trusted_headers(scope)}
        path: str = scope["path"]
        headed = _Headed(send, self._headers(path), lasts=path.startswith(NAMED_BY_CONTENT))
        try:
            refusal = self._refused(scope) or await self._not_let_in(scope)
            body: bytes | None = b""
            if refusal is None and scope["method"] not in SAFE_METHODS:
                body = await _read_body(scope, receive)
                if body is None:
                    refusal = Refusal(413, "size", {"most": f"{MAX_BODY_BYTES:,}"})
            if refusal is not None:
                await self._refuse(scope, headed, refusal)
                return
            if path in self.pages:  # ours need no query, and Gradio takes orders from it
                scope = {**scope, "query_string": b""}
            replayed = receive if scope["method"] in SAFE_METHODS else _replay(body or b"", receive)
            await self.app(scope, replayed, headed)
        except Exception as error:
            if headed.started:
                raise
            await errors.answer_to(scope["method"], path, error)(scope, receive, headed)

    def _refused(self, scope: Scope) -> Refusal | None:
        """The reason not to let a request through, whoever sent it, or None."""
        host, reached = _header(scope, b"host"), self.access.reached
        if not reached.answers_to(host):
            return Refusal(421, "host", {"host": repr(host[:100])})
        if scope["method"] not in METHODS:
            return Refusal(405, "method", {"method": scope["method"][:20]})
        # No page of another site can make a browser send a token: who brings one needs no Origin.
        foreign = _header(scope, b"origin") != reached.origin_of(host) and not _token(scope)
        if scope["method"] not in SAFE_METHODS and foreign:
            return Refusal(403, "origin")
        return None

    async def _not_let_in(self, scope: Scope) -> Refusal | None:
        """Find out who sent a request, and the reason not to let that person through, or None."""
        path: str = scope["path"]
        state = scope.setdefault("state", {})
        state["person"] = None
        if path in OPEN_PATHS or path.startswith((STATIC_PREFIX, INVITATIONS)):
            return None
        # It reads the database, and now and then writes when a session was last seen: not in the event loop.
        study, token = scope["app"].state.study, _token(scope)
        proof = (self.access.person_of_token, token) if token else (self.access.person_of, _header(scope, b"cookie"))
        person: Person | None = await run_in_threadpool(proof[0], study, proof[1])
        state["person"] = person
        if person is None:
            return Refusal(401, self.access.locked)
        if path in self.pages and not person.may(self.pages[path]):
            return Refusal(403, "role", {"role": self.pages[path], "yours": person.role})
        fits = len(path.encode("utf-8", "replace")) <= MOST_PATH_BYTES
        known = path in self.pages or (fits and path.startswith(("/api/", *GRADIO_PREFIXES)))
        return None if known else Refusal(404, "nothing", {"path": path[:200]})

    async def _refuse(self, scope: Scope, send: Send, refusal: Refusal) -> None:
        as_page = scope["path"] in self.pages or _wants_page(scope)
        if refusal.status == 401 and as_page and self.access.accounts:
            await _redirect(scope, send, f"/login?next={quote(_asked(scope), safe='')}")
        else:
            await refusals.answer(scope, send, refusal, as_page=as_page)

    def _trusted_headers(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        """The headers of a request without those by which a sender could tell Gradio where its pages are; instead, what
        the server knows of it.
        """
        headers = [pair for pair in scope["headers"] if pair[0] not in SAYS_WHERE]
        return [*headers, (b"x-forwarded-proto", b"https")] if self.access.reached.secure else headers

    def _headers(self, path: str) -> dict[str, str]:
        policy = STRICT_POLICY
        if path in self.pages:
            policy = PAGE_POLICY
        elif path in DOORS or path.startswith(INVITATIONS):
            policy = DOOR_POLICY
        stored = path.startswith((NAMED_BY_CONTENT, "/static/"))
        secure = {"strict-transport-security": "max-age=31536000"} if self.access.reached.secure else {}
        cache = "no-cache" if stored else "no-store"
        return {**HEADERS, **secure, "content-security-policy": policy, "cache-control": cache}


def _asked(scope: Scope) -> str:
    query = scope.get("query_string", b"").decode("latin-1")
    return f"{scope['path']}?{query}" if query else str(scope["path"])


def _header(scope: Scope, name: bytes) -> str:
    values = [value for key, value in scope["headers"] if key == name]
    return values[0].decode("latin-1") if len(values) == 1 else ""


def _token(scope: Scope) -> str:
    """The token that a program proves itself with, or nothing."""
    kind, _, text = _header(scope, b"authorization").partition(" ")
    return text.strip() if kind.lower() == "bearer" else ""


def _wants_page(scope: Scope) -> bool:
    return scope["method"] in SAFE_METHODS and "text/html" in _header(scope, b"accept")


async def _read_body(scope: Scope, receive: Receive) -> bytes | None:
    """The whole body, or None where it is longer than allowed: nothing larger is ever held."""
    announced = _header(scope, b"content-length")
    if announced.isdigit() and int(announced) > MAX_BODY_BYTES:
        return None
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(parts)
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY_BYTES:
            return None
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that hands out the body that was read already, and then whatever comes after it."""
    sent = False

    async def replayed() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


class _Headed:
    """A `send` that adds the headers, and knows whether an answer was begun. `lasts`: what is found there is kept by
    browsers for a year; that nothing is there, or that one may not have it, is not.
    """

    def __init__(self, send: Send, added: Mapping[str, str], *, lasts: bool) -> None:
        self.started = False
        self._send = send
        self._added = added
        self._lasts = lasts

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            # Gradio lets other origins read its answers; nobody else's page may read ours.
            headers = [
                pair for pair in message.get("headers", []) if not pair[0].lower().startswith(b"access-control-")
            ]
            present = {key.lower() for key, _ in headers}
            added = {**self._added, **(KEPT if self._lasts and message["status"] == 200 else {})}
            headers += [(k.encode(), v.encode()) for k, v in added.items() if k.encode() not in present]
            message = {**message, "headers": headers}
        await self._send(message)


async def _redirect(scope: Scope, send: Send, to: str) -> None:
    headers = [(b"location", to.encode("latin-1")), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
