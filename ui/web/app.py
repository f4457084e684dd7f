"""The web application of one study: our routes, the Gradio pages, and the guard around all of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles

from feedback_store.database import Database
from ui.pages import site
from ui.web import (
    account_routes,
    answer_routes,
    console_routes,
    data_routes,
    docs_routes,
    errand_routes,
    errors,
    export_routes,
    import_routes,
    invitation_routes,
    judgment_routes,
    login_routes,
    me_routes,
    people_routes,
    plan_routes,
    policy_routes,
    review_routes,
    round_routes,
    run_routes,
    settings_routes,
    text_routes,
    token_routes,
)
from ui.web.access import access_to
from ui.web.few_at_once import FewAtOnce
from ui.web.guard import Guard
from ui.web.page_head import PageHead
from ui.web.study import StudyAtHand, study_id

log = logging.getLogger("tastemaker.web")
CHECKPOINT_SECONDS = 5.0
ROUTES = (
    login_routes,
    me_routes,
    judgment_routes,
    answer_routes,
    people_routes,
    account_routes,
    invitation_routes,
    review_routes,
    round_routes,
    settings_routes,
    text_routes,
    console_routes,
    run_routes,
    policy_routes,
    data_routes,
    import_routes,
    export_routes,
    errand_routes,
    plan_routes,
    token_routes,
    docs_routes,
)


def create_app(
    db: Database,
    host: str = "127.0.0.1",
    port: int = 7860,
    *,
    token: str | None = None,
    public_url: str | None = None,
    trusted_proxy: str = "",
) -> FastAPI:
    """The application for an open study; `app.state.access.address` is what to open. Raises HostRefused, UnfitAddress.

    `public_url`: the address that people type where a proxy stands in front, `trusted_proxy`: addresses and networks
    whose word on who sent a request is taken.
    """
    access = access_to(db, study_id(db), host, port, token=token, public_url=public_url, trusted_proxy=trusted_proxy)
    app = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        middleware=[
            Middleware(Guard, access=access, pages={**site.PAGES, docs_routes.PAGE: "annotator"}),
            Middleware(GZipMiddleware, minimum_size=1500),
            Middleware(PageHead, heads={path: site.head(path) for path in site.PAGES}),
        ],
    )
    app.state.access = access
    app.state.study = StudyAtHand(db)
    app.state.few_at_once = FewAtOnce()
    errors.install(app)
    for routes in ROUTES:
        app.include_router(routes.router)
    _add_own_pages(app)
    app.mount(site.STATIC_PATH, StaticFiles(directory=site.STATIC), name="static")
    return site.mount(app, app.state.study.id)


def _add_own_pages(app: FastAPI) -> None:
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
    """Fold the database's log back, and follow the judgments, in threads of their own: no answer waits for them."""
    ending = threading.Event()
    thread = threading.Thread(target=_checkpoints, args=(app.state.study.db, ending), name="checkpoints", daemon=True)
    thread.start()
    refreshing = app.state.study.refreshing
    refreshing.start()
    try:
        yield
    finally:
        ending.set()
        refreshing.stop()
        app.state.few_at_once.close()
        thread.join(timeout=2)


def _checkpoints(db: Database, ending: threading.Event) -> None:
    while not ending.wait(CHECKPOINT_SECONDS):
        try:
            db.checkpoint()
        except Exception:
            log.exception("The database's log could not be folded back; it is tried again")
