"""The whole loop in a browser with the bundled model: judge twelve pairs by keyboard, train a reward and a policy, see
new beside old. SCREENSHOT=1 makes the README's picture. Cut down, the policy is trained by the preset for a quick look.
"""

import os
import time
from pathlib import Path

import pytest

from tests.accept.judging import judge
from tests.accept.serving import Served, served

SHORT = os.environ.get("ACCEPT") == "short"
BUNDLED = "bundled:smollm2-135m-instruct"
PAIRS = 12
SECONDS = 1400  # for a run to end
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


@pytest.mark.accept
@pytest.mark.browser
@pytest.mark.timeout(3000)
def test_from_twelve_judgments_to_new_beside_old(page, tmp_path):
    began = time.monotonic()
    with served(tmp_path / "demo", "--demo", "--base", BUNDLED) as server:
        ready = time.monotonic()
        page.goto(server.address)
        page.locator(".tm-card").wait_for(timeout=240_000)
        first_pair = time.monotonic()
        if os.environ.get("SCREENSHOT"):
            page.screenshot(path=PICTURE)
        judge(page, PAIRS)
        judged = time.monotonic()
        page.get_by_role("link", name="Console").click()
        start(page, server, "train-reward", SECONDS)
        rewarded = time.monotonic()
        (start_quickly if SHORT else start)(page, server, "train-policy", SECONDS)
        trained = time.monotonic()
        row = page.locator("#tm-side-by-side .tm-side-row").first
        row.wait_for(timeout=30_000)
        assert row.locator(".tm-response").count() == 2
        seen = time.monotonic()
        state = server.get("/api/loop")
    assert [policy["name"] for policy in state["policies"]] == ["base", "policy-1"]
    print(
        f"\nACCEPT loop in a browser: ready {ready - began:.0f} s, first pair {first_pair - ready:.0f} s later,"
        f" {PAIRS} judgments {judged - first_pair:.0f} s, reward {rewarded - judged:.0f} s, "
        f"policy {trained - rewarded:.0f} s, side by side {seen - trained:.0f} s; in all {seen - began:.0f} s"
    )
