"""The compare page in a browser, two responses in quick mode: keyboard, touch, narrow screens, two languages."""

import re
from collections.abc import Callable

import pytest

from compare_pages import as_seen, delivered, left_is_good, open_compare, press_and_wait, prompt, wait_for_another
from feedback_store import comparisons, flags, guidelines, judgments
from feedback_store.database import Database
from rounds import studies
from web_studies import GOOD, HOSTILE, LONG, fill

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("outside")]
LONG_WORD = "unbreakable" * 60


def test_every_step_of_the_bar_by_keyboard_alone(study: Database, served: Callable, page):
    fill(study, 8)
    open_compare(page, served(study))
    assert page.title() == "Compare · Tastemaker"
    assert "token" not in page.url
    first, tie, second = [1, 2], [1, 1], [2, 1]
    steps = {
        "1": (first, 3), "2": (first, 2), "3": (first, 1), "4": (tie, None), "5": (second, 1), "6": (second, 2),
        "7": (second, 3), "ArrowLeft": (first, 2), "ArrowDown": (tie, None), "ArrowRight": (second, 2),
        "Numpad1": (first, 3), "b": (tie, None),
    }  # fmt: skip
    for key in steps:
        press_and_wait(page, key)
    delivered(page)
    page.wait_for_function("document.querySelector('.tm-status').textContent === 'Saved'")
    rows = judgments.live(study)
    assert list(zip(as_seen(study), [row.strength for row in rows], strict=True)) == list(steps.values())
    assert [row.both_bad for row in rows] == [False] * 11 + [True]
    assert {row.input_device for row in rows} == {"keyboard"}
    assert all(row.milliseconds is not None and row.milliseconds < 60_000 for row in rows)
    assert [(row.signals or {})["place"] for row in rows] == list(range(1, 13))
    page.wait_for_function("document.querySelector('.tm-footer dd').textContent === '12'")
    for number, reason in enumerate(("broken", "other")):
        press_and_wait(page, "s", "36"[number])
        delivered(page)
        assert judgments.live(study)[-1].skipped == reason
    page.wait_for_selector("text=All pairs are judged")
    page.keyboard.press("z")
    page.wait_for_selector(".tm-card:visible")
    assert len(judgments.live(study)) == 13


def test_without_strength_there_are_three_steps(study: Database, served: Callable, page):
    studies.change_settings(study, asked={"strength": False})
    open_compare(page, served(study))
    assert page.locator(".tm-steps [role=radio]").count() == 3
    for key in ("1", "2", "3", "ArrowLeft", "ArrowRight", "ArrowDown"):
        press_and_wait(page, key)
    delivered(page)
    assert as_seen(study) == [[1, 2], [2, 1], [1, 1]] * 2
    assert {row.strength for row in judgments.live(study)} == {None}


def test_the_reasons_open_and_close_without_an_answer(study: Database, served: Callable, page):
    open_compare(page, served(study))
    page.keyboard.press("s")
    page.wait_for_selector(".tm-reasons:visible")
    assert page.evaluate("document.activeElement.className") == "tm-reason"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("9")
    page.keyboard.press("Escape")
    page.wait_for_selector(".tm-reasons", state="hidden")
    assert page.evaluate("document.querySelector('.tm-card').contains(document.activeElement)")
    assert judgments.live(study) == []


def test_undo_reopens_the_pair_and_the_new_answer_replaces_the_old(study: Database, served: Callable, page):
    open_compare(page, served(study))
    first, good_is_left = prompt(page), left_is_good(page)
    press_and_wait(page, "ArrowLeft")
    second = prompt(page)
    assert page.locator(".tm-last").inner_text() == "Response 1 is better"
    press_and_wait(page, "z")
    assert prompt(page) == first
    assert left_is_good(page) == good_is_left
    assert judgments.live(study) == []
    press_and_wait(page, "ArrowRight")
    assert prompt(page) == second, "the pair that undo interrupted comes next"
    delivered(page)
    assert as_seen(study) == [[2, 1]]
    press_and_wait(page, "Z")
    page.keyboard.press("z")
    page.wait_for_selector("text=There is no answer to take back.")


def test_what_was_written_comes_back_with_an_undo(study: Database, served: Callable, page):
    open_compare(page, served(study))
    first = prompt(page)
    page.keyboard.press("n")
    page.keyboard.type("a reason")
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    page.keyboard.press("e")
    page.keyboard.press("Control+End")
    page.keyboard.type(" Better.")
    page.keyboard.press("Escape")
    press_and_wait(page, "Enter")
    delivered(page)
    press_and_wait(page, "z")
    assert prompt(page) == first
    assert page.locator(".tm-bar [aria-checked=true]").count() == 0, "the decision is to be made anew"
    page.keyboard.press("n")
    assert page.locator("#tm-rationale").input_value() == "a reason"
    page.keyboard.press("Escape")
    page.keyboard.press("6")
    press_and_wait(page, "Enter")
    delivered(page)
    (row,) = judgments.live(study)
    assert (as_seen(study), row.strength, row.rationale) == ([[2, 1]], 2, "a reason")
    assert row.improved is not None
    assert row.improved["text"].endswith(" Better.")


