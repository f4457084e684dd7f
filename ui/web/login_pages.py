"""The pages in front of the study: log in, take up an invitation. Made on the server, without any script.

Their words come from the files of ui/static/languages; the language is the one of `?language=`, else the first of
Accept-Language that is known, else English.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ui.web import passwords

HERE = Path(__file__).resolve().parent
LANGUAGES = HERE.parent / "static" / "languages"
LONGEST_NEXT = 500

_TEMPLATE = Environment(
    loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
).get_template("door.html")


def page(
    request: Request,
    form: str,
    *,
    status: int = 200,
    refusal: str = "",
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """One page: `form` is login, invite, over or locked; `refusal` says what went wrong with what was sent.

    Where the language was chosen or where to go after the login stands in the address, and stays there.
    """
    language = language_of(request)
    kept = {key: value for key, value in request.query_params.items() if key in ("language", "next")}
    html = _TEMPLATE.render(
        {
            "form": form,
            "language": language,
            "languages": {code: texts(code)["language.name"] for code in known_languages()},
            "language_links": {code: f"?{urlencode(kept | {'language': code})}" for code in known_languages()},
            "action": f"?{urlencode(kept)}",
            "words": lambda key, **places: words(language, key, **places),
            "refusal": refusal,
            "shortest": passwords.SHORTEST,
            "longest": passwords.LONGEST,
            "name": "",
            "fixed_name": False,
            **values,
        }
    )
    return HTMLResponse(html, status_code=status, headers={"content-language": language, **(headers or {})})


def language_of(request: Request) -> str:
    """The language in which to answer a request."""
    wished = [request.query_params.get("language", "")]
    for part in request.headers.get("accept-language", "")[:1000].split(","):
        wished.append(part.partition(";")[0])
    for tag in wished:
        code = re.split("[-_]", tag.strip().lower())[0]
        if code in known_languages():
            return code
    return "en"


def words(language: str, key: str, **places: object) -> str:
    """The words of a key, with what stands in its {places}. Raises KeyError for a key that is not there."""
    return texts(language)[key].format(**places)


def waiting(language: str, seconds: int) -> str:
    """A time to wait, in words."""
    if seconds < 120:
        return words(language, "door.wait.seconds", count=seconds)
    return words(language, "door.wait.minutes", count=-(-seconds // 60))


def local_page(asked: str, pages: Sequence[str]) -> str:
    """The page of ours to go to after a login: the asked one with its query, else the first."""
    try:
        parts = urlsplit(asked[:LONGEST_NEXT])
    except ValueError:
        return "/"
    if parts.scheme or parts.netloc or parts.path not in pages:
        return "/"
    query = urlencode(parse_qsl(parts.query))
    return f"{parts.path}?{query}" if query else parts.path


@cache
def known_languages() -> tuple[str, ...]:
    """The codes of the languages, one file each."""
    return tuple(sorted(path.stem for path in LANGUAGES.glob("*.json")))


@cache
def texts(language: str) -> dict[str, str]:
    """All words of a language."""
    found: dict[str, str] = json.loads((LANGUAGES / f"{language}.json").read_text(encoding="utf-8"))
    return found
