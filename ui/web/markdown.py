"""Markdown of models and of people as HTML that cannot act.

Two walls: the parser knows no HTML, no images and no links (it writes an address out as text), and what it made passes
nh3 (ammonia) with a list of harmless tags and no attribute that names an address or a style. The page checks a third
time (static/page/elements.js). Nothing that was written is left out of sight: link definitions and comments stay text,
and a text of which any letter would be missing is not rendered at all.
"""

from __future__ import annotations

import re
import sys
import threading
from collections import OrderedDict
from collections.abc import Sequence
from html import escape, unescape
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

MOST_CHARACTERS = 20_000
MOST_LINES = 1_000
MOST_MARKS = 2_000  # of MARKS: what the parser pairs with each other, so that time may grow with their square
MARKS = "[*_~`|"
MOST_NESTING = 20  # blocks inside blocks; deeper ones the parser would leave out
CACHE_BYTES = 16_000_000

TAGS = {
    *("p", "br", "hr", "h3", "h4", "h5", "h6", "strong", "em", "s", "code", "pre", "blockquote", "ul", "ol", "li"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {"ol": {"start"}}
FIRST_HEADING = 3  # the page's own headings stand above those of a text
LAST_HEADING = 6
TAG = re.compile(r"<[^>]*>")
NO_LETTERS = re.compile(r"[\W\d_]+")


def rendered(text: str) -> str | None:
    """The text as sanitised HTML. None where it is to be shown as it is: above MOST_CHARACTERS characters, MOST_LINES
    lines or MOST_MARKS marks (so that a text of any size and any make costs little), with blocks nested deeper than
    MOST_NESTING, where a letter would not be seen, or where it holds what no browser can be sent.
    """
    if len(text) > MOST_CHARACTERS or text.count("\n") >= MOST_LINES or sum(map(text.count, MARKS)) > MOST_MARKS:
        return None
    known = _cache.get(text)
    if known is not None:
        return known
    tokens = _parser.parse(text)
    if any(token.nesting > 0 and token.level >= MOST_NESTING - 1 for token in tokens):
        return None
    try:
        html = nh3.clean(
            _parser.renderer.render(tokens, _parser.options, {}), tags=TAGS, attributes=ATTRIBUTES, link_rel=None
        )
    except UnicodeEncodeError:  # half of a surrogate pair
        return None
    if _letters(unescape(TAG.sub("", html))) != _letters(text):
        return None
    _cache.put(text, html)
    return html


def _letters(text: str) -> str:
    return NO_LETTERS.sub("", text)


def _link_closed(tokens: Sequence[Token], place: int, *_: Any) -> str:
    """The address of the link that ends here, in words: nothing of a foreign text can be followed."""
    depth = 0
    for token in reversed(tokens[: place + 1]):
        depth += (token.type == "link_close") - (token.type == "link_open")
        if depth == 0:
            return "" if token.markup == "autolink" else _address(token, "href")
    return ""


def _image(tokens: Sequence[Token], place: int, *_: Any) -> str:
    return escape(tokens[place].content) + _address(tokens[place], "src")


def _address(token: Token, attribute: str) -> str:
    title = f" “{token.attrGet('title')}”" if token.attrGet("title") else ""
    return escape(f" ({token.attrGet(attribute) or ''}{title})")


def _fence(tokens: Sequence[Token], place: int, *_: Any) -> str:
    """A block of code, under what its first line says of it, such as its language."""
    token = tokens[place]
    info = f"<p><code>{escape(token.info.strip())}</code></p>\n" if token.info.strip() else ""
    return f"{info}<pre><code>{escape(token.content)}</code></pre>\n"


def _heading(tokens: Sequence[Token], place: int, *_: Any) -> str:
    token = tokens[place]
    level = min(int(token.tag[1]) + FIRST_HEADING - 1, LAST_HEADING)
    return f"<h{level}>" if token.nesting > 0 else f"</h{level}>\n"


def _markdown() -> MarkdownIt:
    # A line that was written as a line stays one (`breaks`): people judge verse and lists as the model laid them out.
    options = {"html": False, "linkify": False, "typographer": False, "breaks": True, "maxNesting": MOST_NESTING}
    made = MarkdownIt("commonmark", options).enable(["table", "strikethrough"]).disable(["reference", "entity"])
    made.normalizeLink = lambda url: url  # type: ignore[method-assign]  # an address is shown as it was written
    made.renderer.rules |= {  # type: ignore[attr-defined]
        "link_open": lambda *_: "",
        "link_close": _link_closed,
        "image": _image,
        "fence": _fence,
        "heading_open": _heading,
        "heading_close": _heading,
    }
    return made


class _Cache:
    """The last texts rendered, up to a number of bytes; the same prompt is asked for again and again."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.bytes = 0
        self._lock = threading.Lock()
        self._html: OrderedDict[str, str] = OrderedDict()

    def get(self, text: str) -> str | None:
        with self._lock:
            if text in self._html:
                self._html.move_to_end(text)
            return self._html.get(text)

    def put(self, text: str, html: str) -> None:
        with self._lock:
            if text not in self._html:
                self._html[text] = html
                self.bytes += _size(text, html)
            while self.bytes > self.most_bytes:
                self.bytes -= _size(*self._html.popitem(last=False))


def _size(text: str, html: str) -> int:
    return sys.getsizeof(text) + sys.getsizeof(html)


_parser = _markdown()
_cache = _Cache(CACHE_BYTES)