def test_a_double_click_is_one_answer(study: Database, served: Callable, page):
    open_compare(page, served(study))
    for place in (".tm-answer-first_better", ".tm-reason"):
        if place == ".tm-reason":
            page.keyboard.press("s")
        before = prompt(page)
        page.locator(place).first.click()
        wait_for_another(page, before)
        if place == ".tm-reason":
            page.keyboard.press("s")
        page.locator(place).first.hover()
        page.mouse.down(click_count=2)
        page.mouse.up(click_count=2)
    page.keyboard.press("Escape")
    press_and_wait(page, "7")
    delivered(page)
    assert [(row.strength, row.skipped) for row in judgments.live(study)] == [(2, None), (None, "language"), (3, None)]


def test_any_of_the_last_answers_can_be_opened_again(study: Database, served: Callable, page):
    open_compare(page, served(study))
    first = prompt(page)
    press_and_wait(page, "1")
    press_and_wait(page, "s", "2")
    third = prompt(page)
    delivered(page)
    page.keyboard.press("l")
    rows = page.locator(".tm-answer-row")
    rows.nth(1).wait_for()
    assert "Can't judge: It needs knowledge that I lack" in rows.nth(0).inner_text()
    assert "Response 1 is much better" in rows.nth(1).inner_text()
    assert page.evaluate("document.activeElement.className") == "tm-answer-row"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    wait_for_another(page, third)
    assert prompt(page) == first
    assert page.get_by_role("radio", name="Response 1 is much better").get_attribute("aria-checked") == "true"
    page.keyboard.press("Escape")
    wait_for_another(page, first)
    assert prompt(page) == third, "kept as it was"
    page.keyboard.press("l")
    rows.nth(1).click()
    wait_for_another(page, third)
    page.wait_for_selector("text=What you submit now replaces that answer")
    press_and_wait(page, "7")
    assert prompt(page) == third
    delivered(page)
    changed = next(row for row in judgments.live(study) if row.ranks is not None)
    assert changed.strength == 3
    assert [1, 2] not in as_seen(study)
    assert len(judgments.history(study, changed.comparison_id)) == 2, "both versions are kept"


def test_a_flag_with_a_note_that_survives_a_reload(study: Database, served: Callable, page):
    open_compare(page, served(study))
    page.keyboard.press("f")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("text=Write a few words")
    page.keyboard.type("1 names its maker")
    page.keyboard.press("Escape")
    page.reload()
    page.wait_for_selector(".tm-card:visible")
    shown = page.locator(".tm-response").nth(1).inner_text()
    page.keyboard.press("f")
    assert page.locator("#tm-flag-note").input_value() == "1 names its maker"
    page.locator("#tm-flag-about").select_option("Response 2")
    page.keyboard.press("Tab")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("text=Flagged. You can still answer the question.")
    (flag,) = flags.current(study)
    assert flag.note == "1 names its maker"
    candidates = comparisons.get(study, flag.comparison_id).completion_ids
    assert candidates.index(flag.completion_id) == (0 if shown == GOOD else 1)
    assert judgments.live(study) == [], "what was typed was no answer"
    page.keyboard.press("f")
    assert page.locator("#tm-flag-note").input_value() == ""


def test_guidelines_are_one_key_away_and_their_version_goes_with_the_answer(study: Database, served: Callable, page):
    old = guidelines.add(study, "Judge by **honesty**.")
    open_compare(page, served(study))
    page.wait_for_selector(".tm-news:has-text('new')")
    page.keyboard.press("g")
    page.wait_for_selector("dialog[open] strong:has-text('honesty')")
    page.keyboard.press("g")
    page.wait_for_selector("dialog[open]", state="detached")
    page.wait_for_selector(".tm-news", state="hidden")
    press_and_wait(page, "1")
    delivered(page)
    new = guidelines.add(study, "Judge by length.")
    press_and_wait(page, "2")
    page.wait_for_selector(".tm-news:has-text('changed')")
    page.keyboard.press("g")
    page.wait_for_selector("text=Changed since you read them last.")
    page.keyboard.press("Escape")
    press_and_wait(page, "3")
    delivered(page)
    first, *_, last = [row.guideline_id for row in judgments.live(study)]
    assert (first, last) == (old.id, new.id)


