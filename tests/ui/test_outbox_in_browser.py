"""Answers on a bad day: lost networks, restarted servers, killed tabs, two tabs, lost leases, another person.

Each time the same is asked of the store: nothing lost, nothing doubled, each answer as it was given, under its giver.
"""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn

from feedback_store import accounts, annotators, clock, judgments, questions, sessions
from feedback_store import comparisons as comparison_rows
from feedback_store import prompts as prompt_rows
from feedback_store.database import Database
from rounds import studies
from web_studies import fill

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("outside")]
KEPT = "Object.keys(localStorage).filter((name) => name.startsWith('tastemaker:outbox:')).length"
PROMPT = ".tm-card:visible .tm-prompt-now"


def open_compare(page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector(".tm-card:visible")


def number_of(prompt: str) -> int:
    return int(re.findall(r"Question (\d+)", prompt)[0])


def number_shown(page) -> int:
    return number_of(page.locator(PROMPT).inner_text())


def answer(page) -> int:
    """Answer the pair on the screen: the left one where its number is odd. Waits for the next pair, or for none."""
    number = number_shown(page)
    page.keyboard.press("ArrowLeft" if number % 2 else "ArrowRight")
    page.wait_for_function(
        "([selector, before]) => { const now = document.querySelector(selector.replace(':visible', ''));"
        " return !now?.checkVisibility() || !now.textContent.includes(`Question ${before}:`); }",
        arg=[PROMPT, number],
    )
    return number


def answer_until_none_is_left(page, most: int = 20) -> list[int]:
    """Answer what the page has, as far as it has any."""
    numbers = []
    while len(numbers) < most and page.locator(PROMPT).count():
        numbers.append(answer(page))
    return numbers


def delivered(page) -> None:
    page.wait_for_function(f"{KEPT} === 0")


def require_stored(study: Database, numbers: list[int], person: str = "local") -> None:
    """The store holds these answers, each once, as it was given, by this person."""
    known = annotators.by_name(study, person)
    rows = judgments.live(study, annotator_id=known.id) if known else []
    stored = {}
    for row in rows:
        comparison = comparison_rows.get(study, row.comparison_id)
        number = number_of(prompt_rows.get(study, comparison.prompt_id).messages[-1]["content"])
        assert number not in stored, f"question {number} was answered twice"
        assert row.ranks is not None and row.shown is not None
        left = row.ranks[row.shown[0]] < row.ranks[row.shown[1]]
        assert left == bool(number % 2), f"question {number} was answered otherwise"
        assert len(judgments.history(study, row.comparison_id)) == 1, f"question {number} was sent as two answers"
        stored[number] = row
    assert sorted(stored) == sorted(numbers)
    assert len({row.key for row in rows}) == len(rows)


class Restartable:
    """A server that can be stopped and started again at the same port, with the same token."""

    def __init__(self, study: Database) -> None:
        self.study = study
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.app: Any = None
        self.start()

    def start(self) -> None:
        from ui.web.app import create_app

        self.app = app = create_app(self.study, port=self.port, token="the-token-of-the-test")
        self.address = app.state.access.address
        listening = socket.create_server(("127.0.0.1", self.port))
        config = uvicorn.Config(app, log_level="warning", ws="none", timeout_graceful_shutdown=1)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [listening]}, daemon=True)
        self.thread.start()
        deadline = time.monotonic() + 20
        while not self.server.started and time.monotonic() < deadline:
            time.sleep(0.02)

    def log_in(self, page, name: str) -> None:
        """Make `name` the one who is logged in in this browser."""
        person = annotators.by_name(self.study, name)
        assert person is not None
        token = sessions.begin(self.study, person.id, seconds=3600)
        page.context.clear_cookies()
        page.context.add_cookies(
            [{"name": self.app.state.access.cookie_name, "value": token, "url": f"http://127.0.0.1:{self.port}"}]
        )

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(10)


@pytest.fixture
def restartable(study: Database) -> Iterator[Restartable]:
    """A server of the study that can be restarted."""
    server = Restartable(study)
    yield server
    server.stop()


def test_a_network_lost_in_the_middle_of_fifty_judgments(study: Database, served: Callable, page):
    studies.change_settings(study, repeat_share=0.0)
    fill(study, 44)
    open_compare(page, served(study))
    given = [answer(page) for _ in range(20)]
    delivered(page)
    page.context.set_offline(True)
    offline = answer_until_none_is_left(page)
    assert 1 <= len(offline) <= 12, "what was fetched ahead can be judged without a network"
    assert page.evaluate(KEPT) == len(offline)
    page.wait_for_selector(".tm-failed:visible")
    assert "no connection" in page.locator(".tm-failed:visible").inner_text()
    page.context.set_offline(False)
    page.wait_for_selector(PROMPT)
    delivered(page)
    page.wait_for_selector(".tm-failed", state="hidden")
    given += offline
    while len(given) < 50:
        given.append(answer(page))
    delivered(page)
    require_stored(study, given)


