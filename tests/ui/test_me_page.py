"""The page of one's own in a browser: by the keyboard, narrow, in Chinese; leaving and coming back."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

import accounts_at_hand
from accounts_at_hand import PASSWORD
from compare_pages import enter
from feedback_store import annotators, consents, information_texts, sessions
from feedback_store.database import Database
from web_studies import HOSTILE, judge_all

expect.set_options(timeout=20_000)  # a loaded machine takes its time
pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("outside")]


@pytest.fixture
def people(study: Database) -> dict:
    return accounts_at_hand.people(study)


def log_in(page, address: str, name: str = "annotator") -> None:
    """Log in by the form and open the page of one's own."""
    page.goto(f"{address}login?next=/me")
    page.locator("input[name=name]").fill(name)
    page.locator("input[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=re.compile("My work|我的工作"))).to_be_visible()


def press(page, name: str) -> None:
    """Reach a button by the keyboard alone and press it."""
    button = page.get_by_role("button", name=name, exact=True)
    for _ in range(60):
        page.keyboard.press("Tab")
        if button.evaluate("node => node === document.activeElement"):
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"The keyboard does not reach {name!r}")


def test_my_work_is_there_and_can_be_taken_away(study: Database, people: dict, served: Callable, page):
    judge_all(study, "annotator")
    judge_all(study, "lead")
    log_in(page, served(study))
    work = page.locator(".tm-me-work")
    assert work.locator("dd").first.inner_text() == "6"
    assert work.locator("tbody tr").count() == 1
    with page.expect_download() as started:
        press_link = work.get_by_role("link", name="Download as a table (CSV)")
        press_link.focus()
        page.keyboard.press("Enter")
    assert started.value.suggested_filename == "my-work.csv"
    assert started.value.path().read_text(encoding="utf-8-sig").startswith("day,judgments,skips,active_minutes\n")
    assert not re.search("check|accuracy", page.locator("#tm-main").inner_text())


def test_without_work_the_page_says_what_will_fill_it(study: Database, people: dict, served: Callable, page):
    log_in(page, served(study))
    expect(page.locator(".tm-me-work .tm-empty")).to_contain_text("You have not answered anything yet.")


def test_i_choose_my_languages_by_the_keyboard(study: Database, people: dict, served: Callable, page):
    study.execute("UPDATE prompts SET language = 'zh' WHERE id < 3")
    log_in(page, served(study))
    page.get_by_label("Chinese").focus()
    page.keyboard.press("Space")
    press(page, "Save languages")
    expect(page.locator(".tm-me-asked .tm-said")).to_have_text("Saved.")
    assert annotators.get(study, people["annotator"]).languages == ["zh"]


def test_leaving_says_first_what_it_means_and_then_what_became_of_it(
    study: Database, people: dict, served: Callable, page
):
    information_texts.add(study, f"# About\n\nYour answers train a model. {HOSTILE}")
    consents.give(study, people["annotator"], 1)
    judge_all(study, "annotator")
    log_in(page, served(study))
    expect(page.get_by_text("You agreed to version 1 of the information text on")).to_be_visible()
    press(page, "Withdraw from the study")
    dialog = page.get_by_role("dialog", name="Withdraw from this study?")
    expect(dialog).to_contain_text("is erased for good")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert annotators.get(study, people["annotator"]).paused_why is None
    assert page.evaluate("document.activeElement.textContent") == "Withdraw from the study"

    page.keyboard.press("Enter")
    press(page, "Withdraw")
    expect(page.get_by_text("You are asked nothing any more.")).to_be_visible()
    expect(page.get_by_text("Nothing had been trained with your answers.")).to_be_visible()
    assert annotators.get(study, people["annotator"]).paused_why == "withdrawn"

    press(page, "Take part again")
    again = page.get_by_role("dialog", name="Take part again?")
    expect(again).to_contain_text("Your answers train a model.")
    press(page, "I have read this and agree")
    expect(page.get_by_text("You agreed to version 1 of the information text on")).to_be_visible()
    assert annotators.get(study, people["annotator"]).paused_why is None
    assert page.evaluate("window.hacked") is None


def test_i_see_where_i_am_logged_in_and_log_out_elsewhere(study: Database, people: dict, served: Callable, page):
    elsewhere = accounts_at_hand.session(study, people["annotator"])
    log_in(page, served(study))
    rows = page.locator(".tm-me-sessions > li")
    expect(rows).to_have_count(2)
    press(page, "Log out everywhere else")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("this browser")
    assert sessions.current(study, elsewhere) is None
    press(page, "Log out")
    expect(page.locator("input[name=password]")).to_be_visible()
    assert sessions.open_of(study, people["annotator"]) == []


def test_i_change_my_password(study: Database, people: dict, served: Callable, page):
    log_in(page, served(study))
    old, new, twice = (
        page.get_by_label(label, exact=True)
        for label in ("Present password", "New password", "The same password again")
    )
    box = page.locator(".tm-me-password")
    for values, words in (
        (("wrong one", "another good one", "another good one"), "The present password is wrong."),
        ((PASSWORD, "another good one", "another bad one"), "The two passwords are not the same."),
        ((PASSWORD, "short", "short"), "The password is too short"),
    ):
        for field, value in zip((old, new, twice), values, strict=True):
            field.fill(value)
        page.keyboard.press("Enter")
        expect(box.locator(".tm-field-error:not(:empty)")).to_contain_text(words)
        assert page.evaluate("document.activeElement.getAttribute('aria-invalid')") == "true"
    for field, value in zip((old, new, twice), (PASSWORD, "another good one", "another good one"), strict=True):
        field.fill(value)
    page.keyboard.press("Enter")
    expect(box.get_by_role("status")).to_contain_text("Changed.")
    assert (old.input_value(), new.input_value()) == ("", "")


def test_a_server_that_fails_is_said_with_a_way_on(study: Database, people: dict, served: Callable, page):
    page.route("**/api/me/page", lambda route: route.fulfill(status=503, json={"error": "The disk is full."}))
    address = served(study)
    page.goto(f"{address}login?next=/me")
    page.locator("input[name=name]").fill("annotator")
    page.locator("input[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("This could not be loaded. The disk is full.")
    page.unroute("**/api/me/page")
    press(page, "Try again")
    expect(page.get_by_role("heading", name="My work")).to_be_visible()


def test_one_person_s_own_study_has_no_password_and_no_sessions(study: Database, served: Callable, page):
    address = served(study)
    enter(page, address)
    page.goto(address.split("/login")[0] + "/me")
    expect(page.get_by_text("This study has no accounts")).to_be_visible()
    for name in ("Password", "Where I am logged in"):
        expect(page.get_by_role("heading", name=name)).to_have_count(0)
    expect(page.get_by_role("button", name="Log out")).to_have_count(0)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_narrow_screens_never_scroll_to_the_side(study: Database, people: dict, served: Callable, page, language: str):
    information_texts.add(study, "x" * 2000)
    judge_all(study, "annotator")
    page.set_viewport_size({"width": 320, "height": 640})
    page.add_init_script(f"localStorage.setItem('tastemaker:language', '{language}')")
    log_in(page, served(study))
    expect(page.locator(".tm-me-sessions > li")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    if language == "zh":
        assert not re.search(r"\b(work|password|study|answers)\b", page.locator("#tm-main").inner_text())
    page.locator("[data-focus=read]").click()
    expect(page.locator("dialog .tm-information")).to_be_visible()
    assert page.evaluate("document.querySelector('dialog').scrollWidth <= innerWidth")
