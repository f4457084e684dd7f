"""axe-core on every page, tab, door and state, in light and in dark: no serious or critical violation of ours.

What Gradio draws itself is left out: of its pages that is looked at which our scripts put there (`.tm`).
"""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

import lived_in
from feedback_store.accounts import Role
from feedback_store.database import Database
from lived_in import LivedIn
from rounds import studies
from tests.screenshots import cookie_of, opened, served, settled

pytestmark = pytest.mark.browser
# What a scheme changes are colours.
LOOKED_AT = {
    "light": {"resultTypes": ["violations"]},
    "dark": {"resultTypes": ["violations"], "runOnly": {"type": "rule", "values": ["color-contrast"]}},
}
GRAVE = ("serious", "critical")
Open = Any


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, LivedIn, str]]:
    with served(tmp_path_factory.mktemp("axe") / "study") as found:
        yield found


@pytest.fixture
def visit(browser: Any, lived: tuple[Database, LivedIn, str]) -> Iterator[Open]:
    """Opens a path as a role (or as nobody), in a browser of its own; ends them with the test."""
    db, people, address = lived
    pages: list[Any] = []

    def visited(role: Role | None, path: str, ready: str) -> Any:
        person = people.people[role] if role else None
        manager = opened(browser, db, cookie_of(db), person, address, viewport={"width": 1280, "height": 800})
        page = manager.__enter__()
        pages.append(manager)
        page.goto(address + path)
        page.wait_for_selector(ready)
        settled(page)
        return page

    yield visited
    for manager in pages:
        manager.__exit__(None, None, None)


def require_accessible(page: Any, where: str) -> None:
    """Look in both schemes; the words of a violation say which element it is."""
    for scheme in LOOKED_AT:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        ours = ".tm" if page.locator(".tm").count() else "html"
        found = Axe().run(page, context=ours, options=LOOKED_AT[scheme]).response["violations"]
        grave = [
            f"{one['id']}: {node['target']} {node['html'][:120]} {node['failureSummary'][:200]}"
            for one in found
            if one["impact"] in GRAVE
            for node in one["nodes"][:4]
        ]
        assert grave == [], f"{where}, {scheme}"


def test_the_doors(visit: Open, lived: tuple[Database, LivedIn, str]):
    for path in ("/login", f"/invite/{lived[1].invitation}", "/invite/used"):
        page = visit(None, path, "h1")
        assert page.locator("html").get_attribute("lang")
        require_accessible(page, path)


@pytest.mark.parametrize(
    ("role", "path"),
    [("annotator", "/me"), *(("researcher", path) for path in ("/console", "/runs", "/policies", "/data", "/plan"))],
)
def test_a_page(visit: Open, role: str, path: str):
    page = visit(role, path, ".tm-main h1")
    require_accessible(page, path)


def test_a_violation_would_be_seen(visit: Open):
    page = visit(None, "/login", "h1")
    page.evaluate("document.querySelector('main, form').append(document.createElement('img'))")
    with pytest.raises(AssertionError, match="image-alt"):
        require_accessible(page, "an image without words")


@pytest.mark.parametrize("path", ["/people", "/settings", "/data"])
def test_every_tab_of_a_page(visit: Open, path: str):
    page = visit("admin", path, "[role=tab]")
    tabs = page.locator("[role=tab]").all()
    assert len(tabs) >= 5
    for tab in tabs:
        tab.click()
        settled(page)
        require_accessible(page, f"{path}, {tab.inner_text()}")


def test_the_compare_page_in_its_states(visit: Open):
    page = visit("annotator", "/", ".tm-card:visible")
    assert page.locator("html").get_attribute("lang") == "en"
    require_accessible(page, "two responses")
    for key in ("m", "m", "s"):
        page.keyboard.press(key)
        require_accessible(page, f"after {key}")
    page.keyboard.press("Escape")
    for key in ("g", "?", "f", "l"):
        page.keyboard.press(key)
        page.wait_for_selector("dialog[open]")
        page.wait_for_selector("[aria-busy=true]", state="detached")
        require_accessible(page, f"the dialog of {key}")
        page.keyboard.press("Escape")
        page.wait_for_selector("dialog[open]", state="detached")


def test_the_board_what_is_asked_beside_and_the_end(visit: Open, lived: tuple[Database, LivedIn, str]):
    db = lived[0]
    lived_in.pairs(db, 5)
    lived_in.ask_everything(db)
    page = visit("lead", "/", ".tm-card:visible")
    page.keyboard.press("2")
    require_accessible(page, "five responses, criteria and a reason")
    studies.change_settings(db, by="test", closed=True)
    page = visit("researcher", "/", ".tm-state:visible, .tm-card:visible")
    require_accessible(page, "the round is closed")
