"""The compare page in a browser: keyboard, touch, hostile text, narrow screens, two languages, lost connections."""

import re
from collections.abc import Callable

import pytest

from feedback_store import judgments
from feedback_store.database import Database
from web_studies import GOOD, HOSTILE, LONG, fill

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("outside")]
LONG_WORD = "unbreakable" * 60


def open_compare(page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector(".tm-card:visible")


def prompt(page) -> str:
    return page.locator(".tm-prompt-now").inner_text()


def left_is_good(page) -> bool:
    return page.locator(".tm-response").first.inner_text() == GOOD


def press_and_wait(page, key: str) -> None:
    before = prompt(page)
    page.keyboard.press(key)
    page.wait_for_function("before => document.querySelector('.tm-prompt-now').textContent !== before", arg=before)


def test_judging_by_keyboard_alone(study: Database, served: Callable, page):
    open_compare(page, served(study))
    assert page.title() == "Compare · Tastemaker"
    assert "token" not in page.url
    expected = []
    for keys in (("ArrowLeft", "ArrowRight"), ("1", "2"), ("Numpad1", "Numpad2")):
        good_is_left = left_is_good(page)
        expected.append([1, 2])
        press_and_wait(page, keys[0] if good_is_left else keys[1])
    page.wait_for_function("document.querySelector('.tm-status').textContent === 'Saved'")
    press_and_wait(page, "ArrowDown")
    press_and_wait(page, "b")
    rows = judgments.live(study)
    assert [row.ranks for row in rows] == [*expected, [1, 1], [1, 1]]
    assert [row.both_bad for row in rows] == [False, False, False, False, True]
    assert {row.input_device for row in rows} == {"keyboard"}
    assert all(row.milliseconds is not None and row.milliseconds < 60_000 for row in rows)
    page.wait_for_function("document.querySelector('.tm-footer dd').textContent === '5'")
    page.keyboard.press("s")
    page.keyboard.press("3")
    page.wait_for_selector("text=All pairs are judged")
    assert judgments.live(study)[-1].skipped == "broken"
    page.keyboard.press("z")
    page.wait_for_selector(".tm-card:visible")
    assert len(judgments.live(study)) == 5


def test_undo_reopens_the_pair_and_the_new_answer_replaces_the_old(study: Database, served: Callable, page):
    open_compare(page, served(study))
    first, good_is_left = prompt(page), left_is_good(page)
    press_and_wait(page, "ArrowLeft")
    second = prompt(page)
    press_and_wait(page, "z")
    assert prompt(page) == first
    assert left_is_good(page) == good_is_left
    assert judgments.live(study) == []
    press_and_wait(page, "ArrowRight")
    assert prompt(page) == second, "the pair that undo interrupted comes next"
    (row,) = judgments.live(study)
    assert row.ranks == ([2, 1] if good_is_left else [1, 2])
    press_and_wait(page, "Z")
    page.keyboard.press("z")
    page.wait_for_selector("text=There is no answer to take back.")


def test_a_reload_loses_and_doubles_nothing(study: Database, served: Callable, page):
    open_compare(page, served(study))
    press_and_wait(page, "ArrowLeft")
    press_and_wait(page, "ArrowLeft")
    shown = prompt(page)
    page.reload()
    page.wait_for_selector(".tm-card:visible")
    assert prompt(page) == shown
    page.wait_for_function("document.querySelector('.tm-footer dd').textContent === '2'")
    while page.locator(".tm-card:visible").count():
        page.keyboard.press("ArrowLeft")
        page.wait_for_timeout(80)
    assert len({row.comparison_id for row in judgments.live(study)}) == len(judgments.live(study)) == 6


def test_a_save_that_fails_keeps_the_answer_and_sends_it_again(study: Database, served: Callable, page):
    open_compare(page, served(study))
    first = prompt(page)
    sent: list[dict] = []

    def lose(route) -> None:
        sent.append(route.request.post_data_json)
        if len(sent) == 1:
            route.abort()
        else:
            route.continue_()

    page.route("**/api/judgments", lose)
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector(".tm-failed:visible")
    assert prompt(page) == first
    assert "no connection" in page.locator(".tm-failed").inner_text()
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("text=That key was not counted")
    page.get_by_role("button", name="Try now").click()
    page.wait_for_function("before => document.querySelector('.tm-prompt-now').textContent !== before", arg=first)
    assert sent[0] == sent[1]
    assert len(judgments.live(study)) == 1


def test_an_answer_that_was_saved_but_not_acknowledged_is_not_doubled(study: Database, served: Callable, page):
    open_compare(page, served(study))

    def lose_the_reply(route) -> None:
        route.fetch()
        route.abort()

    page.route("**/api/judgments", lose_the_reply)
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector(".tm-failed:visible")
    page.unroute("**/api/judgments")
    page.reload()
    page.wait_for_selector(".tm-card:visible")
    page.wait_for_function("document.querySelector('.tm-status').textContent === 'Saved'")
    assert len(judgments.live(study)) == 1


def test_keys_are_dead_where_they_are_meant_for_something_else(study: Database, served: Callable, page):
    open_compare(page, served(study))
    page.keyboard.press("Control+ArrowLeft")
    page.keyboard.press("Alt+ArrowRight")
    for how in ("repeat", "isComposing"):
        page.evaluate(
            "how => document.dispatchEvent(new KeyboardEvent('keydown', {code: 'Digit1', key: '1', [how]: true}))", how
        )
    page.locator(".tm-language").focus()
    page.keyboard.press("b")
    page.evaluate("document.querySelector('.tm-main').append(document.createElement('input'))")
    page.locator(".tm-main input").focus()
    page.keyboard.type("123zb")
    page.evaluate("document.querySelector('.tm-main input').remove()")
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("?")
    page.wait_for_function("!document.querySelector('dialog').open")
    page.wait_for_timeout(200)
    assert judgments.live(study) == []


def test_hostile_text_is_inert(study: Database, served: Callable, page):
    fill(study, 1, (HOSTILE, HOSTILE + LONG_WORD), question=HOSTILE)
    open_compare(page, served(study))
    for _ in range(6):
        press_and_wait(page, "ArrowDown")
    assert HOSTILE in prompt(page)
    assert page.locator(".tm-response").first.text_content().startswith(HOSTILE)
    assert page.evaluate("window.hacked") is None
    assert page.locator(".tm-card").locator("img, script, svg, a, iframe, style").count() == 0


@pytest.mark.parametrize("width", [320, 390, 768])
def test_narrow_screens_scroll_in_one_direction_only(study: Database, served: Callable, page, width: int):
    fill(study, 1, (LONG_WORD, LONG_WORD), question=LONG_WORD)
    page.set_viewport_size({"width": width, "height": 640})
    open_compare(page, served(study))
    for _ in range(6):
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        press_and_wait(page, "ArrowLeft")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if width <= 720:
        box = page.locator(".tm-answer").first.bounding_box()
        assert box["y"] + box["height"] <= 640, "the answers stay on the screen"


def test_touch(study: Database, served: Callable, browser):
    context = browser.new_context(viewport={"width": 390, "height": 780}, has_touch=True, is_mobile=True)
    page = context.new_page()
    open_compare(page, served(study))
    for button in page.locator(".tm-answer:visible, .tm-small:visible").all():
        assert button.bounding_box()["height"] >= 44
    before = prompt(page)
    page.get_by_role("radio", name="Response 2 is better").tap()
    page.wait_for_function("before => document.querySelector('.tm-prompt-now').textContent !== before", arg=before)
    assert judgments.live(study)[0].input_device == "pointer"
    context.close()


def test_the_page_speaks_chinese_and_english(study: Database, served: Callable, browser):
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    open_compare(page, served(study))
    assert page.locator(".tm-question").inner_text() == "哪个回答更好？"
    assert page.evaluate("document.documentElement.lang") == "zh"
    visible = page.locator(".tm-main").inner_text().replace(GOOD, "").replace(LONG, "")
    english = set(re.findall(r"[A-Za-z]{3,}", visible)) - {"Question", "what", "best"}
    assert english == set(), "everything of ours is translated"
    page.locator(".tm-language").select_option("en")
    page.wait_for_selector("text=Which response is better?")
    page.reload()
    page.wait_for_selector("text=Which response is better?")
    context.close()


def test_texts_have_their_own_direction(study: Database, served: Callable, page):
    fill(study, 1, ("مرحبا بالعالم", "שלום"), question="כיצד?")
    open_compare(page, served(study))
    for _ in range(6):
        press_and_wait(page, "ArrowDown")
    direction = "nodes => nodes.map(node => getComputedStyle(node).direction)"
    assert page.locator(".tm-response").evaluate_all(direction) == ["rtl", "rtl"]


def test_what_was_cut_off_is_marked(study: Database, served: Callable, page):
    open_compare(page, served(study))
    marks = [each.is_visible() for each in page.locator(".tm-cut-off").all()]
    assert marks == ([False, True] if left_is_good(page) else [True, False])


def test_states_have_words(study: Database, served: Callable, page):
    address = served(study)
    answers = {"progress": {"today": 0, "judged": 0, "ready": 0, "leased": 0}, "questions": []}
    page.route("**/api/questions*", lambda route: route.fulfill(json={"state": state[0], **answers}))
    page.goto(address)
    for name, words in (
        ("none_yet", "The next pairs are being written"),
        ("no_prompts", "There are no prompts yet"),
        ("not_written", "The next pairs could not be written"),
        ("others_hold", "Others have the rest"),
        ("closed", "This round is closed"),
        ("all_done", "All pairs are judged"),
        ("none_in_your_languages", "Nothing in your languages now"),
        ("no_match", "Nothing that matches you now"),
        ("quota_reached", "Your quota is reached"),
        ("paused", "You are paused"),
    ):
        state = [name]
        page.reload()
        page.wait_for_selector(f"text={words}")
    page.unroute("**/api/questions*")
    page.route("**/api/questions*", lambda route: route.abort())
    page.reload()
    page.wait_for_selector("text=The server does not answer")
    page.unroute("**/api/questions*")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector(".tm-card:visible")
    page.context.clear_cookies()
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("text=This page is locked")


def test_there_is_one_navigation(study: Database, served: Callable, page):
    page.add_init_script(
        "const seen = () => { if (document.querySelector('.nav-holder')?.offsetHeight) window.second = true; };"
        "new MutationObserver(seen).observe(document, {childList: true, subtree: true}); setInterval(seen, 5)"
    )
    open_compare(page, served(study))
    assert page.evaluate("window.second") is None, "Gradio's own shows up for a moment"


def test_the_way_to_the_console_and_back(study: Database, served: Callable, page):
    open_compare(page, served(study))
    page.get_by_role("link", name="Console").click()
    page.wait_for_selector(".tm-loop")
    page.get_by_role("link", name="Compare", exact=True).click()
    page.wait_for_selector(".tm-card:visible")
