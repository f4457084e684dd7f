"""Each hostile text in a pane of its own, rendered, raw and as a difference, in a real browser; no server.

The scripts are read from the repository by the browser itself; the policy of the page is the one that it has in use.
"""

import mimetypes
import re
from typing import Any

import pytest

from hostile_texts import corpus, require_inert, watch
from ui.pages.site import STATIC
from ui.web.guard import PAGE_POLICY
from ui.web.markdown import rendered

pytestmark = pytest.mark.browser
ADDRESS = "http://127.0.0.1:9"
PAGE = """<!doctype html><html lang="en"><meta name="viewport" content="width=device-width">
<link rel="stylesheet" href="/static/tastemaker/style/page.css">
<link rel="stylesheet" href="/static/tastemaker/style/views.css">
<body class="dark"><div class="tm"><main id="main"></main><button>answer</button></div><script type="module">
import { Views } from "/static/tastemaker/compare/views.js";
import { el, renderedText } from "/static/tastemaker/page/elements.js";
const panes = [0, 1, 2].map(() => {
  const text = el("div", { class: "tm-response", tabindex: "0" });
  return { element: el("section", {}, text), text };
});
const memory = { storage: localStorage, place: "study:ann" };
window.views = new Views((key) => key, panes, { memory });
window.renderedText = renderedText;
document.getElementById("main").append(views.toolbar, ...panes.map((pane) => pane.element));
window.ready = true;
</script></body></html>"""


@pytest.fixture
def panes(page) -> Any:
    """A page with the three panes of `window.views`."""

    def answer(route) -> None:
        path = route.request.url.removeprefix(ADDRESS)
        if path == "/":
            route.fulfill(body=PAGE, content_type="text/html", headers={"content-security-policy": PAGE_POLICY})
        elif path.startswith("/static/tastemaker/") and (file := STATIC / path[len("/static/tastemaker/") :]).is_file():
            route.fulfill(path=file, content_type=mimetypes.guess_type(file.name)[0])
        else:
            route.abort()

    page.route("**/*", answer)
    page.goto(ADDRESS)
    page.wait_for_function("window.ready")
    return page


def show(page, texts: list[str], view: str = "rendered", htmls: list[str | None] | None = None) -> None:
    made = [rendered(text) for text in texts] if htmls is None else htmls
    question = {"completions": [{"text": text, "html": html} for text, html in zip(texts, made, strict=True)]}
    page.evaluate("([question, view]) => { views.reset(); views.show(question, view); }", [question, view])


def test_no_hostile_text_acts_in_any_view_and_each_is_shown_whole(panes):
    seen = watch(panes)
    texts = [each.text for each in corpus(100_000)]
    assert len(texts) >= 100
    for start in range(0, len(texts), 3):
        three = texts[start : start + 3]
        show(panes, three)
        for _ in range(3):
            view = panes.evaluate("views.current")
            require_inert(panes, seen, f"{view}: {corpus(100_000)[start].name} and the next two")
            if view != "rendered":
                shown = panes.locator(".tm-response").evaluate_all("nodes => nodes.map((node) => node.textContent)")
                assert shown[: len(three)] == [text if text.strip() else "views.empty" for text in three]
            panes.evaluate("views.cycle()")


def test_the_browser_is_a_second_wall_where_the_server_sent_html_as_it_was_written(panes):
    seen = watch(panes)
    for each in corpus(100_000):
        panes.evaluate("html => renderedText(document.querySelector('.tm-response'), html)", each.text)
        require_inert(panes, seen, f"not sanitised by the server: {each.name}")
    panes.evaluate("() => renderedText(document.querySelector('.tm-response'), '<ol start=3><li>x</li></ol><p>y')")
    assert panes.locator(".tm-response ol").first.get_attribute("start") == "3"


def test_half_a_surrogate_pair_is_shown(panes):
    panes.evaluate("() => views.show({completions: [{text: 'a\\ud800b'}, {text: '\\udc00'}, {text: ''}]}, 'diff')")
    assert panes.locator(".tm-response").first.evaluate("node => node.textContent.length") == 3


@pytest.mark.parametrize("name", ["a megabyte of words", "a megabyte without a space", "a megabyte of tags"])
def test_a_megabyte_does_not_freeze_the_page(panes, name: str):
    seen = watch(panes)
    [large] = [each.text for each in corpus() if each.name == name]
    show(panes, [large, large + "!", "short"])
    assert panes.locator(".tm-views-note").inner_text() == "views.unrendered"
    panes.evaluate("views.cycle()")
    panes.evaluate("views.cycle()")
    assert panes.locator(".tm-views-note").inner_text() == "views.too_long"
    # The browser lays out only the pieces that are seen.
    pieces = panes.locator(".tm-piece")
    assert pieces.count() > 400
    assert set(pieces.evaluate_all("all => all.map((each) => getComputedStyle(each).contentVisibility)")) == {"auto"}
    panes.locator(".tm-response").first.evaluate("node => node.scrollTo(0, node.scrollHeight / 2)")
    panes.wait_for_function("views.signals().scrolled[0] > 0.4")
    require_inert(panes, seen, name)


def test_the_switch_says_what_is_shown_and_remembers_it_for_the_person(panes):
    show(panes, ["**one** two", "**one** three", "four"], "raw")
    radios = panes.locator("[role=radio]")
    assert [radio.get_attribute("aria-checked") for radio in radios.all()] == ["false", "true", "false"]
    radios.nth(2).click()
    assert panes.locator("mark.tm-only").all_inner_texts() == ["three", "four"]
    assert (
        panes.locator("mark.tm-only").first.evaluate("node => getComputedStyle(node).textDecorationLine") == "underline"
    )
    assert panes.evaluate("views.signals().views") == ["raw", "diff"]
    panes.get_by_role("button", name="views.linked").click()
    panes.reload()
    panes.wait_for_function("window.ready")
    show(panes, ["a b", "a c"], "rendered")
    assert panes.evaluate("views.current") == "diff"
    assert panes.locator("mark.tm-only").all_inner_texts() == ["b", "c"]
    assert panes.get_by_role("button", name="views.linked").get_attribute("aria-pressed") == "true"


def test_linked_texts_scroll_together_by_their_share_and_free_ones_do_not(panes):
    show(panes, ["a line\n" * 400, "a line\n" * 200, "short"], "raw")
    share = "node => node.scrollTop / (node.scrollHeight - node.clientHeight)"
    first, second = panes.locator(".tm-response").nth(0), panes.locator(".tm-response").nth(1)
    assert panes.evaluate("views.signals().scrolled[2]") == 1
    before = panes.evaluate("views.signals().scrolled")
    assert before[0] < before[1] < 1
    first.evaluate("node => node.scrollTo(0, 2000)")
    panes.wait_for_function("before => views.signals().scrolled[0] > before", arg=before[0])
    assert second.evaluate(share) == 0
    panes.get_by_role("button", name="views.linked").click()
    second.evaluate("node => node.scrollTo(0, node.scrollHeight)")
    panes.wait_for_function("() => views.texts[0].scrollTop > 5000")
    assert first.evaluate(share) == pytest.approx(1, abs=0.01)


def test_a_text_is_shown_in_its_own_direction(panes):
    show(panes, ["مرحبا **بالعالم**", "שלום", "left"])
    directions = panes.locator(".tm-response").evaluate_all(
        "nodes => nodes.map((node) => getComputedStyle(node).direction)"
    )
    assert directions == ["rtl", "rtl", "ltr"]
    assert re.search("بالعالم", panes.locator(".tm-response strong").inner_text())
