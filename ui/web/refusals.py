"""What the guard says to whoever it does not let through: JSON for programs, a small page in the reader's language.

The words are those of `refused.KEY.words` in ui/static/languages; JSON has the English ones.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html import escape

from fastapi import Request
from starlette.types import Scope, Send

from ui.web import login_pages

HELD_OUT = ("locked", "log_in", "host")
"""Refusals after which the first page would refuse as well: no link to it."""


@dataclass(frozen=True)
class Refusal:
    """Why a request is not let through: a status, and the key of the words with what stands in their {places}."""

    status: int
    key: str
    places: dict[str, str] = field(default_factory=dict)

    def words(self, language: str = "en") -> str:
        """Return the reason; the name of a role among the places is given in the same language."""
        roles = {name: login_pages.words(language, f"door.role.{role}") for name, role in self._roles.items()}
        return login_pages.words(language, f"refused.{self.key}.words", **{**self.places, **roles})

    def title(self, language: str) -> str:
        """Return the words above a page."""
        own = f"refused.{self.key}.title"
        return login_pages.words(language, own if own in login_pages.texts(language) else "refused.title")

    @property
    def _roles(self) -> dict[str, str]:
        return self.places if self.key == "role" else {}


async def answer(scope: Scope, send: Send, refusal: Refusal, *, as_page: bool) -> None:
    """Send a refusal."""
    if as_page:
        body, kind = page(refusal, login_pages.language_of(Request(scope))).encode(), b"text/html; charset=utf-8"
    else:
        code = {"code": refusal.key} if refusal.status == 401 else {}  # pages lead back in where one can log in
        body, kind = json.dumps({"error": refusal.words(), **code}).encode(), b"application/json"
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def page(refusal: Refusal, language: str) -> str:
    """Return a page that needs nothing else: what is wrong, and what to do."""
    title, words = escape(refusal.title(language)), escape(refusal.words(language))
    home = escape(login_pages.words(language, "refused.home"))
    link = "" if refusal.key in HELD_OUT else f'<p><a href="/">{home}</a></p>'
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{title} · Tastemaker</title><style>:root{{color-scheme:light dark}}"
        "body{font:17px/1.55 system-ui,sans-serif;max-width:34rem;margin:18vh auto 0;padding:0 1.25rem}"
        f"h1{{font-size:1.5rem}}p{{overflow-wrap:anywhere}}</style><h1>{title}</h1><p>{words}</p>{link}</html>"
    )