def test_a_pause_covers_the_texts(study: Database, served: Callable, page):
    open_compare(page, served(study))
    page.keyboard.press("p")
    page.wait_for_selector("dialog[open]:has-text('Paused')")
    page.keyboard.press("1")
    page.keyboard.press("b")
    page.keyboard.press("p")
    page.wait_for_selector("dialog[open]", state="hidden")
    assert judgments.live(study) == []
    press_and_wait(page, "1")
    delivered(page)
    assert len(judgments.live(study)) == 1


def test_rendered_raw_and_differences(study: Database, served: Callable, page):
    fill(study, 1, ("**Bold** and short.", "*Bold* and long."), question="which?")
    open_compare(page, served(study))
    for _ in range(6):
        press_and_wait(page, "ArrowDown")
    assert "**Bold**" in " ".join(page.locator(".tm-response").all_inner_texts())
    page.keyboard.press("m")
    assert page.locator("mark.tm-only").count() > 0
    page.keyboard.press("m")
    assert page.locator(".tm-response strong").inner_text() == "Bold"
    page.get_by_role("radio", name="Rendered").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("radio", name="Raw").get_attribute("aria-checked") == "true"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("1")
    page.wait_for_selector(".tm-state:visible")
    delivered(page)
    row = judgments.live(study)[-1]
    assert row.view == "rendered"
    assert (row.signals or {})["views"] == ["raw", "diff", "rendered", "raw", "rendered"]
    assert len(judgments.live(study)) == 7, "arrows among the views are no answers"


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
    page.evaluate("document.querySelector('.tm-main > input').remove()")
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open] .tm-key-table")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open]", state="detached")
    with page.expect_response("**/api/judgments") as saved:
        page.keyboard.press("1")
    assert saved.value.ok
    assert len(judgments.live(study)) == 1, "the first key that was meant for the page"


def test_enter_presses_the_button_that_has_the_focus(study: Database, served: Callable, page):
    open_compare(page, served(study))
    first = prompt(page)
    press_and_wait(page, "1")
    page.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("first => document.querySelector('.tm-prompt-now').textContent === first", arg=first)
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


@pytest.mark.parametrize("width", [320, 390, 768, 1000])
def test_narrow_screens_scroll_in_one_direction_only(study: Database, served: Callable, page, width: int):
    fill(study, 1, (LONG_WORD, LONG_WORD), question=LONG_WORD)
    page.set_viewport_size({"width": width, "height": 640})
    open_compare(page, served(study))
    for key in ("s", "Escape", "n", "Escape", "e", "Escape"):
        page.keyboard.press(key)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, key
    press_and_wait(page, "4", "Enter")
    for _ in range(5):
        box = page.locator(".tm-answer-first_much").bounding_box()
        assert box["y"] + box["height"] <= 640, "the answers stay on the screen"
        press_and_wait(page, "ArrowLeft")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_touch(study: Database, served: Callable, browser):
    context = browser.new_context(viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True)
    page = context.new_page()
    open_compare(page, served(study))
    for button in page.locator(".tm button:visible, .tm a:visible, .tm select:visible").all():
        box = button.bounding_box()
        assert min(box["height"], box["width"]) >= 44, button.inner_text()
    before = prompt(page)
    page.get_by_role("radio", name="Response 2 is slightly better").tap()
    wait_for_another(page, before)
    before = prompt(page)
    page.get_by_role("button", name="Can't judge").tap()
    page.get_by_role("button", name="It is not safe to read").tap()
    wait_for_another(page, before)
    delivered(page)
    first, second = judgments.live(study)
    assert (first.input_device, first.strength, as_seen(study)[0]) == ("pointer", 1, [2, 1])
    assert (second.input_device, second.skipped) == ("pointer", "unsafe")
    context.close()


def test_the_page_speaks_chinese_and_english(study: Database, served: Callable, browser):
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    open_compare(page, served(study))
    assert page.locator(".tm-question").inner_text() == "哪个回答更好？"
    assert page.evaluate("document.documentElement.lang") == "zh"
    for key in ("n", "Escape", "s", "Escape"):
        page.keyboard.press(key)
        visible = page.locator(".tm-main").inner_text().replace(GOOD, "").replace(LONG, "")
        english = set(re.findall(r"[A-Za-z]{3,}", visible)) - {"Question", "what", "best", "Esc", "Ctrl", "Enter"}
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


def test_the_focus_is_never_lost(study: Database, served: Callable, page):
    open_compare(page, served(study))
    focused = "document.activeElement !== document.body && document.activeElement.getClientRects().length > 0"
    for keys in (("1",), ("s", "Escape"), ("n", "Escape"), ("e", "Escape"), ("f", "Escape"), ("p", "p"), ("l", "l")):
        for key in keys:
            page.keyboard.press(key)
            page.wait_for_function(focused)
    page.get_by_role("radio", name="Response 1 is better").click()
    page.keyboard.press("Enter")
    page.wait_for_function(focused)
    for _ in range(4):
        page.keyboard.press("1")
        page.wait_for_function(focused)


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
