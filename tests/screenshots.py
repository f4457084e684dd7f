"""Pictures of every page, to be looked at: `python tests/screenshots.py FOLDER [--only PART]` (make screenshots).

A study with people of every role is served in this process; each page and each tab is opened in English and Chinese,
1280 and 320 pixels wide, light and dark. A picture's name says what it shows: people-flags_zh_320_dark.png.
"""

import argparse
import contextlib
import itertools
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE / "builders")]

import accounts_at_hand  # noqa: E402
import lived_in  # noqa: E402
import tests.conftest as common  # noqa: E402
import work_to_see  # noqa: E402
from feedback_store.accounts import Role  # noqa: E402
from feedback_store.database import Database  # noqa: E402
from lived_in import LivedIn  # noqa: E402
from rounds import studies  # noqa: E402

LANGUAGES, WIDTHS, SCHEMES = {"en": "en-GB", "zh": "zh-CN"}, (1280, 320), ("light", "dark")
CARD = ".tm-card:visible"
CONSOLE = ("console", "runs", "policies", "data", "plan")
Do = Callable[[Any], None]


@dataclass(frozen=True)
class Shot:
    """One picture: whose, of what, after what was done on the page."""

    name: str
    role: Role | None
    path: str
    ready: str
    do: Do = lambda page: None


def keys(*names: str, then: str | None = None) -> Do:
    """Press keys, then wait for what they open."""

    def press(page: Any) -> None:
        for name in names:
            page.keyboard.press(name)
        if then:
            page.wait_for_selector(then)

    return press


def compare_shots(prefix: str) -> list[Shot]:
    """The compare page in the states that a person sees most."""
    dialog = "dialog[open]"
    made = {
        "first": keys(),
        "rendered": keys("m"),
        "difference": keys("m", "m"),
        "guidelines": keys("g", then=dialog),
        "keys": keys("?", then=dialog),
        "flag": keys("f", then=dialog),
        "reasons": keys("s"),
        "chosen": keys("2"),
    }
    return [Shot(f"{prefix}-{name}", "annotator", "/", CARD, do) for name, do in made.items()]


def page_shots(invitation: str) -> list[Shot]:
    """All other pages, tab by tab."""
    return [
        Shot("login", None, "/login", "form"),
        Shot("invite", None, f"/invite/{invitation}", "form"),
        Shot("me", "annotator", "/me", ".tm-main h1"),
        *(Shot(name, "researcher", f"/{name}", ".tm-main h1") for name in CONSOLE),
        Shot("people", "admin", "/people", "[role=tab]", every_tab),
        Shot("settings", "admin", "/settings", "[role=tab]", every_tab),
    ]


def work_shots(addresses: dict[str, str]) -> list[Shot]:
    """Runs and blind evaluations in the states in which people look at them."""
    there = {"evaluation-ended": ".tm-verdict"}  # its figures are computed in a process of their own
    return [Shot(name, "researcher", at, there.get(name, ".tm-box-title:visible")) for name, at in addresses.items()]


def every_tab(page: Any) -> None:
    """Marks a page of which each tab is a picture (`taken`)."""


def settled(page: Any) -> None:
    """Wait until nothing on the page is being loaded any more."""
    page.wait_for_load_state("networkidle")
    page.wait_for_function("![...document.querySelectorAll('[aria-busy=true]')].some((each) => each.checkVisibility())")


def taken(page: Any, address: str, shot: Shot, stem: Path) -> list[Path]:
    """Open a page, do what the shot says, and take the whole of it; one picture a tab where it has tabs."""
    page.goto(address + shot.path)
    page.wait_for_selector(shot.ready)
    settled(page)
    shot.do(page)
    settled(page)
    if shot.do is not every_tab:
        page.screenshot(path=stem, full_page=True)
        return [stem]
    made = []
    for tab in page.locator("[role=tab]").all():
        tab.click()
        settled(page)
        name = str(tab.get_attribute("id")).removeprefix("tm-tab-")
        made.append(stem.with_name(stem.name.replace("_", f"-{name}_", 1)))
        page.screenshot(path=made[-1], full_page=True)
    return made


@contextlib.contextmanager
def served(folder: Path) -> Iterator[tuple[Database, LivedIn, str]]:
    """A study full of work behind a server: its database, its people, its address."""
    import uvicorn

    from ui.web.app import create_app

    with (
        studies.open_or_create(folder, base="tiny:", create=True, refill=False) as db,
        socket.create_server(("127.0.0.1", 0)) as listening,
    ):
        people = lived_in.live_in(db)
        app = create_app(db, port=listening.getsockname()[1])
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.02)
        yield db, people, app.state.access.reached.origin
        server.should_exit = True
        thread.join(10)


def cookie_of(db: Database) -> str:
    """The name of the cookie that holds a session of a study."""
    from ui.web.access import access_to
    from ui.web.study import study_id

    return access_to(db, study_id(db), "127.0.0.1", 0).cookie_name


@contextlib.contextmanager
def opened(browser: Any, db: Database, cookie: str, person: int | None, address: str, **look: Any) -> Iterator[Any]:
    """A page of a browser of its own, logged in as a person; `look`: of playwright's new_context."""
    context = browser.new_context(**look)
    if person is not None:
        context.add_cookies([{"name": cookie, "value": accounts_at_hand.session(db, person), "url": address}])
    page = context.new_page()
    page.set_default_timeout(30_000)
    yield page
    context.close()


def take_all(to: Path, only: str = "") -> list[Path]:
    """Every picture whose name begins with `only`; returns the files."""
    from playwright.sync_api import sync_playwright

    to.mkdir(parents=True, exist_ok=True)
    made: list[Path] = []
    work = Path(tempfile.mkdtemp())
    with sync_playwright() as playwright, served(work / "study") as (db, lived, address):
        cookie, seen = cookie_of(db), work_to_see.fill(db)
        browser = playwright.chromium.launch(executable_path=common.find_chromium(), args=["--no-sandbox"])
        groups: list[tuple[Callable[[Database], None], list[Shot]]] = [
            (lambda db: None, page_shots(lived.invitation) + work_shots(seen) + compare_shots("compare")),
            (lambda db: lived_in.pairs(db, 5), [Shot("board", "annotator", "/", CARD, keys("2", "1", "="))]),
            (lived_in.ask_everything, [Shot("compare-criteria", "researcher", "/", CARD, keys("2"))]),
            (lambda db: studies.change_settings(db, by="test", closed=True) and None, [
                Shot("closed", "lead", "/", ".tm-state:visible")]),
        ]  # fmt: skip
        for prepare, shots in groups:
            prepare(db)
            for shot, language, width, scheme in itertools.product(shots, LANGUAGES, WIDTHS, SCHEMES):
                if not shot.name.startswith(only):
                    continue
                person = lived.people[shot.role] if shot.role else None
                look = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
                with opened(browser, db, cookie, person, address, locale=LANGUAGES[language], **look) as page:
                    made += taken(page, address, shot, to / f"{shot.name}_{language}_{width}_{scheme}.png")
        browser.close()
    shutil.rmtree(work)
    return made


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the pictures go")
    parser.add_argument("--only", default="", metavar="PART", help="only pictures whose name begins so")
    given = parser.parse_args()
    print(f"{len(take_all(given.folder, given.only))} pictures in {given.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
