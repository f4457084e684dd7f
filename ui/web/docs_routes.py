"""The HTTP interface described: OpenAPI, and a page that shows it from a local package, for those who are logged in."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import FileResponse, HTMLResponse

from feedback_store.api_tokens import SCOPES
from ui.web.errors import NotThere
from ui.web.roles import Annotator

router = APIRouter(tags=["read"])
PAGE = "/docs"
SCHEMA = "/api/openapi.json"
ASSETS = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png")
ABOUT = f"""
Everything that the pages do goes through these routes. A program sends a token (Settings, Access; or `tastemaker token
add`) as `Authorization: Bearer TOKEN`. Its scopes say what it may do: {", ".join(SCOPES)}. Reading needs `read`; what
changes something needs the scope that the route is listed under. Errors are `{{"error": words}}`.
"""


@router.get(SCHEMA, include_in_schema=False)
def schema(request: Request, person: Annotator) -> dict[str, Any]:
    """The OpenAPI description of all routes under /api."""
    return _described(request.app)


@router.get(PAGE, include_in_schema=False)
def page(request: Request, person: Annotator) -> HTMLResponse:
    """The description as a page on which requests can be tried."""
    script, style, icon = (f"/api/docs/{name}" for name in ASSETS)
    return get_swagger_ui_html(
        openapi_url=SCHEMA,
        title="Tastemaker · HTTP interface",
        swagger_js_url=script,
        swagger_css_url=style,
        swagger_favicon_url=icon,
    )


@router.get("/api/docs/{name}", include_in_schema=False)
def asset(request: Request, person: Annotator, name: str) -> FileResponse:
    """What that page loads."""
    if name not in ASSETS:
        raise NotThere(f"There is no file {name!r} here.")
    return FileResponse(_folder() / name)


@lru_cache(maxsize=1)
def _folder() -> Path:
    """The scripts of Swagger UI, which the package fastapi_offline carries; it is not imported."""
    found = find_spec("fastapi_offline")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "static"


def _described(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        known = get_openapi(title="Tastemaker", version=version("tastemaker"), description=ABOUT, routes=app.routes)
        known["paths"] = {path: verbs for path, verbs in known["paths"].items() if path.startswith("/api/")}
        known["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        app.openapi_schema = known | {"security": [{"token": []}]}
    return app.openapi_schema
