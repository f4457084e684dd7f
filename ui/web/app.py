"""The web application of one study: our routes, the Gradio pages, and the guard around all of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles

from feedback_store.database import Database
from ui.pages import site
from ui.web import console_routes, errors, export_routes, judgment_routes, me_routes
from ui.web.access import LocalAccess
from ui.web.guard import Guard, page_of_words
from ui.web.page_head import PageHead
from ui.web.study import StudyAtHand, study_id

log = logging.getLogger("tastemaker.web")
CHECKPOINT_SECONDS = 5.0


def create_app(db: Database, host: str = "127.0.0.1", port: int = 7860, *, token: str | None = None) -> FastAPI:
    """The application for an open study; `app.state.access.address` is what to open. Raises HostRefused."""
    access = LocalAccess(study_id(db), host, port, token)
    app = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        middleware=[
            Middleware(Guard, access=access, pages=site.PAGES),
            Middleware(GZipMiddleware, minimum_size=1500),
            Middleware(PageHead, pages=site.PAGES, head=site.head()),
        ],
    )
    app.state.access = access
    app.state.study = StudyAtHand(db)
    errors.install(app)
    app.include_router(me_routes.router)
    app.include_router(judgment_routes.router)
    app.include_router(console_routes.router)
    app.include_router(export_routes.router)
    _add_own_pages(app, access)
    app.mount(site.STATIC_PATH, StaticFiles(directory=site.STATIC), name="static")
    return site.mount(app, app.state.study.id)


def _add_own_pages(app: FastAPI, access: LocalAccess) -> None:
    @app.get("/login")
    def login(token: str = "") -> Response:
        session = access.login(token)
        if session is None:
            words = (
                "This address holds no valid key. Open the one that `tastemaker serve` printed when it last started."
            )
            return HTMLResponse(page_of_words(401, words), status_code=401)
        answer = RedirectResponse("/", status_code=303)
        # Lax, not Strict: the address must also open from a link in a chat or a mail. Writing is guarded by Origin.
        answer.set_cookie(access.cookie_name, session, httponly=True, samesite="lax", path="/")
        return answer

    @app.get("/healthz")
    def healthy() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/manifest.json")
    def manifest() -> JSONResponse:
        return JSONResponse({"name": "Tastemaker", "start_url": "/", "display": "browser"})

    @app.get("/favicon.ico")
    def icon() -> FileResponse:
        return FileResponse(site.STATIC / "icon.svg", media_type="image/svg+xml")

    @app.api_route("/api/{path:path}", methods=["GET", "POST"], include_in_schema=False)
    def nothing(request: Request, path: str) -> JSONResponse:
        return JSONResponse({"error": f"There is nothing at {request.url.path}."}, status_code=404)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Fold the database's log back in a thread of its own, so that no answer waits for it."""
    ending = threading.Event()
    thread = threading.Thread(target=_checkpoints, args=(app.state.study.db, ending), name="checkpoints", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join(timeout=2)


def _checkpoints(db: Database, ending: threading.Event) -> None:
    while not ending.wait(CHECKPOINT_SECONDS):
        try:
            db.checkpoint()
        except Exception:
            log.exception("The database's log could not be folded back; it is tried again")
