"""The Gradio pages and how they are mounted: one mount for all, nothing fetched from elsewhere, no handler.

Every Gradio handler could be called by everybody who is logged in, and its queue drops accepted work when a browser
closes. So the pages hold no handler at all: each is a `gr.HTML` that starts scripts, which talk to our own routes.
"""

from __future__ import annotations

import inspect
import json
import os
import warnings
from pathlib import Path
from typing import Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"

import gradio as gr
from fastapi import FastAPI

from ui.pages.script import script_page
from ui.web.roles import Role

STATIC = Path(__file__).resolve().parents[1] / "static"
STATIC_PATH = "/static/tastemaker"
PAGES: dict[str, Role] = {
    "/": "annotator", "/me": "annotator", "/people": "lead", "/settings": "researcher", "/console": "researcher",
    "/runs": "researcher", "/policies": "researcher", "/data": "researcher", "/plan": "researcher",
}  # fmt: skip
"""Each page, and the least role that opens it. Its scripts: static/NAME/page.js."""
STYLES = (
    "page",
    "compare",
    "answers",
    "board",
    "beside",
    "views",
    "notices",
    "forms",
    "people",
    "me",
    "settings",
    "console",
    "runs",
    "tokens",
    "policies",
    "data",
    "plan",
)
IDLE_POLL_SECONDS = 0.02


def languages() -> dict[str, str]:
    """Each language of the pages by its code, with its own name: one file a language."""
    files = sorted((STATIC / "languages").glob("*.json"))
    return {file.stem: json.loads(file.read_text(encoding="utf-8"))["language.name"] for file in files}


def build(study_id: str) -> gr.Blocks:
    """The pages, laid out."""
    context = {"study": study_id, "languages": languages()}
    with gr.Blocks(analytics_enabled=False, title="Tastemaker", fill_width=True) as pages:
        script_page(_name("/"), context)
    for path in [path for path in PAGES if path != "/"]:
        with pages.route(_name(path).title(), path, show_in_navbar=False):
            script_page(_name(path), context)
    return pages


def mount(app: FastAPI, study_id: str) -> FastAPI:
    """Put the pages under `app`, whose own routes come first."""
    pages = build(study_id)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="SSR mode is not supported")  # it says so although it is off
        gr.mount_gradio_app(
            app,
            pages,
            path="",
            theme=gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
            show_error=False,
            ssr_mode=False,
            footer_links=[],
            enable_monitoring=False,
            **_run_history(),
        )
    # Its queue looks for work every millisecond: 5 % of a core. A private name, which a later version may drop.
    queue: Any = getattr(pages, "_queue", None)
    if hasattr(queue, "sleep_when_free"):
        queue.sleep_when_free = IDLE_POLL_SECONDS
    return app


def _run_history() -> dict[str, Any]:
    """Gradio's history of inputs and outputs in the browser, off, where this version has it."""
    return {"run_history": False} if "run_history" in inspect.signature(gr.mount_gradio_app).parameters else {}


def head(path: str) -> str:
    """What a page has in its head: styles, and all of its scripts, so that a slow network is waited for once and not
    once for each script that another one imports.
    """
    own = sorted(
        file.relative_to(STATIC).as_posix() for name in ("page", _name(path)) for file in STATIC.glob(f"{name}/*.js")
    )
    styles = [f'<link rel="stylesheet" href="{STATIC_PATH}/style/{name}.css">' for name in STYLES]
    scripts = [f'<link rel="modulepreload" href="{STATIC_PATH}/{script}">' for script in own]
    return "".join(styles + scripts)


def _name(path: str) -> str:
    """The name of a page's folder of scripts."""
    return path.strip("/") or "compare"
