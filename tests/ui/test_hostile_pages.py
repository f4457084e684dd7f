"""Hostile texts in every place of every page that shows what a model or a person wrote, in a real browser.

Each text of the corpus stands once in a prompt or a response that a person judges (`test_hostile_views` puts each into
every view); the other places hold many at once.
"""

import re
from collections.abc import Callable, Iterator
from itertools import permutations
from pathlib import Path

import pytest

import hostile_study
from compare_pages import log_in
from feedback_store import accounts, annotators, judgments
from feedback_store.database import Database
from hostile_texts import corpus, require_inert, watch
from rounds import studies

pytestmark = pytest.mark.browser
SHOWS_IT = [
    f"tm-tab-{name}"
    for name in (
        "people",
        "invitations",
        "flags",
        "held_back",
        "checks",
        "criteria",
        "audit",
        "completions",
        "judgments",
    )
]
# Figures are of a while ago and the page says so; another look asks for newer ones.
LOOK_AGAIN = """() => {
  if (document.querySelector("[data-focus^=pair-]")) return true;
  document.querySelector("#tm-tab-round").click();
  document.querySelector("#tm-tab-agreement").click();
  return false;
}"""


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Database]:
    """A study without anything to judge."""
    with studies.open_or_create(tmp_path / "bare", base="tiny:", create=True, refill=False, repeat_share=0.0) as db:
        yield db


def open_compare(page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector(".tm-card:visible")


def number_shown(page) -> str:
    return re.findall(r"Question (\d+):", page.locator(".tm-prompt-now").text_content())[0]


def judge(page, keys: list[str]) -> None:
    """Answer the question on the screen; waits for the next one, or for none."""
    shown = number_shown(page)
    for key in keys:
        page.keyboard.press(key)
    page.wait_for_function(
        "shown => { const now = document.querySelector('.tm-prompt-now');"
        " return !now.checkVisibility() || !now.textContent.includes(`Question ${shown}:`); }",
        arg=shown,
    )
    page.wait_for_selector(".tm-card:visible, .tm-state:visible")


def judge_all(page, seen: list[str], keys: list[str]) -> int:
    """Look at every question there is, in each view, and answer it by the keyboard; returns how many."""
    judged = 0
    while page.locator(".tm-card:visible").count():
        page.locator(".tm-earlier").evaluate("node => node.open = true")
        for _ in range(3):
            require_inert(page, seen, f"question {number_shown(page)}")
            page.keyboard.press("m")
        judge(page, keys)
        judged += 1
        if not page.locator(".tm-card:visible").count():
            page.wait_for_timeout(400)  # more may be on their way
    return judged


@pytest.mark.accept
def test_every_text_of_the_corpus_as_prompt_or_response(bare: Database, served: Callable, page):
    texts = [each.text for each in corpus(100_000)]
    assert len(texts) >= 100
    number = hostile_study.ask(bare, texts)
    seen = watch(page)
    open_compare(page, served(bare))
    assert judge_all(page, seen, ["ArrowDown"]) == number
    assert len(judgments.live(bare)) == number, "the page answered keys all the time"


def test_a_megabyte_as_prompt_and_response_does_not_freeze_the_page(bare: Database, served: Callable, page):
    large = [each.text for each in corpus() if len(each.text) > 100_000]
    assert len(large) == 3
    hostile_study.ask(bare, [*(text[:200_000] for text in large), *large[:2], "short", "short", "short", *large[1:]])
    seen = watch(page)
    open_compare(page, served(bare))
    assert judge_all(page, seen, ["ArrowDown"]) == 2


def test_every_page_and_every_tab_with_hostile_texts_in_all_places(bare: Database, served: Callable, page):
    hostile_study.fill_everything(bare)  # with invitations, so that everybody logs in
    hostile_study.ask(bare, [each.text for each in corpus(700)][40:50])
    person = annotators.ensure(bare, "local").id
    accounts.create(bare, person, "admin", by="test")
    seen = watch(page)
    address = served(bare)
    log_in(page, bare, address, person)
    for path in ("/console", "/runs", "/policies", "/data", "/people", "/settings", "/me", "/"):
        page.goto(address.rstrip("/") + path)
        page.wait_for_function("document.querySelector('.tm-main')?.childElementCount > 0")
        page.wait_for_load_state("networkidle")
        look_everywhere(page, seen, path)
        if path == "/people":
            look_at_a_divided_pair(page, seen)
    page.wait_for_selector(".tm-card:visible")
    judge(page, ["1"])
    for key in ("g", "l", "f", "?"):
        page.keyboard.press(key)
        page.wait_for_selector("dialog[open] >> nth=0")
        if key in "gl":  # these come by a request of their own
            page.wait_for_selector("dialog[open]:has-text('window.hacked')")
        page.wait_for_selector("[aria-busy=true]", state="detached")
        require_inert(page, seen, f"/, dialog of key {key}")
        page.keyboard.press("Escape")
        page.wait_for_selector("dialog[open]", state="detached")
    hostile_study.ask_to_agree(bare)
    page.reload()
    page.wait_for_selector(".tm-information")
    require_inert(page, seen, "/, the text to agree to")


def look_at_a_divided_pair(page, seen: list[str]) -> None:
    """The figures are computed beside the server; then the pair opens in a dialog."""
    page.locator("#tm-tab-agreement").click()
    opens = page.locator("[data-focus^=pair-]").first
    page.wait_for_function(LOOK_AGAIN, timeout=60_000, polling=1000)
    opens.click()
    page.wait_for_selector("dialog[open]")
    page.wait_for_selector("dialog[open] [aria-busy=true]", state="detached")
    require_inert(page, seen, "/people, a divided pair")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog[open]", state="detached")


def look_everywhere(page, seen: list[str], path: str) -> None:
    """Open each tab and each part that opens, and look."""
    require_inert(page, seen, path)
    for tab in page.locator("[role=tab]:visible").all():
        tab.click()
        page.wait_for_load_state("networkidle")
        page.locator("details").evaluate_all("all => all.forEach((each) => (each.open = true))")
        page.wait_for_timeout(150)
        require_inert(page, seen, f"{path}, {tab.inner_text()}")
        name = tab.get_attribute("id")
        if name in SHOWS_IT:
            assert "window.hacked" in page.locator("[role=tabpanel]:visible").inner_text(), name
    page.locator("details").evaluate_all("all => all.forEach((each) => (each.open = true))")
    page.wait_for_timeout(150)
    require_inert(page, seen, f"{path}, opened")


def test_five_responses_to_be_ranked(bare: Database, served: Callable, page):
    number = hostile_study.ask(bare, [each.text for each in corpus(5_000)][::5], candidates=5)
    seen = watch(page)
    open_compare(page, served(bare))
    assert page.locator(".tm-response").count() == 5
    assert judge_all(page, seen, ["5", "4", "3", "2", "1", "Enter"]) == number
    assert {tuple(row.ranks or ()) for row in judgments.live(bare)} <= set(permutations(range(1, 6)))
