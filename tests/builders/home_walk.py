"""Walks Home in a browser: every number on it is a figure with rows or inputs behind it, or the number of a run."""

import re
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from reward_training.mean_interval import mean_interval
from rounds.home_figures import How

# Numbers that are none of this page's: names, what models and people wrote, which page of how many, choices of a list.
ELSEWHERE = "[data-figure], [data-run], [data-name], .tm-text, .tm-position, select, .tm-unseen"
STRAY = f"""() => {{
  const main = document.querySelector('.tm-main').cloneNode(true);
  for (const node of main.querySelectorAll({ELSEWHERE!r})) node.remove();
  for (const node of main.querySelectorAll('[hidden]')) node.remove();
  return main.textContent.match(/[^ ]*[0-9][^ ]*/g) ?? [];
}}"""
SHOWN = """() => [...document.querySelectorAll('.tm-main [data-figure]')].filter((node) => node.checkVisibility())
  .map((node) => [node.dataset.figure, node.textContent])"""
CATCHES_UP_SECONDS = 30.0
GET = "(path) => fetch(path).then((reply) => reply.json())"


LEAST = {"reward.lead_low": -1.0}  # what a row can be at least, where that is not 0


def combined(name: str, how: How, rows: Sequence[dict[str, Any]]) -> float | None:
    """What rows of a figure add up to; None where there are none. The ends of an interval are over prompts."""
    amounts = [row["amount"] for row in rows]
    if how == "sum":
        return float(sum(amounts))
    if not rows:
        return None
    if how in ("latest", "most", "least"):
        return float({"latest": amounts[-1], "most": max(amounts), "least": min(amounts)}[how])
    weights = np.array([row["weight"] for row in rows], dtype=float)
    values = np.array(amounts, dtype=float)
    if how == "mean":
        return float(np.average(values, weights=weights))
    low, high = mean_interval(values, weights, [row["group"] for row in rows], least=LEAST.get(name, 0.0))
    return low if how == "low" else high


def settled(page: Any) -> None:
    """Wait until Home has said how the loop stands."""
    page.wait_for_selector(".tm-reason-text:has-text('.')")


def shown(page: Any) -> dict[str, list[str]]:
    """What stands on the page for each figure."""
    found: dict[str, list[str]] = {}
    for name, text in page.evaluate(SHOWN):
        found.setdefault(name, []).append(text)
    return found


def rows_behind(page: Any, name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A figure as the server tells it, with all of its rows; its refusal where there is no such figure any more."""
    rows: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        answer = page.evaluate(GET, f"/api/loop/figures/{name}?after={after}&limit=100")
        if "error" in answer:
            return answer, []
        rows += answer["rows"]
        after = answer["next"]
    return answer, rows


def walk(page: Any) -> set[str]:
    """Check every number that is shown; returns the names of the figures.

    A study goes on meanwhile: what differs is looked at again until the page has caught up.
    """
    settled(page)
    stray = page.evaluate(STRAY)
    assert stray == [], f"numbers that come from nowhere: {stray}"
    names = set(shown(page))
    for name in names:
        deadline = time.monotonic() + CATCHES_UP_SECONDS
        while (fault := fault_of(page, name)) is not None:
            assert time.monotonic() < deadline, fault
            time.sleep(0.3)
    return names


def fault_of(page: Any, name: str) -> str | None:
    """What is wrong with a figure as it stands on the page now, or None; None too where it is not shown any more."""
    texts = shown(page).get(name, [])
    if not texts:
        return None
    answer, rows = rows_behind(page, name)
    if "error" in answer:  # what replaced it is not on the page yet
        return f"{name} is on the page; the server says: {answer['error']}"
    value = answer["value"]
    if answer["how"] == "derived":
        if not answer["rule"]:
            return f"{name} is derived by no rule"
        for part in answer["inputs"]:
            source = page.evaluate(GET, f"/api/loop/figures/{part}")
            if "error" in source:  # the reward may have been fitted anew between the two answers
                return f"{name} is derived from {part}; the server says: {source['error']}"
            assert source["name"] == part
    elif combined(name, answer["how"], rows) != pytest.approx(value):
        return f"{name} is {value}; its {len(rows)} rows come to {combined(name, answer['how'], rows)}"
    wrong = [text for text in texts if not says(text, value)]
    return f"{name} is {value}; the page says {wrong}" if wrong else None


def says(text: str, value: float) -> bool:
    """Whether a text is this number, as a share in per cent or in points, or as it is, to the places that it has."""
    (digits,) = re.findall(r"-?[0-9]+(?:\.[0-9]+)?", text)
    places = len(digits.partition(".")[2])
    near = 0.5000001 * 10**-places
    wanted = (100 * value,) if "%" in text else (value, 100 * value)
    return any(abs(float(digits) - one) <= near for one in wanted)


def open_one(page: Any, name: str) -> None:
    """Click a figure, see its rows, close them again."""
    page.locator(f".tm-main [data-figure='{name}']").first.click()
    dialog = page.locator("dialog[open]")
    dialog.locator("table tbody tr, code").first.wait_for()
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
