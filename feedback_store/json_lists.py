"""Reading one large JSON list item by item, in flat memory.

Only brackets, strings and commas are looked at here; each item is parsed by itself. So an item that is not valid is
told apart from the rest, as a line of a JSON lines file is. Left out: a bracket too few or too many in an item cannot
be told from nesting; from there on nothing is read.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from feedback_store.byte_files import BYTE_ORDER_MARK, Damage, Pieces, chunks, decoded, too_long
from feedback_store.exchange_records import Problem

BLANK = b" \t\r\n"
IN_STRING = re.compile(rb'["\\]')
OUTSIDE = re.compile(rb'["\[\]{},\n]')


def is_list(path: Path) -> bool:
    """Tell whether the first character of a file is [."""
    begin = b""
    for chunk in chunks(path):
        if isinstance(chunk, Damage):
            return False
        begin = (begin + chunk).removeprefix(BYTE_ORDER_MARK).lstrip(BLANK)
        if len(begin) >= len(BYTE_ORDER_MARK):
            break
    return begin.startswith(b"[")


def items(path: Path) -> Iterator[tuple[int, str | Problem]]:
    """Yield (line on which it begins, text) of each item of a file that holds one JSON list, or a Problem."""
    scanner = _Scanner()
    for chunk in chunks(path):
        if isinstance(chunk, Damage):
            yield scanner.begin, Problem(scanner.begin, chunk.reason)
            return
        yield from scanner.feed(chunk)
    if not scanner.ended:
        begin = scanner.begin_of_unfinished()
        yield begin, Problem(begin, "The list is broken or cut short from here on.")
    elif scanner.rest.strip(BLANK):
        yield scanner.begin, Problem(scanner.begin, "The list ends here; what follows it was not read.")


class _Scanner:
    """Where in the list we are. `begin` is the line after the last separator; `rest` begins what follows the list."""

    def __init__(self) -> None:
        self.begin = 1
        self.ended = False
        self.rest = b""
        self._line = 1
        self._depth = 0  # open brackets: 0 before the list, 1 between its items
        self._count = 0
        self._in_string = self._escaped = False
        self._item = Pieces()

    def feed(self, chunk: bytes) -> Iterator[tuple[int, str | Problem]]:
        """Take the next bytes; yield the items that end in them."""
        start, at = 0, int(self._escaped)
        self._escaped = False
        while not self.ended and (token := (IN_STRING if self._in_string else OUTSIDE).search(chunk, at)):
            at, mark = token.end(), token.group()
            if mark == b"\\":
                self._escaped = at == len(chunk)
                at += 1
            elif mark == b'"':
                self._in_string = not self._in_string
            elif mark == b"\n":
                self._line += 1
            elif self._separates(mark):
                self._item.add(chunk[start : at - 1])
                yield from self._take()
                start = at
        if self.ended:
            self.rest = (self.rest + chunk[start:].lstrip(BLANK))[:1]
        else:
            self._item.add(chunk[start:])

    def _separates(self, mark: bytes) -> bool:
        """Follow the brackets; tell whether an item begins or ends here."""
        if mark == b",":
            return self._depth == 1
        self._depth += 1 if mark in b"[{" else -1
        self.ended = self._depth == 0
        return self.ended or (self._depth == 1 and mark == b"[" and self._count == 0)

    def _take(self) -> Iterator[tuple[int, str | Problem]]:
        """Yield what stands since the last separator: nothing where the list begins, or where it is empty."""
        raw, begin = self._item.take(), self.begin
        self.begin = self._line
        self._count += 1
        if raw is None:
            yield begin, too_long(begin, "item")
            return
        text = raw.strip(BLANK)
        begin = _first_line(raw, begin)
        if self._count > 2 or (self._count == 2 and (text or not self.ended)):
            yield begin, decoded(text, begin, "item")

    def begin_of_unfinished(self) -> int:
        """Return the line on which the item begins that the file ends in."""
        return _first_line(self._item.take() or b"", self.begin)


def _first_line(raw: bytes, line: int) -> int:
    """Return the line of the first character that is not blank, where `raw` begins on `line`."""
    return line + raw[: len(raw) - len(raw.lstrip(BLANK))].count(b"\n")
