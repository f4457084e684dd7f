"""A researcher and two annotators go through two whole rounds in browsers of their own.

Pages are closed and opened again and the server is restarted while a policy is trained; after each round every number
of Home is walked, and it ends with a blind evaluation, new against old, that the two annotators judge. On the tiny
model, and with the bundled one where `make accept` is not cut down.
"""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

import home_walk
from accounts_at_hand import PASSWORD
from feedback_store import accounts, annotators, judgments, policies
from feedback_store.database import Database
from rounds import studies
from rounds.blind_results import result_of
from tests.accept.judging import judge
from tests.accept.serving import SHORT_TEXTS, Served, served
from ui.web import passwords

SHORT = os.environ.get("ACCEPT") == "short"
BASES = [
    pytest.param("tiny:", 300, id="tiny"),
    *(() if SHORT else [pytest.param("bundled:smollm2-135m-instruct", 1400, id="bundled")]),
]
"""Cut down, one round with the bundled model is enough (test_loop_in_browser.py); two are walked with the tiny one."""
PAIRS = 6
"""Judgments of each annotator in each round, and in the blind evaluation at the end."""
AHEAD = 5
"""More than a person who closed the page holds still, which is asked first."""
ANNOTATORS = ("ann", "bob")
SETTINGS: dict[str, Any] = {"previous_policy_share": 0.0, "overlap_share": 0.0, "repeat_share": 0.0}


@contextmanager
def logged_in(browser, server: Served, name: str, path: str = "/") -> Iterator:
    """A browser of one person, who came in by the form."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{origin(server)}/login?next={path}")
    page.locator("input[name=name]").fill(name)
    page.locator("input[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.locator(".tm-main").wait_for()
    yield page
    context.close()


def origin(server: Served) -> str:
    return str(server.client.base_url).rstrip("/")


def wait_for(page, status: str, kind: str, number: int, seconds: float) -> None:
    """Wait until so many runs of a kind have a status."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        runs = page.evaluate(home_walk.GET, "/api/runs?limit=100")["runs"]
        fit = [run for run in runs if run["kind"] == kind and (run["status"] == status or run["status"] == "succeeded")]
        if len(fit) >= number:
            return
        failed = [run for run in runs if run["kind"] == kind and run["status"] in ("failed", "cancelled")]
        assert failed == [], failed
        time.sleep(0.3)
    raise AssertionError(f"{kind} was not {status} within {seconds} s: {runs}")


def train(page) -> None:
    """One click on Home."""
    page.get_by_role("button", name="Train the next policy").click()


def evaluate(page, address: str, judgments: int) -> None:
    """A blind evaluation by the form of the page Policies."""
    page.goto(address)
    page.get_by_label("Judgments", exact=True).fill(str(judgments))
    page.get_by_role("button", name="Start the evaluation").click()


def is_sealed(browser, server: Served) -> bool:
    """Whether the one evaluation still is."""
    with logged_in(browser, server, "rhea", "/console") as page:
        return bool(page.evaluate(home_walk.GET, "/api/evaluations")["evaluations"][0]["sealed"])


def make(folder: Path, base: str) -> None:
    """A study with the demo's prompts and four people."""
    settings = SETTINGS | (SHORT_TEXTS if base == "tiny:" else {})
    with studies.open_or_create(folder, base=base, create=True, demo=True, **settings) as db:
        for name, role in (("head", "admin"), ("rhea", "researcher"), *((name, "annotator") for name in ANNOTATORS)):
            accounts.create(db, annotators.ensure(db, name).id, role, passwords.hashed(PASSWORD), by="test")


def a_round(browser, server: Served, pairs: int = PAIRS) -> None:
    """Both annotators judge, each in a browser of their own, the second after the first has closed the page."""
    for name in ANNOTATORS:
        with logged_in(browser, server, name) as page:
            judge(page, pairs)


@pytest.mark.accept
@pytest.mark.browser
@pytest.mark.timeout(3000)
@pytest.mark.parametrize(("base", "seconds"), BASES)
def test_two_rounds_with_a_researcher_and_two_annotators(browser, tmp_path, base, seconds):
    study = tmp_path / "study"
    make(study, base)
    began = time.monotonic()
    with ExitStack() as first:
        server = first.enter_context(served(study))
        a_round(browser, server)
        with logged_in(browser, server, "rhea", "/console") as page:
            home_walk.walk(page)
            train(page)
            wait_for(page, "running", "train-policy", 1, seconds)
        # The page is closed and the server ends while the policy is trained; the run goes on with the next one.
    with served(study) as server:
        with logged_in(browser, server, "rhea", "/console") as page:
            wait_for(page, "succeeded", "train-policy", 1, seconds)
            page.reload()
            page.locator("[data-card=policy] .tm-big:has-text('policy-1')").wait_for()
            seen = home_walk.walk(page)
            assert {"reward.judgments", "policy_run.score", "taste.1.best", "judgments.new"} <= seen
            home_walk.open_one(page, "reward.judgments")
        a_round(browser, server)
        with logged_in(browser, server, "rhea", "/console") as page:
            train(page)
            wait_for(page, "succeeded", "train-policy", 2, seconds)
            evaluate(page, f"{origin(server)}/policies#evaluations", PAIRS * len(ANNOTATORS))
            wait_for(page, "succeeded", "evaluate", 1, seconds)
        a_round(browser, server, PAIRS + AHEAD)
        # Pairs of the evaluation that the first one's closed page holds are asked of nobody else for ten minutes.
        # How many of the rest are of training hangs on what was drawn meanwhile: they judge in turn until it has ended.
        further = 0
        while is_sealed(browser, server):
            assert further < 8, "the evaluation does not end"
            with logged_in(browser, server, ANNOTATORS[further % 2]) as page:
                judge(page, AHEAD)
            further += 1
        with logged_in(browser, server, "rhea", "/console") as page:
            page.locator("[data-card=result] [data-figure='result.of']").wait_for()
            seen = home_walk.walk(page)
            assert {"result.wins", "result.losses", "result.share"} <= seen
            home_walk.open_one(page, "result.wins")
            told = page.locator("[data-card=result]").inner_text()
            assert page.evaluate(home_walk.GET, "/api/evaluations")["evaluations"][0]["sealed"] is False
    with Database.open(study, readonly=True) as db:
        assert [policy.name for policy in policies.listing(db) if policy.kind != "external"] == [
            "base",
            "policy-1",
            "policy-2",
        ]
        assert judgments.count(db, skips=True) == (3 * PAIRS + AHEAD) * len(ANNOTATORS) + AHEAD * further
        result = result_of(db, "policy-2", "policy-1")
    assert result.judgments == PAIRS * len(ANNOTATORS)
    assert f"{result.wins:g} won, {result.ties:g} tied, {result.losses:g} lost" in told
    print(f"\nACCEPT two rounds in browsers, {base}: {time.monotonic() - began:.0f} s; {told!r}")
