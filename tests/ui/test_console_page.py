"""The console in a browser: next step, runs that come and go, curves, policies side by side, export, hostile text."""

import re
from collections.abc import Callable

import pytest

from feedback_store import run_records, runs
from feedback_store.database import Database
from web_studies import HOSTILE, claim, fill, judge_all, reward_model, two_policies

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("outside")]


def open_console(page, address: str) -> None:
    page.goto(address)
    page.goto(address.split("/login")[0] + "/console")
    page.wait_for_selector(".tm-big >> text=/[0-9]+ ready/")


def test_an_empty_study_says_what_fills_each_place(study: Database, served: Callable, page):
    open_console(page, served(study))
    for words in (
        "Trained from the judgments",
        "Improves the policy against the reward",
        "about 12 more make a start",
        "Nothing is running",
        "drawn here while a policy is trained",
        "stand here beside those of the one before",
        "No run yet",
    ):
        assert page.get_by_text(words).first.is_visible(), words
    train = page.locator("[data-kind='train-policy']")
    assert train.get_attribute("aria-disabled") == "true"
    assert page.locator("#tm-why-train-policy").inner_text() == "There is no reward model yet: train one first."
    train.click(force=True)
    page.wait_for_timeout(200)
    assert runs.active(study) == []


def test_from_twelve_judgments_to_the_side_by_side_in_two_clicks(study: Database, served: Callable, page):
    fill(study, 6)
    assert judge_all(study) == 12
    page.goto(served(study))
    page.get_by_role("link", name="Console", exact=True).click()
    page.get_by_role("button", name="Train the next policy").click()
    page.wait_for_selector(".tm-active >> nth=1")
    assert [run.kind for run in runs.active(study)] == ["train-reward", "train-policy"]

    reward_model(study, claim(study))
    page.wait_for_selector("text=72 % ± 16")
    assert "“longer wins” alone: 64 %" in page.locator(".tm-step").nth(1).inner_text()
    lease = claim(study)
    for step in range(5):
        run_records.add_metrics(
            study, lease, "steps", step, {"score": 0.1 * step, "kl_nats": 0.2 * step, "length_tokens": 20.0}
        )
    runs.heartbeat(
        study,
        lease,
        lease_seconds=60,
        progress={"phase": "improving the policy", "step": 4, "steps": 40, "seconds_left": 200.0},
    )
    page.wait_for_selector("text=Improving the policy · 4 of 40 · about 3 min left")
    page.wait_for_selector(".tm-chart >> nth=2")
    assert page.locator("figcaption").all_inner_texts()[0].split() == ["Reward", "0.40"]

    two_policies(study, "An old answer.", "A new answer.", number=4, lease=lease)
    page.wait_for_selector("text=A new answer.")
    panes = page.locator(".tm-side-row").first.locator(".tm-pane")
    assert [pane.inner_text().split("\n")[0] for pane in panes.all()] == ["base", "policy-1"]
    assert page.locator(".tm-step").nth(3).locator(".tm-big").inner_text() == "policy-1"
    first = page.locator(".tm-side-prompt").first.inner_text()
    page.get_by_role("button", name="Next", exact=True).click()
    page.wait_for_selector("text=2 of 2")
    assert page.locator(".tm-side-prompt").first.inner_text() != first


def test_a_run_is_cancelled_and_a_failed_one_says_why(study: Database, served: Callable, page):
    open_console(page, served(study))
    page.locator("[data-kind='sample']").click()
    page.get_by_role("button", name=re.compile("Cancel: Write new pairs")).click()
    page.wait_for_selector(".tm-chip >> text=cancelled")
    runs.enqueue(study, "sample", {})
    lease = claim(study)
    run_records.log(study, lease, f"a line {HOSTILE}")
    runs.fail(study, lease, f"It broke: {HOSTILE}")
    page.reload()
    page.wait_for_selector(".tm-chip >> text=failed")
    assert HOSTILE in page.locator(".tm-error:visible").first.inner_text()
    assert HOSTILE in page.locator(".tm-reason-text").inner_text()
    page.locator(".tm-runs summary").first.click()
    page.wait_for_selector(".tm-log >> text=a line")
    assert page.evaluate("window.hacked") is None


def test_hostile_samples_are_inert(study: Database, served: Callable, page):
    two_policies(study, HOSTILE, "<b>" + HOSTILE, question=HOSTILE)
    open_console(page, served(study))
    page.wait_for_selector(".tm-side-row")
    assert page.locator(".tm-side-row .tm-response").first.inner_text() == HOSTILE
    assert page.locator(".tm-sides").locator("img, script, svg, a, iframe, style, b").count() == 0
    assert page.evaluate("window.hacked") is None


def test_an_export_is_downloaded(study: Database, served: Callable, page):
    judge_all(study)
    open_console(page, served(study))
    page.get_by_label("Format").select_option("comparisons")
    page.get_by_role("button", name="Export", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("link", name="comparisons.jsonl").click()
    assert download.value.path().read_text(encoding="utf-8").count("\n") == 6


@pytest.mark.parametrize("width", [320, 768])
def test_narrow_screens_scroll_in_one_direction_only(study: Database, served: Callable, page, width: int):
    judge_all(study)
    reward_model(study)
    two_policies(study, "unbreakable" * 80, "unbreakable" * 80, question="unbreakable" * 80)
    page.set_viewport_size({"width": width, "height": 640})
    open_console(page, served(study))
    page.wait_for_selector(".tm-side-row")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_console_speaks_chinese(study: Database, served: Callable, browser):
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    address = served(study)
    page.goto(address)
    page.goto(address.split("/login")[0] + "/console")
    page.wait_for_selector("text=目前有 0 个判断")
    visible = re.sub(r"\bKL\b|base|Tastemaker|nats", "", page.locator(".tm-main").inner_text())
    formats = "|".join(page.locator("#tm-format option").all_inner_texts())
    assert re.findall(r"[A-Za-z]{3,}", re.sub(formats, "", visible)) == []
    context.close()


def test_a_server_that_went_away_is_said_and_found_again(study: Database, served: Callable, page):
    open_console(page, served(study))
    page.route("**/api/**", lambda route: route.abort())
    page.locator("[data-kind='sample']").click()
    page.wait_for_selector(".tm-notice:visible")
    page.unroute("**/api/**")
    page.wait_for_selector(".tm-notice", state="hidden")
