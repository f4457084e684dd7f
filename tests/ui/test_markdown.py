"""Markdown as HTML that cannot act: what is shown, what stays text, what is too much."""

import re
from html import unescape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostile_texts import corpus
from ui.web import markdown
from ui.web.markdown import rendered

TAG = re.compile(r"</?([a-z0-9]+)([^>]*)>")


def tags_of(text: str) -> set[str]:
    html = rendered(text)
    assert html is not None
    return {name for name, _ in TAG.findall(html)}


def test_what_people_expect_of_markdown():
    assert rendered("# Title\n## Part") == "<h3>Title</h3>\n<h4>Part</h4>\n", "the page's own headings stand above"
    assert rendered("a **b** *c* ~~d~~ `e`") == (
        "<p>a <strong>b</strong> <em>c</em> <s>d</s> <code>e</code></p>\n"
    )  # fmt: skip
    assert rendered("3. x\n4. y") == '<ol start="3">\n<li>x</li>\n<li>y</li>\n</ol>\n'
    assert tags_of("| a | b |\n|---|---|\n| 1 | 2 |") == {"table", "thead", "tbody", "tr", "th", "td"}
    assert rendered("one\ntwo") == "<p>one<br>\ntwo</p>\n", "a line stays a line"


def test_nothing_of_a_text_can_be_followed_or_fetched_and_its_address_is_said():
    html = rendered('[*this*](https://example.org/_a_ "a title") ![picture](https://example.org/x.png) <https://b.org>')
    assert html == (
        "<p><em>this</em> (https://example.org/_a_ “a title”) picture (https://example.org/x.png) https://b.org</p>\n"
    )
    assert rendered("[a](http://é.org/ü)") == "<p>a (http://é.org/ü)</p>\n", "as it was written"
    assert rendered("[two ![in](b) one](c)") == "<p>two in (b) one (c)</p>\n"


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<!-- left out of sight -->",
        "[x]: https://example.org\n",
        "&lt;b&gt; &amp;",
        "[a](javascript:alert(1))",
        "<style>*{display:none}</style>",
        "{{ x }} ${x} <% x %> \\(x\\)",
    ],
)
def test_html_entities_and_definitions_are_shown_as_they_were_written(text: str):
    html = rendered(text)
    assert html is not None
    assert set(TAG.findall(html)) == {("p", "")}
    shown = html.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert text.strip().replace("\\(", "(").replace("\\)", ")") in shown


def test_only_harmless_tags_and_the_start_of_a_list_come_out():
    text = "\n\n".join(
        ['```js onload=x" style="y\n<b>\n```', "|a|\n|:-:|\n|b|", "7. x", "![a](x)", "[a](/x)", "---", "> q", "- l"]
    )
    html = rendered(text)
    assert html is not None
    assert {name for name, _ in TAG.findall(html)} <= markdown.TAGS
    assert {attributes for _, attributes in TAG.findall(html) if attributes} == {' start="7"'}


def test_what_would_take_long_is_left_to_be_shown_as_it_is():
    assert rendered("a" * markdown.MOST_CHARACTERS) is not None
    assert rendered("a" * (markdown.MOST_CHARACTERS + 1)) is None
    assert rendered("a" * 1_000_000) is None
    assert rendered("a\n" * (markdown.MOST_LINES - 1)) is not None
    assert rendered("a\n" * markdown.MOST_LINES) is None
    for mark in ("[", "*", "**a", "`", "|", "![a]("):
        assert rendered(mark * 6_000) is None, mark


def test_a_text_of_which_a_letter_would_be_missing_is_not_rendered():
    assert rendered("| a | b |\n|---|---|\n| 1 | 2 | hidden |") is None, "a table leaves out what has no heading"
    assert rendered("[a](&copy;)") is None
    html = rendered("```python title\nx = 1\n```")
    assert html == "<p><code>python title</code></p>\n<pre><code>x = 1\n</code></pre>\n"


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(alphabet=" \n\t*_~`[]()<>!#|-=+.:>&;\\\"'{}$/1aBcé汉ש\u202e\u200b", max_size=80))
def test_whatever_is_rendered_holds_every_letter_and_only_harmless_tags(text: str):
    html = rendered(text)
    assert html is None or {name for name, _ in TAG.findall(html)} <= markdown.TAGS
    if html is not None:
        shown = unescape(TAG.sub("", html))
        assert [letter for letter in shown if letter.isalpha()] == [letter for letter in text if letter.isalpha()]


def test_each_hostile_text_is_rendered_harmless_or_not_at_all():
    made = [rendered(each.text) for each in corpus()]
    assert sum(html is not None for html in made) > 100
    for html in filter(None, made):
        assert {name for name, _ in TAG.findall(html)} <= markdown.TAGS
        assert {attributes for _, attributes in TAG.findall(html)} <= {"", ' start="1"', ' start="7"'}


@pytest.mark.parametrize("opening", [">", "- ", "1. ", "> - "])
def test_blocks_nested_too_deep_are_not_left_out(opening: str):
    assert rendered(opening * 3 + "inside") is not None
    for depth in range(1, 40):
        html = rendered(opening * depth + "inside")
        assert html is None or "inside" in html, depth
    assert rendered(opening * 39 + "inside") is None


def test_half_a_surrogate_pair_and_null_do_no_harm():
    assert rendered("\ud800") is None
    assert rendered("a\x00b") == "<p>a\ufffdb</p>\n"


def test_the_cache_holds_no_more_than_its_bytes():
    cache = markdown._Cache(1_000)
    for n in range(50):
        cache.put(f"text {n}", "html" * 10)
        assert cache.bytes <= 1_000
    assert cache.get("text 49") == "html" * 10
    assert cache.get("text 0") is None
    cache.put("large", "x" * 2_000)
    assert cache.bytes == 0, "what is larger than the cache is not kept"
