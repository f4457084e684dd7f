"""Somebody who judges pairs in a browser."""

from typing import Any


def judge(page: Any, pairs: int) -> None:
    """Judges by keyboard: the response with more commas wins, else the first."""
    for number in range(pairs):
        page.locator(".tm-card:visible").wait_for(timeout=240_000)
        left, right = (text.count(",") for text in page.locator(".tm-card .tm-response").all_text_contents())
        before = page.locator(".tm-prompt-now").text_content()
        with page.expect_response("**/api/judgments") as saved:
            page.keyboard.press("ArrowRight" if right > left else "ArrowLeft")
        assert saved.value.json()["saved"] is True, number
        page.wait_for_function(
            "before => document.querySelector('.tm-prompt-now').textContent !== before"
            " || document.querySelector('.tm-card').hidden",
            arg=before,
        )
