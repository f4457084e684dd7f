"""Texts that try to act when they are shown, and what it means that none of them did."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CORPUS = Path(__file__).parents[1] / "ui" / "hostile" / "texts.jsonl"
OWN_PATHS = ("/static/", "/assets/", "/api/", "/theme.css", "/gradio_api/", "/favicon.ico", "/manifest.json")
OWN_PAGES = (
    "/",
    "/login",
    "/me",
    "/people",
    "/settings",
    "/console",
    "/runs",
    "/policies",
    "/data",
    "/plan",
    "/config",
    "/heartbeat",
)


@dataclass(frozen=True)
class HostileText:
    """One text of the corpus; `name` says what it tries."""

    name: str
    text: str


def corpus(most_characters: int = 1_000_000) -> list[HostileText]:
    """All texts of at most so many characters, in the file's order."""
    rows = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]
    made = [HostileText(row["name"], row["text"] * row.get("times", 1)) for row in rows]
    return [each for each in made if len(each.text) <= most_characters]


def short(most_characters: int = 100_000) -> str:
    """The short texts as one, for places that show a text as it is; as many as fit."""
    joined = "\n".join(each.text for each in corpus(700) if each.text.strip())
    return "".join(character for character in joined if character.isprintable() or character == "\n")[:most_characters]


def watch(page: Any) -> list[str]:
    """Note whatever a page does that only a hostile text could have made it do."""
    seen: list[str] = []

    def request(made: Any) -> None:
        address = urlsplit(made.url)
        if address.scheme in ("data", "blob"):
            return
        known = address.path in OWN_PAGES or address.path.startswith(OWN_PATHS)
        if address.hostname != "127.0.0.1" or not known or "hostile" in made.url:
            seen.append(f"asked for {made.method} {made.url[:200]}")

    def dialog(opened: Any) -> None:
        seen.append(f"opened a dialog: {opened.message}")
        opened.dismiss()

    page.on("request", request)
    page.on("dialog", dialog)
    page.on("popup", lambda opened: seen.append(f"opened {opened.url}"))
    page.on("download", lambda started: seen.append(f"downloads {started.url}"))
    page.on("pageerror", lambda error: seen.append(f"error: {error}"))
    return seen


TRACES = CORPUS.with_name("traces.js").read_text(encoding="utf-8")


def require_inert(page: Any, seen: list[str], where: str) -> None:
    """Fail where a text acted, asked for something, became an element, or lies over something of the page's."""
    found = [*seen, *page.evaluate(TRACES)]
    assert found == [], f"{where}: {found[:10]}"
