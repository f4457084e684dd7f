"""A study with pairs to judge, its application, and a server for a browser; no worker, no model."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from starlette.testclient import TestClient

import accounts_at_hand
from feedback_store.accounts import Role
from feedback_store.database import Database
from rounds import beside, studies
from web_studies import fill

HOST = "http://127.0.0.1:7860"


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Database]:
    """A study with six pairs that nobody refills."""
    with studies.open_or_create(tmp_path / "study", base="tiny:", create=True, refill=False) as db:
        fill(db, 6)
        yield db


@pytest.fixture(scope="module", autouse=True)
def figures_computed_here() -> Iterator[None]:
    """Heavy figures are computed in this process: one of their own takes seconds to start, each time anew. (That one:
    tests/rounds/test_beside.py, and under whole servers tests/accept.)
    """

    def here(name: str, folder: Path) -> dict[str, Any]:
        with Database.open(folder, readonly=True) as db:
            found: dict[str, Any] = json.loads(json.dumps(beside.COMPUTATIONS[name](db)))
            return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(beside, "in_a_process", here)
        yield


@pytest.fixture(scope="session")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """One application for all HTTP tests: building the pages takes longer than such a test."""
    from ui.web.app import create_app

    with studies.open_or_create(tmp_path_factory.mktemp("any") / "study", base="tiny:", create=True) as db:
        yield create_app(db, token="the-token")


@pytest.fixture
def stranger(study: Database, application: FastAPI) -> TestClient:
    """A client of this test's study that has not opened the address."""
    from ui.web.study import StudyAtHand

    application.state.study = StudyAtHand(study)
    return another_browser(application)


@pytest.fixture
def client(stranger: TestClient) -> TestClient:
    """A client that has opened the address with the token."""
    assert stranger.get("/login?token=the-token", follow_redirects=False).status_code == 303
    return stranger


@pytest.fixture(scope="session")
def application_with_accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """The same for a study whose people log in."""
    from ui.web.app import create_app

    folder = tmp_path_factory.mktemp("accounts") / "study"
    with studies.open_or_create(folder, base="tiny:", create=True) as db:
        accounts_at_hand.people(db)
        yield create_app(db)


@pytest.fixture
def nobody(study: Database, application_with_accounts: FastAPI) -> TestClient:
    """A client of this test's study, which has one account a role (accounts_at_hand.py), who has not logged in."""
    from ui.web.study import StudyAtHand

    accounts_at_hand.people(study)
    application_with_accounts.state.study = StudyAtHand(study)
    return another_browser(application_with_accounts)


@pytest.fixture
def as_role(study: Database, nobody: TestClient) -> Callable[[str], TestClient]:
    """A client that is logged in as the person of a role; each call is a browser of its own."""

    def logged_in(role: Role) -> TestClient:
        token = accounts_at_hand.session(study, accounts_at_hand.people(study)[role])
        client = another_browser(nobody.app)
        client.cookies.set(nobody.app.state.access.cookie_name, token, domain="127.0.0.1")
        return client

    return logged_in


def another_browser(app: FastAPI) -> TestClient:
    """A client without cookies."""
    return TestClient(app, base_url=HOST, headers={"origin": HOST}, raise_server_exceptions=False)


@pytest.fixture
def outside(page) -> Iterator[list[str]]:
    """What the page asks for outside this machine, and errors of its scripts: a test with this fixture fails on any."""
    seen: list[str] = []

    def note(request) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            seen.append(request.url)

    page.on("request", note)
    page.on("pageerror", lambda error: seen.append(str(error)))
    yield seen
    assert seen == []


@pytest.fixture(scope="session")
def server_for(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Database], FastAPI]]:
    """Two servers in threads of this process, one for studies with accounts and one for those without: building the
    pages takes longer than most tests. Gives the application that serves a study from then on.
    """
    from ui.web.access import access_to
    from ui.web.app import create_app
    from ui.web.study import StudyAtHand

    running: dict[bool, FastAPI] = {}
    with contextlib.ExitStack() as stack:

        def start(with_accounts: bool) -> FastAPI:
            folder = tmp_path_factory.mktemp("served") / "study"
            db = stack.enter_context(studies.open_or_create(folder, base="tiny:", create=True, refill=False))
            if with_accounts:
                accounts_at_hand.people(db)
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            app = create_app(db, port=listening.getsockname()[1])
            server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none", timeout_graceful_shutdown=1))
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
            thread.start()
            stack.callback(thread.join, 10)
            stack.callback(setattr, server, "should_exit", True)
            deadline = time.monotonic() + 20
            while not server.started and time.monotonic() < deadline:
                time.sleep(0.02)
            return app

        def serve(db: Database) -> FastAPI:
            with_accounts = access_to(db, "any", "127.0.0.1", 1).accounts
            if with_accounts not in running:
                running[with_accounts] = start(with_accounts)
            app = running[with_accounts]
            app.state.study = StudyAtHand(db)
            app.state.access.cookie_name = access_to(db, app.state.study.id, "127.0.0.1", 1).cookie_name
            return app

        yield serve


@pytest.fixture
def served(server_for: Callable[[Database], FastAPI]) -> Callable[[Database], str]:
    """Serve a study; gives the address to open."""
    return lambda db: server_for(db).state.access.address
