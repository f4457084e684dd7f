"""The page runs in a browser: form and live plan, a run as it goes, failure and retry, comparing, the notice."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Route, expect

from compare_pages import enter, open_anew
from feedback_store import prompts, reward_models, run_records, runs
from feedback_store.database import Database
from reward_training.human_ceiling import Said, human_ceiling
from reward_training.metrics import Readings, by_slice, evaluate
from rounds import beginnings, resuming, run_alarms, shown_samples, token_rows, verbs
from rounds.settings import parse
from rounds.shown_samples import ShownSample
from web_studies import HOSTILE, claim, judge_all, two_policies

expect.set_options(timeout=20_000)  # a loaded machine takes its time
pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("outside")]


def open_runs(page, address: str, hash: str = "") -> None:
    """Open the page, logged in, at a place of it."""
    enter(page, address)
    open_anew(page, f"{address.split('/login')[0]}/runs{hash}")
    page.locator(".tm-title").wait_for()


def a_policy_run(db: Database, steps: int = 3, offset: float = 0.0) -> runs.Lease:
    """A run at work, with curves of some steps and a hostile log."""
    runs.enqueue(db, "train-policy", parse("train-policy", {"ppo.steps": 9}))
    lease = claim(db)
    for step in range(steps):
        values = {"score": step + offset, "kl_nats": step / 9, "value_loss": 0.5, "clip_fraction": 0.1}
        values["held_out"] = values["score"] - 0.1
        run_records.add_metrics(db, lease, "steps", step, values)
    run_records.log(db, lease, f"first line {HOSTILE}")
    runs.heartbeat(db, lease, lease_seconds=60, progress={"phase": "improving the policy", "step": steps, "steps": 9})
    return lease


def harmless(page) -> None:
    """No hostile text did anything."""
    assert page.evaluate("window.hacked") is None
    assert page.locator(".tm iframe, .tm img, .tm script").count() == 0


def test_links_within_the_page_stay_on_it(study: Database, served: Callable, page):
    open_runs(page, served(study), "")
    page.get_by_role("link", name="Start a run").click()
    page.wait_for_url("**/runs#new")


def test_a_run_is_started_from_the_form_with_its_plan_beside_it(study: Database, served: Callable, page):
    open_runs(page, served(study), "#new/sample")
    command = page.locator(".tm-command")
    expect(command).to_have_text("tastemaker run STUDY sample")
    expect(page.locator(".tm-estimate")).to_contain_text("Rough")
    page.get_by_role("radio", name="Thorough").check()
    expect(command).to_have_text("tastemaker run STUDY sample --set pairs=100")
    page.locator("details", has_text="What is written").locator("summary").click()
    pairs = page.get_by_label("Pairs", exact=True)
    pairs.fill("0")
    expect(page.locator(".tm-field", has=pairs)).to_contain_text("A whole number is needed. From 1 to 10000.")
    expect(command).to_have_count(0)
    page.get_by_role("button", name="Add to the queue").click()
    expect(pairs).to_be_focused()
    assert runs.listing(study) == []
    pairs.fill("7")
    expect(command).to_have_text("tastemaker run STUDY sample --set pairs=7")
    page.get_by_role("button", name="Add to the queue").click()
    expect(page.get_by_text("In the queue:")).to_be_visible()
    page.get_by_role("button", name="Add to the queue").click()
    expect(page.get_by_text("Waiting or at work: 2")).to_be_visible()
    assert [run.config["pairs"] for run in runs.listing(study)] == [7, 7]


def test_a_whole_round_is_started_with_settings_of_both(study: Database, served: Callable, page):
    judge_all(study)
    open_runs(page, served(study), "#new")
    expect(page.locator(".tm-command")).to_contain_text("train-reward --wait && tastemaker run STUDY train-policy")
    page.locator("details", has_text="Policy training (PPO)").locator("summary").click()
    algorithm = page.get_by_label("Algorithm", exact=True)
    page.locator("details", has=algorithm).locator("summary").click()
    algorithm.select_option("rloo")
    page.get_by_role("radio", name="Quick look").check()
    expect(algorithm).to_have_value("rloo")
    page.get_by_role("radio", name=re.compile("^Normal")).check()
    algorithm.select_option("ppo")
    steps = page.get_by_label("Steps", exact=True).locator("visible=true")
    steps.fill("2")
    expect(page.locator(".tm-command")).to_contain_text("--set ppo.steps=2")
    algorithm.select_option("rloo")
    expect(page.locator('details[data-part="ppo"]')).to_be_hidden()
    page.locator('details[data-part="rloo"] summary').click()
    steps.fill("3")
    expect(page.locator(".tm-command")).to_contain_text("--set algorithm=rloo --set rloo.steps=3")
    expect(page.locator(".tm-command")).not_to_contain_text("ppo.steps")
    algorithm.select_option("ppo")
    expect(page.locator(".tm-command")).to_contain_text("--set ppo.steps=2")
    rewards = page.get_by_label("Reward functions", exact=True)
    expect(rewards).to_have_value(re.compile('"function":"learned"'))
    rewards.fill('["learned", "lerned"]')
    expect(page.locator(".tm-field", has=rewards)).to_contain_text("Valid: bleu, chrf")
    rewards.fill('["learned", {"function": "length_window", "settings": {"longest": 40}}]')
    expect(page.locator(".tm-command")).to_contain_text("length_window")
    weight = page.get_by_label("Weight of the potential", exact=True)
    weight.fill("2")
    expect(page.locator(".tm-field", has=weight)).to_contain_text(
        "“Weight of the potential” (2) counts only where “Rewards on the way” is a potential; it is none."
    )
    weight.fill("1")
    expect(page.locator(".tm-command")).to_contain_text("length_window")
    page.locator('details[data-part="reward.loss"] summary').click()
    parts = {kind: page.locator(f'details[data-part="{kind}"]') for kind in ("train-reward", "train-policy")}
    counted = parts["train-policy"].locator("summary").inner_text()
    parts["train-reward"].locator("summary").click()
    parts["train-reward"].get_by_label("Reference samples", exact=True).fill("65")
    expect(parts["train-reward"].locator("summary")).to_contain_text("1 changed")
    assert parts["train-policy"].locator("summary").inner_text() == counted, "that of the other run is as it was"
    page.get_by_label("Margins", exact=True).fill("0, 0, 0")
    expect(page.locator(".tm-command")).to_contain_text("reward.loss.margins=[0.0, 0.0, 0.0]")
    page.get_by_role("button", name="Add to the queue").click()
    expect(page.locator(".tm-said .tm-inline-link")).to_have_count(2)
    policy, reward = runs.listing(study)
    assert [part["function"] for part in policy.config["rewards"]] == ["learned", "length_window"]
    assert (policy.config["ppo"]["steps"], policy.needs, reward.kind) == (2, [reward.id], "train-reward")


def test_time_and_memory_stand_against_what_was_predicted_with_what_it_was_computed_on(
    study: Database, served: Callable, page
):
    lease = a_policy_run(study)
    told = {"seconds": 1e9, "seconds_low": 5e8, "seconds_high": 2e9, "memory_gb": 2.0, "disk_gb": 0.3, "runs": []}
    run_records.add_metrics(study, lease, "predicted", 0, told)
    run_records.add_metrics(study, lease, "environment", 0, {"torch": HOSTILE, "threads": 2, "compile": False})
    runs.heartbeat(study, lease, lease_seconds=60, progress={"phase": "", "peak_memory_gb": 2.5})
    runs.succeed(study, lease, {})
    open_runs(page, served(study), f"#{lease.run_id}")
    facts = page.locator(".tm-facts").first
    expect(facts).to_contain_text("memory about 2.0 GB")
    expect(facts).to_contain_text("time −100 % · memory +25 %")
    expect(facts).to_contain_text("2.5 GB")
    page.get_by_text("What it is computed on").click()
    environment = page.locator("details", has_text="What it is computed on").locator("dd")
    expect(environment).to_have_text([HOSTILE, "2", "no"])
    harmless(page)


@pytest.mark.parametrize(("kept", "chosen"), [(0, False), (2, True)])
def test_a_policy_that_is_no_other_than_its_start_is_said_to_be_so(
    study: Database, served: Callable, page, kept: int, chosen: bool
):
    lease = a_policy_run(study)
    runs.succeed(study, lease, {"parent": "policy-1", "kept_steps": kept, "stays_current": "policy-2"})
    open_runs(page, served(study), f"#{lease.run_id}")
    facts = page.locator(".tm-facts").first
    expect(facts).to_contain_text("policy-2 stays")
    expect(facts.get_by_text("the new policy is no other than policy-1")).to_have_count(0 if chosen else 1)
    expect(facts.get_by_text("somebody chose it")).to_have_count(1 if chosen else 0)


def test_a_run_is_watched_and_its_end_stands_in_the_title_until_it_is_looked_at(
    study: Database, served: Callable, page
):
    two_policies(study, "old", "new", number=2)
    lease = a_policy_run(study)
    folder = resuming.run_folder(study.folder, lease.run_id)
    folder.mkdir(parents=True)
    held_out = [one.id for one in prompts.listing(study, "holdout")]
    shown_samples.add(folder, [ShownSample(0, one, f"before {HOSTILE}", True, 9, 0.25) for one in held_out])
    figures = {"kl": [0.5, -0.25, None], "advantage": [1.5, -0.75, 0.0]}
    row = {"prompt_id": held_out[0], "finished": True, "score": 0.5, "rewarded": 0.25, "beta": 0.1}
    token_rows.add(folder, 1, [{**row, "tokens": [HOSTILE, "\n", ""], "figures": figures}])
    for step, code, value, limit in (
        (0, "unproven_reward", 0.25, 0.5),
        (1, "distinct", 0.2, 0.4),
        (2, "kl_budget", None, 5.0),
    ):
        run_records.add_metrics(study, lease, run_alarms.ALARMS, step, {code: value, f"{code}.limit": limit})
    open_runs(page, served(study), f"#{lease.run_id}")
    expect(page.get_by_text("3 of 9")).to_be_visible()
    alarms = page.locator(".tm-failure").get_by_role("listitem")
    expect(alarms).to_have_text(
        [
            re.compile(r"^Step 0: the reward cannot be told from chance yet.* in 0\.25 only; 0\.5 is chance"),
            re.compile("^Step 1: 0.2 of .*at least 0.4"),
            re.compile(r"^Step 2: KL \? nats, past the budget of 5\."),
        ]
    )
    tokens = page.get_by_role("listbox", name="Token by token")
    expect(tokens.locator("[aria-selected=true]")).to_have_text(HOSTILE)
    tokens.press("ArrowRight")
    expect(page.locator(".tm-token-facts")).to_have_text(re.compile("Advantage.*-0.750.*KL.*-0.250"))
    tokens.press("End")
    expect(page.locator(".tm-token-facts")).to_have_text(re.compile("Advantage.*0.000.*KL.*–"))
    for title in ("Reward", "KL to the reference", "Value loss", "Share of ratios clipped"):
        expect(page.get_by_role("img", name=re.compile(f"^{title}: "))).to_be_visible()
    both = page.get_by_role(
        "img", name=re.compile("^Reward in training and on held-out prompts, over √KL: Reward 2.00, .*cautious 1.90")
    )
    expect(both.locator("path.tm-line")).to_have_count(2)
    expect(page.locator(".tm-log")).to_contain_text("first line <img")
    expect(page.locator(".tm-sample-text").first).to_contain_text("before <img")
    settings = page.locator("details", has=page.get_by_text("All settings"))
    settings.locator("summary").click()
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    shown_samples.add(folder, [ShownSample(2, one, "on the way", False) for one in held_out])
    run_records.log(study, lease, "second line")
    runs.succeed(study, lease, {"policy": "policy-9"})
    page.wait_for_function(f"document.title.startsWith('✓ Train the policy {lease.run_id} · Runs')")
    expect(page.locator(".tm-log")).to_contain_text("second line")
    expect(settings).to_have_attribute("open", "")
    expect(page.locator(".tm-sample-text", has_text="on the way").first).to_be_visible()
    expect(page.locator("dl.tm-facts").first).to_contain_text("policy policy-9")
    page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_function("document.title.startsWith('Runs')")
    harmless(page)


def test_a_run_at_work_keeps_focus_and_selection_while_it_goes_on(study: Database, served: Callable, page):
    lease = a_policy_run(study)
    queued = verbs.start_run(study, "sample").id
    open_runs(page, served(study), f"#{lease.run_id}")
    settings = page.locator("details", has=page.get_by_text("All settings"))
    settings.locator("summary").click()
    page.evaluate("getSelection().selectAllChildren(document.querySelector('.tm-command'))")
    for step, name in ((4, "Start one like it"), (5, "Copy")):
        focused = page.get_by_role("link", name=name).or_(page.get_by_role("button", name=name))
        focused.focus()
        run_records.add_metrics(study, lease, "steps", step, {"score": 4.0})
        runs.heartbeat(study, lease, lease_seconds=60, progress={"phase": "", "step": step, "steps": 9})
        expect(page.get_by_text(f"{step} of 9")).to_be_visible()
        expect(focused).to_be_focused()
    assert page.evaluate("getSelection().toString()").startswith("tastemaker run STUDY train-policy")
    expect(settings).to_have_attribute("open", "")
    page.evaluate(f"location.hash = '#{queued}'")
    chip = page.locator(".tm-box-title .tm-chip")
    expect(chip).to_have_text("waiting")
    page.get_by_role("button", name="Cancel", exact=True).click()
    runs.succeed(study, lease, {})
    claim(study)
    expect(chip).to_have_text("running")
    page.locator("dialog").get_by_role("button", name="Back").click()
    expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_focused()


def test_the_log_comes_to_its_end_and_belongs_to_the_run_that_is_shown(study: Database, served: Callable, page):
    lease, other = a_policy_run(study), a_policy_run(study)
    address = served(study)
    held: list[Route] = []
    of_first = re.compile(rf"/api/runs/{lease.run_id}\?")
    page.route(of_first, lambda route: route.abort())
    open_runs(page, address, f"#{lease.run_id}")
    page.get_by_role("button", name="Try again").first.wait_for()
    page.unroute(of_first)
    page.get_by_role("button", name="Try again").first.click()
    log = page.locator(".tm-log li")
    expect(log).to_have_count(1)
    expect(page.get_by_text("Token by token").first).to_be_visible()
    page.route("**/api/runs/**", lambda route: route.abort())
    for number in range(250):
        run_records.log(study, lease, f"later {number}")
    run_records.log(study, lease, "what ended it", level="error")
    runs.fail(study, lease, "out of memory")
    page.get_by_text("This could not be loaded").first.wait_for()
    page.unroute("**/api/runs/**")
    expect(log).to_have_count(252)
    expect(log.last).to_contain_text("what ended it")
    page.route(of_first, lambda route: held.append(route))
    page.evaluate(f"location.hash = '#{other.run_id}'")
    expect(log).to_have_count(1)
    page.evaluate(f"location.hash = '#{lease.run_id}'")
    page.wait_for_function("document.querySelector('.tm-log').checkVisibility() === false")
    page.evaluate(f"location.hash = '#{other.run_id}'")
    expect(page.locator(".tm-box-title").first).to_contain_text(f"· {other.run_id}")
    with page.expect_response(of_first):
        for route in held:
            route.continue_()
    run_records.log(study, other, "of the other")
    expect(log.last).to_contain_text("of the other")
    expect(log).to_have_count(2)
    with study.transaction():
        for number in range(1000):
            run_records.log(study, other, f"much {number}")
    expect(log).to_have_count(1000)
    page.evaluate("document.querySelector('.tm-log').scrollTop = 0")
    run_records.log(study, other, "one more")
    expect(log).to_have_count(1001)  # nothing goes while somebody reads the first of them


def test_a_failed_run_says_why_and_is_gone_on_from(study: Database, served: Callable, page):
    lease = a_policy_run(study)
    folder = resuming.run_folder(study.folder, lease.run_id)
    (folder / "checkpoints" / "step-000003").mkdir(parents=True)
    (folder / "checkpoints" / "step-000003" / "manifest.json").write_text("{}")
    (folder / beginnings.FILE).write_text('{"start_policy": "base", "reward_model": "reward-1"}')
    runs.fail(study, lease, f"out of memory {HOSTILE}")
    open_runs(page, served(study), f"#{lease.run_id}")
    expect(page.get_by_text("The machine had too little memory.")).to_be_visible()
    expect(page.locator(".tm-tries")).to_contain_text("Go on from the newest checkpoint.")
    page.get_by_role("button", name="Go on from step 3").click()
    page.locator("dialog").get_by_role("button", name="Go on from step 3").click()
    expect(page).to_have_url(re.compile(f"#{lease.run_id + 1}$"))
    expect(page.locator("dl.tm-facts").first).to_contain_text("Goes on from")
    assert runs.listing(study)[0].config["resume_from"] == lease.run_id
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.locator("dialog").get_by_role("button", name="Cancel", exact=True).click()
    expect(page.locator(".tm-box-title .tm-chip")).to_have_text("cancelled")
    expect(page.get_by_role("button", name="Retry from the start")).to_be_visible()
    harmless(page)


def test_the_list_is_filtered_paged_and_leads_to_a_comparison(study: Database, served: Callable, page):
    for place in range(22):
        lease = a_policy_run(study, offset=place)
        runs.succeed(study, lease, {})
    runs.cancel(study, verbs.start_run(study, "sample").id)
    cancelled = runs.listing(study, limit=1)[0].id
    open_runs(page, served(study))
    expect(page.locator("tbody tr")).to_have_count(20)
    page.get_by_role("button", name="Next").or_(page.get_by_role("button", name="Forward")).click()
    expect(page.locator("tbody tr")).to_have_count(3)
    expect(page).to_have_url(re.compile("page=1"))
    page.get_by_label("State").select_option("cancelled")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_label("State").select_option("failed")
    expect(page.get_by_text("No run is like this")).to_be_visible()
    page.goto(f"{page.url.split('#')[0]}#{cancelled}")
    expect(page.get_by_text("This kind is retried from the start, which takes minutes")).to_be_visible()
    page.goto(f"{page.url.split('#')[0]}#")
    page.get_by_label("State").select_option("")
    page.get_by_role("checkbox", name="Compare Train the policy · 22").check()
    page.get_by_role("checkbox", name="Compare Train the policy · 21").check()
    page.get_by_role("button", name="Compare 2 runs").click()
    expect(page).to_have_url(re.compile("#compare=21,22$"))
    expect(page.locator(".tm-legend li")).to_have_count(2)
    drawn = page.get_by_role(
        "img", name=re.compile("^Reward: Train the policy · 21 22.00, Train the policy · 22 23.00")
    )
    expect(drawn.locator("path.tm-line")).to_have_count(2)
    over = page.get_by_role("img", name=re.compile("over √KL: Train the policy · 21 "))
    expect(over).to_have_count(2)
    expect(over.first.locator("path.tm-line")).to_have_count(2)
    dashes = drawn.locator("path.tm-line").evaluate_all(
        "lines => lines.map((line) => line.getAttribute('stroke-dasharray'))"
    )
    assert len(set(dashes)) == 2  # told apart without colour
    page.get_by_text("Reward as numbers").click()
    expect(page.locator(".tm-numbers table").first.locator("tbody tr")).to_have_count(3)


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_narrow_and_without_anything_it_says_what_fills_it(study: Database, served: Callable, browser, locale: str):
    context = browser.new_context(viewport={"width": 320, "height": 700}, locale=locale)
    page = context.new_page()
    address = served(study)
    for hash, words in (
        ("", {"en-GB": "No run yet", "zh-CN": "还没有运行"}),
        ("#compare=", {"en-GB": "No run is named in the address", "zh-CN": "地址中没有指明运行"}),
        ("#99", {"en-GB": "There is no run 99", "zh-CN": "There is no run 99"}),
        ("#new/train-policy", {"en-GB": "no reward model", "zh-CN": "还没有奖励模型"}),
    ):
        open_runs(page, address, hash)
        expect(page.get_by_text(words[locale]).first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, hash
    context.close()


def test_a_training_shows_how_good_its_reward_is(study: Database, served: Callable, page):
    """Figures beside the best that could be, a drawing with its numbers, slices with what people called themselves."""
    draw = np.random.default_rng(0)
    read = Readings(
        draw.normal(0.5, 1, 60), draw.integers(5, 9, (60, 2)) * 1.0, draw.integers(3, size=60), list("abcdef") * 10
    )
    said = [Said(str(pair), str(pair), who, who < "y" or pair > 2) for pair in range(9) for who in "xyz"]
    slices = {"tag": by_slice(read, [[HOSTILE]] * 60), "person": by_slice(read, [["9999"]] * 60)}
    runs.enqueue(study, "train-reward", parse("train-reward", {}))
    lease = claim(study)
    reward_models.publish(
        study,
        lease,
        folder="models/reward-1",
        base_sha256="a" * 64,
        manifest_sha256="d" * 64,
        metrics={
            "holdout": evaluate(read.taken(np.arange(12)), 0.0),
            "cross_fitted": evaluate(read, 0.0),
            "ceiling": human_ceiling(said),
            "slices": slices,
            "temperature": 1.25,
        },
    )
    page.set_viewport_size({"width": 320, "height": 800})
    open_runs(page, served(study), f"#{lease.run_id}")
    part = page.get_by_role("region", name="How good the reward is").first
    expect(part).to_contain_text("Best that any reward could show")
    assert part.get_by_role("img").get_attribute("aria-label").count("said 0.") == len(
        evaluate(read, 0.0)["reliability"]
    )
    expect(part.get_by_role("table", name="Where it is right")).to_contain_text("person 9999")
    expect(part).to_contain_text("a temperature of 1.25")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    harmless(page)