def test_replies_that_are_lost_double_nothing(study: Database, served: Callable, page):
    """The server commits, the reply never comes: the same answer is sent again under the same key."""
    open_compare(page, served(study))
    lost = []

    def lose(route) -> None:
        route.fetch()
        lost.append(route.request.post_data_json["key"])
        route.abort()

    page.route("**/api/judgments", lose)
    given = [answer(page)]
    page.wait_for_function(f"{KEPT} === 1")
    page.wait_for_selector(".tm-failed:visible")
    page.unroute("**/api/judgments")
    page.get_by_role("button", name="Try now").click()
    delivered(page)
    assert len(lost) >= 1
    require_stored(study, given)


def test_a_server_that_is_restarted(study: Database, restartable: Restartable, page):
    open_compare(page, restartable.address)
    given = [answer(page)]
    delivered(page)
    restartable.stop()
    given += answer_until_none_is_left(page, most=2)
    assert page.evaluate(KEPT) == 2
    restartable.start()
    page.wait_for_selector("text=This page is locked")
    assert page.evaluate(KEPT) == 2, "the answers wait for their owner"
    require_stored(study, given[:1])
    open_compare(page, restartable.address)
    delivered(page)
    require_stored(study, given)
    given.append(answer(page))
    delivered(page)
    require_stored(study, given)


def test_a_tab_that_is_killed_with_answers_on_their_way(study: Database, served: Callable, page):
    address = served(study)
    open_compare(page, address)
    page.context.set_offline(True)
    given = answer_until_none_is_left(page, most=3)
    context = page.context
    page.close()
    require_stored(study, [])
    context.set_offline(False)
    again = context.new_page()
    again.goto(address)
    delivered(again)
    require_stored(study, given)
    again.wait_for_selector(PROMPT)
    assert number_shown(again) not in given, "what was answered is not asked again"


def test_two_tabs_of_one_person(study: Database, served: Callable, page):
    fill(study, 6)
    address = served(study)
    open_compare(page, address)
    other = page.context.new_page()
    open_compare(other, address)
    assert number_shown(page) == number_shown(other), "both were handed the same pair"
    given = []
    for _ in range(4):
        given.append(answer(page))
        other.wait_for_function(
            f"document.querySelector('.tm-prompt-now').textContent.indexOf('Question {given[-1]}:') < 0"
        )
        given.append(answer(other))
        page.wait_for_function(
            f"document.querySelector('.tm-prompt-now').textContent.indexOf('Question {given[-1]}:') < 0"
        )
    page.context.set_offline(True)
    given += [answer(page), answer(other)]
    page.context.set_offline(False)
    delivered(page)
    require_stored(study, given)


def test_an_answer_after_the_lease_was_lost_is_kept_and_said_to_be_late(
    study: Database, served: Callable, page, monkeypatch: pytest.MonkeyPatch
):
    open_compare(page, served(study))
    page.context.set_offline(True)
    given = answer_until_none_is_left(page, most=1)
    other = annotators.ensure(study, "other").id
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: clock.after(now, 7200))
    batch = questions.next_questions(study, other, limit=10)
    assert len(batch.questions) == 6, "all leases are over: somebody else holds the pairs now"
    page.context.set_offline(False)
    delivered(page)
    require_stored(study, given)
    [row] = judgments.live(study)
    assert row.late
    page.wait_for_selector(".tm-status:has-text('late')")


def test_another_person_at_the_same_computer_with_a_full_outbox(study: Database, page):
    for name in ("ann", "bob"):
        accounts.create(study, annotators.ensure(study, name).id, "annotator", by="test")
    server = Restartable(study)
    try:
        server.log_in(page, "ann")
        open_compare(page, f"http://127.0.0.1:{server.port}/")
        page.context.set_offline(True)
        hers = answer_until_none_is_left(page, most=2)
        server.log_in(page, "bob")
        page.context.set_offline(False)
        page.wait_for_selector("text=/somebody else|someone else|another person/i")
        require_stored(study, [], "ann")
        require_stored(study, [], "bob")
        his_page = page.context.new_page()
        open_compare(his_page, f"http://127.0.0.1:{server.port}/")
        his = [answer(his_page)]
        his_page.wait_for_function(f"{KEPT} === 2")
        require_stored(study, his, "bob")
        require_stored(study, [], "ann")
        server.log_in(page, "ann")
        page.goto(f"http://127.0.0.1:{server.port}/")
        delivered(page)
        require_stored(study, hers, "ann")
        require_stored(study, his, "bob")
    finally:
        server.stop()
