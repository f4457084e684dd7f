"""The compare page in a browser: opening it, answering, and what the store holds then as it was seen."""

from __future__ import annotations

from typing import Any

import accounts_at_hand
from feedback_store import judgments
from feedback_store.database import Database
from web_studies import GOOD

KEPT = "Object.keys(localStorage).filter((name) => name.startsWith('tastemaker:outbox:')).length"
PROMPT = ".tm-card:visible .tm-prompt-now"
STATUS = ".tm-status"


def open_compare(page: Any, address: str) -> None:
    """Open the page and wait for a question."""
    page.goto(address)
    page.wait_for_selector(".tm-card:visible")


def enter(page: Any, address: str) -> None:
    """Make this browser that of the one person of a study, by the address with its token; no page is loaded for it."""
    assert page.request.get(address).ok


def open_anew(page: Any, address: str) -> None:
    """Load a page, also where it is the one on the screen at another place behind its #."""
    page.goto("about:blank")
    page.goto(address)


def log_in(page: Any, db: Database, address: str, annotator_id: int) -> None:
    """Make this browser that of a person with an account, by a new session in its cookie."""
    from ui.web.access import access_to
    from ui.web.study import StudyAtHand

    cookie = access_to(db, StudyAtHand(db).id, "127.0.0.1", 7860).cookie_name
    page.context.clear_cookies()
    token = accounts_at_hand.session(db, annotator_id)
    page.context.add_cookies([{"name": cookie, "value": token, "url": address}])


def prompt(page: Any) -> str:
    """The prompt on the screen."""
    return str(page.locator(".tm-prompt-now").inner_text())


def left_is_good(page: Any) -> bool:
    """Whether the first response on the screen is GOOD."""
    return bool(page.locator(".tm-response").first.inner_text() == GOOD)


def press_and_wait(page: Any, *keys: str) -> None:
    """Press keys, then wait for another prompt than the one on the screen, or for a state."""
    before = prompt(page)
    for key in keys:
        page.keyboard.press(key)
    wait_for_another(page, before)


def wait_for_another(page: Any, before: str) -> None:
    """Wait until the prompt is another one than `before`, or there is none for now."""
    page.wait_for_function(
        "before => { const now = document.querySelector('.tm-prompt-now');"
        " if (now.checkVisibility()) return now.innerText !== before;"
        " const state = document.querySelector('.tm-state');"
        " return state.checkVisibility() && !state.textContent.startsWith('Loading'); }",
        arg=before,
    )


def delivered(page: Any) -> None:
    """Wait until the server has every answer of this browser."""
    page.wait_for_function(f"{KEPT} === 0")


def as_seen(db: Database) -> list[list[int] | None]:
    """The ranks of each answer that counts, in the order of the texts on the screen."""
    rows = judgments.live(db)
    return [row.ranks and [row.ranks[place] for place in row.shown or []] for row in rows]
