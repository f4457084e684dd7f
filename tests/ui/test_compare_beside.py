"""What is asked beside the decision, in a browser: criteria, rationale, improved text, confirm mode, drafts, boards."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compare_pages import as_seen, delivered, open_compare, press_and_wait, prompt, wait_for_another
from feedback_store import criteria, judgments
from feedback_store.database import Database
from rounds import studies
from web_studies import GOOD, LONG, fill

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("outside")]
ALL = {"criteria": "required", "rationale": "required", "improve": "required", "mode": "confirm"}
FOUR = ("apple", "bread", "cheese", "dates")


@pytest.fixture
def board(tmp_path: Path) -> Any:
    """A study of two questions with four responses each."""
    with studies.open_or_create(
        tmp_path / "board", base="tiny:", create=True, refill=False, repeat_share=0.0, overlap_share=0.0
    ) as db:
        fill(db, 2, FOUR, question="which is best?")
        yield db


def ask_for_all(study: Database) -> None:
    criteria.add(study, "honest", "Which one is more honest?", position=0)
    criteria.add(study, "brief", "Which one is briefer?", position=1)
    studies.change_settings(study, asked=ALL)


def question(page) -> str:
    return page.locator(".tm-question").inner_text()


def test_all_that_can_be_required_by_keyboard_alone(study: Database, served: Callable, page):
    ask_for_all(study)
    open_compare(page, served(study))
    first = prompt(page)
    page.keyboard.press("Enter")
    page.wait_for_selector("text=First say which response is better.")
    page.keyboard.press("1")
    page.keyboard.press("7")
    assert page.locator(".tm-so-far").inner_text() == "Response 2 is much better"
    page.keyboard.press("Enter")
    assert question(page) == "Which one is more honest?"
    page.keyboard.press("b")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    assert question(page) == "Which one is briefer?"
    page.keyboard.press("Enter")
    page.keyboard.type("I like 2 z")
    page.keyboard.press("Control+Enter")
    assert page.locator("#tm-improve").input_value() == page.locator(".tm-response").nth(1).inner_text()
    page.keyboard.press("Control+Enter")
    page.wait_for_function("document.querySelector('.tm-question').textContent === 'Which one is briefer?'")
    page.keyboard.press("4")
    page.keyboard.press("Enter")
    page.wait_for_selector("#tm-improve:visible")
    page.keyboard.press("Control+End")
    page.keyboard.type(" Better.")
    assert judgments.live(study) == []
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    wait_for_another(page, first)
    delivered(page)
    (row,) = judgments.live(study)
    assert (as_seen(study), row.strength, row.rationale) == ([[2, 1]], 3, "I like 2 z")
    said = {
        name: ([each["ranks"][place] for place in row.shown], each["strength"]) for name, each in row.criteria.items()
    }
    assert said == {"honest": ([1, 2], 2), "brief": ([1, 1], None)}
    assert row.improved["position"] == row.shown[1]
    assert row.improved["text"] in (GOOD + " Better.", LONG + " Better.")
    assert (row.signals or {})["revisions"] == 1
    page.keyboard.press("s")
    press_and_wait(page, "1", "Enter")
    delivered(page)
    assert judgments.live(study)[-1].skipped == "language", "who cannot judge has nothing to explain"


def test_on_a_narrow_screen_the_step_that_one_comes_to_is_in_view(study: Database, served: Callable, page):
    ask_for_all(study)
    page.set_viewport_size({"width": 320, "height": 640})
    open_compare(page, served(study))
    page.keyboard.press("1")
    for key in ("e", "Escape", "n", "Escape", "c", "Enter"):
        page.keyboard.press(key)
        if key != "Escape":
            box = page.locator(".tm-trail-step[aria-current=step]").bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= 320, key


def test_in_quick_mode_a_reason_can_be_given_and_then_enter_submits(study: Database, served: Callable, page):
    open_compare(page, served(study))
    page.keyboard.press("n")
    page.keyboard.type("because it is")
    page.keyboard.press("Escape")
    page.keyboard.press("3")
    assert judgments.live(study) == []
    press_and_wait(page, "Enter")
    press_and_wait(page, "3")
    delivered(page)
    assert [row.rationale for row in judgments.live(study)] == ["because it is", None]


def test_what_is_off_is_not_offered(study: Database, served: Callable, page):
    studies.change_settings(study, asked={"rationale": "off", "improve": "off"})
    open_compare(page, served(study))
    page.keyboard.press("n")
    page.keyboard.press("e")
    assert page.locator(".tm-writing:visible").count() == 0
    assert page.get_by_role("button", name="Reason").count() == 0


def test_drafts_survive_a_reload_each_with_its_question(study: Database, served: Callable, page):
    ask_for_all(study)
    address = served(study)
    open_compare(page, address)
    page.keyboard.press("3")
    page.keyboard.press("Enter")
    page.keyboard.press("2")
    page.keyboard.press("n")
    page.keyboard.type("half a reason")
    page.keyboard.press("e")
    page.reload()
    page.wait_for_selector(".tm-card:visible")
    assert page.locator("#tm-rationale").input_value() == "half a reasone"
    assert page.locator(".tm-so-far").inner_text() == "Response 1 is slightly better"
    assert page.locator(".tm-trail-step:has-text('honest') .tm-trail-mark").inner_text() == "✓"
    page.get_by_role("button", name="Can't judge").wait_for(state="hidden")
    page.get_by_role("button", name="Decision").click()
    press_and_wait(page, "s", "1", "Enter")
    page.keyboard.press("n")
    assert page.locator("#tm-rationale").input_value() == "", "the next question has a draft of its own"


def test_where_what_is_asked_changed_the_question_comes_anew_with_what_was_said(
    study: Database, served: Callable, page
):
    open_compare(page, served(study))
    first = prompt(page)
    page.keyboard.press("n")
    page.keyboard.type("my reason")
    page.keyboard.press("Escape")
    page.keyboard.press("6")
    studies.change_settings(study, asked={"question": "Which one is kinder?"})
    with study.transaction():  # as if it had been handed out once more since
        study.execute("UPDATE assignments SET asked_id = (SELECT MAX(id) FROM study_settings) WHERE id = 1")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=What is asked has changed since this question was shown")
    while prompt(page) != first:  # the page may have gone on before the server's answer came: it comes again soon
        press_and_wait(page, "1")
    page.wait_for_function("document.querySelector('.tm-question').textContent === 'Which one is kinder?'")
    assert page.locator(".tm-so-far").inner_text() == "Response 2 is better"
    assert page.locator(".tm-not-accepted:visible").count() == 0
    press_and_wait(page, "Enter")
    delivered(page)
    assert [row.strength for row in judgments.live(study) if row.rationale == "my reason"] == [2]


def test_a_board_by_keyboard(board: Database, served: Callable, page):
    open_compare(page, served(board))
    assert page.locator(".tm-response").count() == 4
    page.keyboard.press("Enter")
    page.wait_for_selector("text=First rank every response")
    for key in ("3", "1", "Backspace", "=", "2", "1", "4", "="):
        page.keyboard.press(key)
    assert page.locator(".tm-rank").all_inner_texts() == ["Rank 2", "Rank 1", "Rank 1", "Rank 2"]
    page.reload()
    page.wait_for_selector(".tm-card:visible")
    assert page.locator(".tm-rank").all_inner_texts() == ["Rank 2", "Rank 1", "Rank 1", "Rank 2"], (
        "a draft of it is kept"
    )
    page.keyboard.press("b")
    assert page.locator(".tm-so-far").inner_text() == "All are bad"
    page.keyboard.press("b")
    for key in ("4", "3", "2", "1"):
        page.keyboard.press(key)
    press_and_wait(page, "Enter")
    for key in ("1", "2", "3", "b"):
        page.keyboard.press(key)
    press_and_wait(page, "Enter")
    page.wait_for_selector("text=All pairs are judged")
    delivered(page)
    first, second = judgments.live(board)
    assert as_seen(board) == [[4, 3, 2, 1], [1, 1, 1, 1]]
    assert ((first.signals or {})["order"][-4:], second.both_bad) == ([3, 2, 1, 0], True)


def test_a_board_by_mouse(board: Database, served: Callable, page):
    open_compare(page, served(board))
    for number in (2, 4, 1, 3):
        page.locator(f".tm-rank-chip[data-place='{number - 1}']").click()
    chips = page.locator(".tm-ranked .tm-rank-chip")
    assert [chip.get_attribute("data-place") for chip in chips.all()] == ["1", "3", "0", "2"]
    chips.nth(3).drag_to(chips.nth(0), target_position={"x": 4, "y": 10})
    assert [chip.get_attribute("data-place") for chip in chips.all()] == ["2", "1", "3", "0"]
    page.locator(".tm-tie").nth(1).click()
    press_and_wait(page, "Enter")
    delivered(page)
    assert as_seen(board) == [[3, 2, 1, 2]]
    assert judgments.live(board)[0].input_device == "pointer"


def test_a_board_by_touch(board: Database, served: Callable, browser):
    context = browser.new_context(viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True)
    page = context.new_page()
    open_compare(page, served(board))
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    before = prompt(page)
    for number in (4, 2, 1, 3):
        page.locator(f".tm-rank-chip[data-place='{number - 1}']").tap()
    for button in page.locator(".tm-board button:visible").all():
        assert button.bounding_box()["height"] >= 44
    drag_by_finger(page, ".tm-rank-chip[data-place='2']", ".tm-rank-chip[data-place='3']")
    chips = page.locator(".tm-ranked .tm-rank-chip")
    assert [chip.get_attribute("data-place") for chip in chips.all()] == ["2", "3", "1", "0"]
    page.get_by_role("button", name="Submit").tap()
    wait_for_another(page, before)
    delivered(page)
    assert as_seen(board) == [[4, 3, 1, 2]]
    context.close()


def drag_by_finger(page, chip: str, before: str) -> None:
    """Touch a chip and let it go over the left part of another."""
    session = page.context.new_cdp_session(page)
    start, end = page.locator(chip).bounding_box(), page.locator(before).bounding_box()
    stop = (end["x"] + 4, end["y"] + 20)
    points = [(start["x"] + 20, start["y"] + 20), (start["x"] + 10, start["y"] + 10), stop, stop]
    began = time.time()
    for number, (x, y) in enumerate(points):  # it rests at the end: the browser takes a tap after a fling for its stop
        touch = {"type": "touchMove" if number else "touchStart", "touchPoints": [{"x": x, "y": y}]}
        session.send("Input.dispatchTouchEvent", {**touch, "timestamp": began + 0.3 * number})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": [], "timestamp": began + 1.2})
