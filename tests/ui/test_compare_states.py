"""What the compare page says where there is no question, or the person is not let in: each state with a way on."""

from collections.abc import Callable
from typing import get_args

import pytest

import accounts_at_hand
from compare_pages import KEPT, delivered, log_in, open_compare, press_and_wait, prompt
from feedback_store import annotators, check_questions, information_texts, judgments
from feedback_store.accounts import Role
from feedback_store.database import Database
from feedback_store.questions import State
from rounds import studies

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("outside")]
NOTHING = {
    "questions": [],
    "progress": {"today": 3, "judged": 0, "ready": 0, "leased": 0, "quota": 5, "per_hour": 41.7},
    "asked": {
        "id": None,
        "question": "",
        "candidates": 2,
        "strength": True,
        "mode": "quick",
        "view": "raw",
        "criteria": [],
    },
    "guideline": None,
}


@pytest.fixture
def logged_in(study: Database, served: Callable, page) -> Callable[[str], str]:
    """Serve the study with accounts; the function makes this browser that of a role and gives the address."""
    people = accounts_at_hand.people(study)
    address = served(study)

    def as_role(role: Role) -> str:
        log_in(page, study, address, people[role])
        return address

    return as_role


def test_every_state_has_words_and_is_looked_after_by_itself(study: Database, served: Callable, page):
    address = served(study)
    page.route("**/api/questions*", lambda route: route.fulfill(json={"state": state[0], **NOTHING}))
    page.route("**/api/information*", lambda route: route.fulfill(json={"text": None}))
    state = ["none_yet"]
    page.goto(address)
    titles = set()
    for name in get_args(State):
        if name == "ready":
            continue
        state[0] = name
        page.reload()
        page.wait_for_selector(".tm-state:visible")
        page.wait_for_function("!document.querySelector('.tm-state-title').textContent.startsWith('Loading')")
        titles.add(page.locator(".tm-state > .tm-state-title").inner_text())
        assert len(page.locator(".tm-state > p").inner_text()) > 20
    assert len(titles) >= len(get_args(State)) - 2
    footer = page.locator(".tm-footer").inner_text()
    assert "3 of 5" in footer
    assert "42 an hour" in footer


def test_a_server_that_does_not_answer_and_a_page_that_is_locked(study: Database, served: Callable, page):
    address = served(study)
    page.goto(address)
    page.wait_for_selector(".tm-card:visible")
    page.route("**/api/questions*", lambda route: route.abort())
    page.reload()
    page.wait_for_selector("text=The server does not answer")
    page.unroute("**/api/questions*")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector(".tm-card:visible")
    page.context.clear_cookies()
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("text=This page is locked")
    assert page.evaluate(KEPT) == 1


def test_a_page_that_cannot_ask_who_is_there_begins_anew(study: Database, served: Callable, page):
    address = served(study)
    page.route("**/api/me", lambda route: route.abort())
    page.goto(address)
    page.wait_for_selector("text=The server does not answer")
    page.unroute("**/api/me")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector(".tm-card:visible")


def test_a_session_that_ended_keeps_the_answer_and_the_draft(study: Database, logged_in: Callable, page):
    open_compare(page, logged_in("annotator"))
    press_and_wait(page, "1")
    delivered(page)
    page.keyboard.press("n")
    page.keyboard.type("half a")
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    second = prompt(page)
    page.context.clear_cookies()
    page.keyboard.press("Enter")
    page.wait_for_selector("text=You are logged out")
    link = page.get_by_role("link", name="Log in again")
    assert link.get_attribute("href") == "/login?next=/"
    assert page.evaluate(KEPT) == 1
    link.click()
    page.locator("input[name=name]").fill("annotator")
    page.locator("input[name=password]").fill(accounts_at_hand.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector(".tm-card:visible")
    delivered(page)
    assert prompt(page) != second
    assert [row.rationale for row in judgments.live(study)] == [None, "half a"]


def test_what_one_person_began_is_not_shown_to_another(study: Database, logged_in: Callable, page):
    address = logged_in("annotator")
    open_compare(page, address)
    page.keyboard.press("n")
    page.keyboard.type("a secret")
    logged_in("lead")
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Somebody else is logged in now")
    page.wait_for_selector("text=This page belonged to annotator")
    assert judgments.live(study) == []
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector(".tm-card:visible")
    page.keyboard.press("n")
    assert page.locator("#tm-rationale").input_value() == ""


def test_a_text_to_agree_to_comes_before_the_first_question(study: Database, logged_in: Callable, page):
    information_texts.add(study, "What **this** study is about.")
    page.goto(logged_in("annotator"))
    page.wait_for_selector(".tm-information strong:has-text('this')")
    page.keyboard.press("1")
    page.get_by_role("button", name="I have read this and agree").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".tm-card:visible")


def test_in_training_the_expert_answers_beside_the_texts(study: Database, logged_in: Callable, page):
    for row in study.rows("SELECT id FROM comparisons ORDER BY id LIMIT 2"):
        check_questions.make(study, row["id"], [1, 2], by="test")
    studies.change_settings(study, qualification={"questions": 2, "pass_mark": 0.5})
    open_compare(page, logged_in("annotator"))
    person = annotators.by_name(study, "annotator")
    for key, words in (("right", "As the expert says"), ("wrong", "The expert says otherwise")):
        page.wait_for_selector("text=Practice: you will see what an expert said")
        good_first = page.locator(".tm-response").first.inner_text().startswith("Short")
        page.keyboard.press("1" if good_first == (key == "right") else "7")
        page.wait_for_selector(f".tm-feedback:has-text('{words}')")
        side = "1" if good_first else "2"
        assert f"The expert said: Response {side} is better" in page.locator(".tm-feedback").inner_text()
        assert page.locator(".tm-response").first.is_visible()
        assert page.locator(".tm-decide").is_hidden()
        page.keyboard.press("1")
        page.keyboard.press("Enter")
        page.wait_for_selector(".tm-feedback", state="hidden")
    page.wait_for_selector(".tm-decide:visible")
    page.wait_for_selector(".tm-training", state="hidden")
    assert len(judgments.live(study, annotator_id=person.id)) == 2


def test_a_question_that_somebody_else_has_by_now_says_so_and_keeps_what_was_entered(
    study: Database, served: Callable, page
):
    page.route("**/api/renew", lambda route: route.fulfill(json={"expires_at": None}))
    studies.change_settings(study, lease_seconds=10.0)
    page.clock.install()
    open_compare(page, served(study))
    page.keyboard.press("n")
    page.keyboard.type("my reason")
    page.clock.run_for(25_000)
    page.wait_for_selector("text=somebody else has it now")
    assert page.locator("#tm-rationale").input_value() == "my reason"


def test_what_the_server_does_not_take_is_told_with_the_reason(study: Database, served: Callable, page):
    open_compare(page, served(study))
    first = prompt(page)
    with study.transaction():
        study.execute("DELETE FROM assignments")
    page.route("**/api/questions*", lambda route: route.abort())
    page.keyboard.press("1")
    page.wait_for_selector(".tm-not-accepted:has-text('never handed out')")
    assert page.locator(".tm-status").get_attribute("data-mood") == "warn"
    page.reload()
    page.wait_for_selector(".tm-not-accepted:has-text('never handed out')")
    page.unroute("**/api/questions*")
    page.wait_for_selector(".tm-card:visible")
    assert prompt(page) == first
    page.get_by_role("button", name="Send again").click()
    page.wait_for_selector(".tm-not-accepted", state="hidden")
    delivered(page)
    assert len(judgments.live(study)) == 1
