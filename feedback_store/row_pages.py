"""Going through a table of any size from its newest row back, page by page, each page within a bounded time.

A page lies before an id (keyset paging), so that rows that come in meanwhile move nothing. Where a filter passes few
rows and no index finds them, rows are looked through in stretches of ids until the page is full or SECONDS are over;
then the page says how far it came, and the next one goes on from there.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from feedback_store.database import Database, Row

SECONDS = 0.4
FIRST_STRETCH = 2_000
MOST_STRETCH = 100_000
QUICK_SECONDS = 0.05


@dataclass(frozen=True)
class Page:
    """Rows, the newest first. `before` is the id that the next page lies before, None where there is nothing further
    back; `filled` is false where the time was over before the page was full.
    """

    rows: list[Row]
    before: int | None
    filled: bool = True


def newest(
    db: Database,
    sql: str,
    values: Mapping[str, Any],
    *,
    table: str,
    before: int | None,
    size: int,
    at_once: bool = False,
    seconds: float = SECONDS,
) -> Page:
    """Return a page of a query on `table`.

    `sql` gives rows with an `id` between :low and :high, the highest first, :most at most. `at_once`: an index finds
    the rows, so that all ids are one stretch.
    """
    top = int(db.value(f"SELECT MAX(id) FROM {table}") or 0)
    high = top if before is None else min(top, before - 1)
    stretch = max(high, 1) if at_once else FIRST_STRETCH
    ends = time.monotonic() + seconds
    rows: list[Row] = []
    while high >= 1:
        low = max(1, high - stretch + 1)
        began = time.monotonic()
        rows += db.rows(sql, {**values, "low": low, "high": high, "most": size + 1 - len(rows)})
        if len(rows) > size:
            return Page(rows[:size], rows[size - 1]["id"])
        high = low - 1
        now = time.monotonic()
        if now > ends and high >= 1:
            return Page(rows, low, filled=False)
        if now - began < QUICK_SECONDS:
            stretch = min(stretch * 4, MOST_STRETCH)
    return Page(rows, None)


def holding(text: str) -> str:
    r"""Return the pattern for `LIKE ... ESCAPE '\'` of texts that hold `text`, whatever signs are in it."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
