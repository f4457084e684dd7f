"""The whole loop in a browser: judge twelve pairs by keyboard, train a reward and a policy, see new beside old.

On the tiny model it is part of `make test`; with the bundled model of `make accept`, where SCREENSHOT=1 makes the
README's picture. Cut down, the bundled model's policy is trained by the preset for a quick look.
"""

import os
import time
from pathlib import Path

import pytest

from rounds import studies
from tests.accept.judging import judge
from tests.accept.serving import SHORT_TEXTS, Served, served

SHORT = os.environ.get("ACCEPT") == "short"
BUNDLED = "bundled:smollm2-135m-instruct"
PAIRS = 12
PICTURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "compare.png"
ENDED = ("succeeded", "failed", "cancelled")


def wait_for_run(server: Served, kind: str, seconds: float) -> dict:
    """The latest run of a kind, ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        runs = [run for run in server.get("/api/runs")["runs"] if run["kind"] == kind]
        if runs and runs[0]["status"] in ENDED:
            return runs[0]
        time.sleep(0.5)
    raise AssertionError(f"{kind} did not end within {seconds} s: {runs}")


def start(page, server: Served, kind: str, seconds: float) -> None:
    """One click, then the run's end."""
    button = page.locator(f"button[data-kind='{kind}']")
    page.wait_for_function(
        "kind => document.querySelector(`button[data-kind='${kind}']`)?.getAttribute('aria-disabled') === 'false'",
        arg=kind,
    )
    button.click()
    succeeded(server, kind, seconds)


def start_quickly(page, server: Served, kind: str, seconds: float) -> None:
    """By its preset for a quick look, on the page Runs; then back to where it came from."""
    before = page.url
    page.goto(f"{str(server.client.base_url).rstrip('/')}/runs#new/{kind}")
    page.get_by_role("radio", name="Quick look").check()
    page.get_by_role("button", name="Add to the queue").click()
    page.get_by_text("In the queue:").wait_for()
    succeeded(server, kind, seconds)
    page.goto(before)


def succeeded(server: Served, kind: str, seconds: float) -> None:
    """Once the latest run of the kind has ended, it has succeeded."""
    run = wait_for_run(server, kind, seconds)
    assert run["status"] == "succeeded", run


@pytest.mark.browser
@pytest.mark.timeout(3000)
@pytest.mark.parametrize(
    ("base", "seconds"),
    [pytest.param("tiny:", 400, id="tiny"), pytest.param(BUNDLED, 1400, id="bundled", marks=pytest.mark.accept)],
)
def test_from_twelve_judgments_to_new_beside_old(page, tmp_path, base, seconds):
    words = ("--demo", "--base", base)
    if base == "tiny:":  # as people would make it, but for short texts
        studies.open_or_create(tmp_path / "demo", base=base, create=True, demo=True, **SHORT_TEXTS).close()
        words = ()
    began = time.monotonic()
    with served(tmp_path / "demo", *words) as server:
        ready = time.monotonic()
        page.goto(server.address)
        page.locator(".tm-card").wait_for(timeout=240_000)
        first_pair = time.monotonic()
        if os.environ.get("SCREENSHOT") and base == BUNDLED:
            page.screenshot(path=PICTURE)
        judge(page, PAIRS)
        judged = time.monotonic()
        page.get_by_role("link", name="Console").click()
        start(page, server, "train-reward", seconds)
        rewarded = time.monotonic()
        (start_quickly if SHORT and base == BUNDLED else start)(page, server, "train-policy", seconds)
        trained = time.monotonic()
        row = page.locator("#tm-side-by-side .tm-side-row").first
        row.wait_for(timeout=30_000)
        assert row.locator(".tm-response").count() == 2
        seen = time.monotonic()
        state = server.get("/api/loop")
    assert [policy["name"] for policy in state["policies"]] == ["base", "policy-1"]
    print(
        f"\nACCEPT loop in a browser, {base}: ready {ready - began:.0f} s, first pair {first_pair - ready:.0f} s later,"
        f" {PAIRS} judgments {judged - first_pair:.0f} s, reward {rewarded - judged:.0f} s, "
        f"policy {trained - rewarded:.0f} s, side by side {seen - trained:.0f} s; in all {seen - began:.0f} s"
    )
