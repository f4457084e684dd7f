"""Home in a browser: the loop, the next step, what runs, taste so far, where each number comes from, hostile text."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

import accounts_at_hand
import featured_study
import figured_study
import home_walk
from compare_pages import enter, log_in
from feedback_store import run_records, runs
from feedback_store.database import Database
from web_studies import HOSTILE, claim, fill, judge_all, reward_model, two_policies

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("outside")]


def open_console(page, address: str) -> None:
    enter(page, address)
    page.goto(address.split("/login")[0] + "/console")
    page.wait_for_selector(".tm-big >> text=/[0-9]+ ready/")


def test_an_empty_study_says_what_fills_each_place(study: Database, served: Callable, page):
    open_console(page, served(study))
    for words in (
        "Trained from the judgments",
        "Improves the policy against the reward",
        "about 12 more make a start",
        "Nothing is running",
        "what they like so far is shown here",
        "people judge it blind against the one before",
        "stand here beside those of the one before",
    ):
        assert page.get_by_text(words).first.is_visible(), words
    train = page.locator("[data-kind='train-policy']")
    assert train.get_attribute("aria-disabled") == "true"
    why = page.locator("#tm-why-train-policy").inner_text()
    assert why.startswith("There is no reward model yet: train one first. DPO and imitation need none")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    train.click(force=True)
    page.evaluate("fetch('/api/loop')")  # what the click had sent would stand before this one
    assert sent and "POST" not in sent
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
    assert "“longer wins” alone: 64 %" in page.locator("[data-card=reward]").inner_text()
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

    two_policies(study, "An old answer.", "A new answer.", number=4, lease=lease)
    page.wait_for_selector("text=A new answer.")
    panes = page.locator(".tm-side-row").first.locator(".tm-pane")
    assert [pane.inner_text().split("\n")[0] for pane in panes.all()] == ["base", "policy-1"]
    assert page.locator("[data-card=policy] .tm-big").inner_text() == "policy-1"
    assert "Nobody has judged the two against each other yet" in page.locator("[data-card=result]").inner_text()
    first = page.locator(".tm-side-prompt").first.inner_text()
    page.get_by_role("button", name="Next", exact=True).click()
    page.wait_for_selector("text=2 of 2")
    assert page.locator(".tm-side-prompt").first.inner_text() != first


def test_a_policy_that_is_no_other_and_a_reward_that_chance_reaches_are_said_to_be_so(
    study: Database, served: Callable, page
):
    fill(study, 6)
    judge_all(study)
    runs.enqueue(study, "train-reward", {})
    reward_model(study, claim(study))
    two_policies(study, "The same.", "The same again.")
    for table, name, change in (
        (
            "reward_models",
            "reward-1",
            "json_set(metrics, '$.holdout.length_baseline', 0.1, '$.holdout.accuracy_low', 0.4)",
        ),
        ("policies", "policy-1", "json_set(metrics, '$.kept_steps', 0)"),
    ):
        study.execute(f"UPDATE {table} SET metrics = {change} WHERE name = ?", [name])
    page.goto(served(study))
    page.get_by_role("link", name="Console", exact=True).click()
    expect(page.locator("[data-card=policy]")).to_contain_text("no other than base")
    expect(page.locator("[data-card=reward]")).to_contain_text("Too few to tell it from chance")


def test_a_run_is_cancelled_and_a_failed_one_says_why(study: Database, served: Callable, page):
    open_console(page, served(study))
    page.locator("[data-kind='sample']").click()
    page.get_by_role("button", name=re.compile("Cancel: Write new pairs")).click()
    page.wait_for_selector(".tm-active", state="detached")
    runs.enqueue(study, "sample", {})
    runs.fail(study, claim(study), f"It broke: {HOSTILE}")
    page.reload()
    page.wait_for_selector(".tm-reason-text:has-text('It broke')")
    assert HOSTILE in page.locator(".tm-reason-text").inner_text()
    assert page.evaluate("window.hacked") is None


def test_hostile_samples_are_inert(study: Database, served: Callable, page):
    two_policies(study, HOSTILE, "<b>" + HOSTILE, question=HOSTILE)
    open_console(page, served(study))
    page.wait_for_selector(".tm-side-row")
    assert page.locator(".tm-side-row .tm-response").first.inner_text() == HOSTILE
    assert page.locator(".tm-sides").locator("img, script, svg, a, iframe, style, b").count() == 0
    assert page.evaluate("window.hacked") is None


def test_every_number_says_where_it_comes_from(study: Database, served: Callable, page):
    figured_study.fill(study)
    open_console(page, served(study))
    assert page.get_by_text("⚠ An alarm was raised: the run says which").is_visible()
    names = home_walk.walk(page)
    assert {
        "round", "prompts.train", "prompts.holdout", "pairs.ready", "pairs.judged", "judgments.all", "judgments.new",
        "reward.accuracy", "reward.half", "reward.length_baseline", "reward.decided", "reward.judgments",
        "policy_run.score", "policy_run.kl_nats", "policy_run.length_tokens", "policy_run.entropy_nats",
        "result.wins", "result.ties", "result.losses", "result.share", "taste.1.best", "taste.3.worst",
    } <= names  # fmt: skip
    for name in ("judgments.new", "reward.half", "taste.1.best"):
        home_walk.open_one(page, name)
    page.locator("[data-figure='result.for_new']").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Judgments that the new policy won").click()
    page.locator("dialog table tbody tr").nth(1).wait_for()
    assert page.locator("dialog [data-value]").get_attribute("data-value") == "2"
    page.keyboard.press("Escape")
    page.locator("[data-figure='pairs.judged']").click()
    page.locator("dialog tbody a").first.click()
    page.wait_for_url("**/data#judgments?comparison=*")
    page.locator(".tm-listed:visible tbody tr").first.wait_for()


def test_the_taste_follows_the_judgments_before_any_training(study: Database, server_for: Callable, page):
    for one in featured_study.fill(study, 22):
        featured_study.judge(study, one)
    featured_study.keep_features(study)
    app = server_for(study)
    app.state.study.refreshing.look()
    open_console(page, app.state.access.address)
    page.wait_for_selector("[data-figure='taste.judgments']")
    assert "22 judgments so far" in page.get_by_text("a quick fit, made anew").inner_text()
    best, worst = (page.locator(f".tm-tastes .tm-pane >> nth={place}").inner_text() for place in (0, 1))
    assert best.count("x") > worst.count("x")
    names = home_walk.walk(page)
    assert {"taste.judgments", "taste.1.best", "taste.1.best_half", "taste.3.worst_half"} <= names
    home_walk.open_one(page, "taste.judgments")


def test_a_long_list_behind_a_number_is_gone_through(study: Database, served: Callable, page):
    fill(study, 40)
    judge_all(study)
    open_console(page, served(study))
    page.locator("[data-figure='judgments.all']").first.click()
    rows = page.locator("dialog tbody tr")
    rows.nth(19).wait_for()
    first = rows.first.inner_text()
    for _ in range(2):
        page.get_by_role("button", name="Forward", exact=True).click()
        page.wait_for_function("first => document.querySelector('dialog tbody tr').innerText !== first", arg=first)
        first = rows.first.inner_text()
    page.wait_for_function("document.querySelectorAll('dialog tbody tr').length === 6")
    assert page.get_by_role("button", name="Forward", exact=True).is_disabled()


def test_narrow_screens_scroll_in_one_direction_only(study: Database, served: Callable, page):
    judge_all(study)
    reward_model(study)
    two_policies(study, "unbreakable" * 80, "unbreakable" * 80, question="unbreakable" * 80)
    page.set_viewport_size({"width": 768, "height": 640})
    open_console(page, served(study))
    page.wait_for_selector(".tm-side-row")
    for width in (768, 320):
        page.set_viewport_size({"width": width, "height": 640})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_console_speaks_chinese(study: Database, served: Callable, browser):
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    address = served(study)
    enter(page, address)
    page.goto(address.split("/login")[0] + "/console")
    page.wait_for_selector("text=目前有 0 个评判")
    visible = re.sub(r"\bKL\b|\bDPO\b|base|Tastemaker|nats", "", page.locator(".tm-main").inner_text())
    assert re.findall(r"[A-Za-z]{3,}", visible) == []
    context.close()


def test_a_server_that_went_away_is_said_and_found_again(study: Database, served: Callable, page):
    open_console(page, served(study))
    page.route("**/api/**", lambda route: route.abort())
    page.locator("[data-kind='sample']").click()
    page.wait_for_selector(".tm-notice:visible")
    page.unroute("**/api/**")
    page.wait_for_selector(".tm-notice", state="hidden")


def test_before_it_is_known_how_things_stand_nothing_is_said_to_be_empty(study: Database, served: Callable, page):
    address = served(study)
    page.goto(address)
    page.route("**/api/loop", lambda route: route.abort())
    page.goto(address.split("/login")[0] + "/console")
    page.wait_for_selector(".tm-notice:visible")
    assert page.get_by_text("Loading").is_visible()
    assert page.locator(".tm-empty:visible").count() == 1, "the one that says that it loads"
    assert not page.get_by_text("Nothing is running").is_visible()
    page.unroute("**/api/loop")
    page.get_by_text("Nothing is running").wait_for()
    assert page.locator(".tm-notice").is_hidden() and page.get_by_text("Loading").is_hidden()


def test_why_a_step_was_refused_stands_there_until_the_next_one(study: Database, served: Callable, page):
    open_console(page, served(study))
    page.route("**/api/runs", lambda route: route.fulfill(status=400, json={"error": "Not today."}))
    page.locator("[data-kind='sample']").click()
    page.wait_for_selector(".tm-notice:has-text('Not today.')")
    with page.expect_response("**/api/loop"):  # it asks by itself how things stand
        pass
    page.wait_for_load_state("networkidle")
    assert page.locator(".tm-notice").inner_text() == "Not today."
    page.unroute("**/api/runs")
    page.locator("[data-kind='sample']").click()
    page.wait_for_selector(".tm-notice", state="hidden")


def test_the_place_side_by_side_stays_where_somebody_turned_to(study: Database, served: Callable, page):
    two_policies(study, "old", "new", number=9)
    open_console(page, served(study))
    position = page.locator("#tm-side-by-side .tm-position")
    forward = page.get_by_role("button", name="Next", exact=True)
    page.get_by_label("Left").select_option("policy-1")
    page.get_by_label("Right").select_option("base")
    expect(page.locator(".tm-side-row .tm-pane-title").first).to_have_text("policy-1")
    held: list[Route] = []
    page.route("**/api/side-by-side*", lambda route: held.append(route), times=1)
    forward.click()
    forward.click()
    expect(position).to_have_text("3 of 3")
    with page.expect_response("**/api/side-by-side*"):
        held[0].continue_()
    with page.expect_response("**/api/loop"):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.evaluate("fetch('/api/loop')")  # what had come before is shown by now
    expect(position).to_have_text("3 of 3")


@pytest.mark.parametrize("path", ["console", "runs", "policies"])
def test_where_a_session_has_ended_a_page_leads_back_in(study: Database, served: Callable, page, path: str):
    researcher = accounts_at_hand.people(study)["researcher"]
    address = served(study)
    log_in(page, study, address, researcher)
    page.goto(f"{address}{path}")
    page.get_by_text(re.compile("Nothing is running|No run yet|Nothing was exported yet")).wait_for()
    page.context.clear_cookies()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange')); location.hash = 'evaluations'")
    page.get_by_text("You are logged out: your session has ended.").first.wait_for()
    way_back = page.get_by_role("link", name="Log in again").first
    assert way_back.get_attribute("href") == f"/login?next=%2F{path}"
    way_back.click()
    page.locator("input[name=name]").fill("researcher")
    page.locator("input[name=password]").fill(accounts_at_hand.PASSWORD)
    page.locator("input[name=password]").press("Enter")
    page.wait_for_url(f"**/{path}")
