"""The page Policies in a browser: rolling back, a blind evaluation from its start to its end, narrow, in Chinese."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

import evaluation_studies
from compare_pages import enter
from feedback_store import evaluations, policies, runs
from feedback_store.database import Database
from tests.ui.test_accessibility import require_accessible
from web_studies import HOSTILE, exported_reward

expect.set_options(timeout=20_000)  # a loaded machine takes its time
pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("outside")]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with evaluation_studies.make(tmp_path / "policies") as study:
        yield study


@pytest.fixture
def opened(db: Database, served: Callable, page) -> Callable[[str], None]:
    """Opens the page at what stands behind its #."""
    address = served(db)
    enter(page, address)

    def at(place: str) -> None:
        page.goto(f"{address.split('/login')[0].split('?')[0].rstrip('/')}/policies#{place}")
        expect(page.locator("[role=tab][aria-selected=true]")).to_be_visible()

    return at


def test_an_older_policy_is_made_current_and_it_is_undone(db: Database, opened: Callable, page):
    evaluation_studies.evaluated(db, {"policy-1": 1.0, "base": 0.5})
    opened("versions")
    rows = page.locator(".tm-panel:visible table").first.locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("policy-1current")
    expect(page.locator(".tm-panel:visible table").nth(1)).to_contain_text("1.30")  # best of n by the reward
    for name, place in (("base", 1), ("policy-1", 0)):
        page.get_by_role("button", name=f"Make {name} the current policy").press("Enter")
        dialog = page.locator("dialog[open]")
        expect(dialog).to_contain_text("no version is lost")
        dialog.locator("button[type=submit]").press("Enter")
        expect(dialog).to_have_count(0)
        expect(rows.nth(place)).to_contain_text("writes the next pairs")
        assert policies.current(db).name == name
    require_accessible(page, "versions")


def test_exports_of_weights_are_downloaded_and_started(db: Database, opened: Callable, page):
    evaluation_studies.evaluated(db, {"policy-1": 1.0, "base": 0.5})
    opened("versions")
    expect(page.get_by_text("Nothing was exported yet.")).to_be_visible()
    page.get_by_role("button", name="Export the reward as a classifier").dblclick(delay=60)
    expect(page.get_by_text("it is listed here when it is done")).to_be_visible()
    page.evaluate("fetch('/api/policies')")  # what a second click had sent stands before this one
    [started] = runs.listing(db, kind="reward-export")
    assert started.config["format"] == "classifier"
    runs.cancel(db, started.id)
    name = exported_reward(db, "classifier")
    page.reload()
    with page.expect_download() as begun:
        page.get_by_role("link", name=f"{name}.zip").press("Enter")
    assert begun.value.suggested_filename == f"{name}.zip"
    require_accessible(page, "versions")


def test_a_blind_evaluation_is_started_and_stays_sealed(db: Database, opened: Callable, page):
    evaluation_studies.evaluated(db, {"policy-1": 1.0, "base": 0.5})  # there is a reward
    opened("evaluations")
    expect(page.get_by_text("No evaluation yet.")).to_be_visible()
    expect(page.get_by_label("policy-1").first).to_be_checked()
    for name in ("base", "policy-1"):
        page.get_by_label(name, exact=True).first.uncheck()
    page.get_by_role("button", name="Start the evaluation").press("Enter")
    expect(page.get_by_text("Tick at least one policy.")).to_be_visible()
    assert evaluations.listing(db) == []
    for name in ("base", "policy-1"):
        page.get_by_label(name, exact=True).first.check()
    page.get_by_label("Of how many texts").fill("")
    page.get_by_label("Judgments", exact=True).fill("")
    page.get_by_role("button", name="Start the evaluation").press("Enter")
    expect(page.get_by_text("A whole number is needed. From 2 to 10000.")).to_be_visible()
    page.get_by_label("Judgments", exact=True).fill("30")
    page.get_by_label("policy-1").last.check()
    page.get_by_role("button", name="Start the evaluation").press("Enter")
    expect(page.get_by_text("A whole number is needed. From 2 to 64.")).to_be_visible()
    page.get_by_label("policy-1").last.uncheck()
    expect(page.get_by_text("30 judgments take people about 10 min")).to_be_visible()
    page.get_by_label("When it ends").select_option("sequential")
    page.get_by_role("button", name="Start the evaluation").press("Enter")
    expect(page.get_by_text("0 of 30 judged")).to_be_visible()
    expect(page.get_by_text("The sides are writing their texts")).to_be_visible()
    [evaluation] = evaluations.listing(db)
    assert page.url.endswith(f"#evaluations/{evaluation.id}") and evaluation.stop_rule == "sequential"
    require_accessible(page, "a sealed evaluation")


def test_looking_early_shows_the_result_says_so_and_hostile_texts_stay_texts(db: Database, opened: Callable, page):
    texts = (f"base {HOSTILE}", f"policy-1 {HOSTILE}")
    evaluation = evaluation_studies.start(db, wanted=20, pairs=12, texts=texts)
    evaluation_studies.judge(db, 2, newer_wins=False, strength=3)
    evaluation_studies.judge(db, 4)
    page.clock.install()
    opened(f"evaluations/{evaluation.id}")
    expect(page.get_by_text("6 of 20 judged")).to_be_visible()
    assert "policy-1" in page.locator(".tm-panel:visible").inner_text(), "which sides there are is told"
    expect(page.locator(".tm-verdict")).to_have_count(0)
    page.get_by_role("button", name="End it and look").press("Enter")
    dialog = page.locator("dialog[open]")
    expect(dialog).to_contain_text("6 of 20 are judged")
    evaluation_studies.judge(db, 1)
    page.clock.run_for(6000)  # the page looks again meanwhile
    dialog.get_by_role("button", name="Back").press("Enter")
    page.clock.run_for(6000)
    expect(page.get_by_text("7 of 20 judged")).to_be_visible()
    page.get_by_role("button", name="End it and look").press("Enter")
    dialog.locator("button[type=submit]").press("Enter")
    expect(page.get_by_text("Looked at early by")).to_be_visible()
    expect(page.locator(".tm-verdict")).to_contain_text("5 of 7")
    expect(page.locator(".tm-verdict")).to_contain_text("Cannot tell yet: about")
    expect(page.locator("table").filter(has_text="Row against column")).to_contain_text("5–0–2")
    expect(page.locator(".tm-side-row")).to_have_count(2)
    expect(page.locator(".tm-side-row").first).to_contain_text("<script>window.hacked=1</script>")
    assert page.evaluate("window.hacked") is None
    require_accessible(page, "an evaluation that has ended")
    page.locator("#tm-tab-together").click()
    expect(page.locator(".tm-panel:visible .tm-verdict")).to_contain_text("policy-1 against base")
    page.reload()
    expect(page.locator(".tm-panel:visible .tm-verdict")).to_contain_text("5 of 7")


def test_narrow_and_in_chinese_nothing_runs_off_the_page(db: Database, opened: Callable, page):
    evaluation_studies.evaluated(db, {"policy-1": 1.0, "base": 0.5})
    evaluation = evaluation_studies.start(db, wanted=4, pairs=9, best_of=True)
    evaluation_studies.judge(db, 4)
    page.set_viewport_size({"width": 320, "height": 700})
    page.add_init_script("localStorage.setItem('tastemaker:language', 'zh')")
    for place, words in (
        ("versions", "写下一批回答对"),
        ("evaluations", "发起盲评"),
        (f"evaluations/{evaluation.id}", "各方被偏好的比例"),
        ("together", "实力"),
    ):
        opened(place)
        expect(page.locator(".tm-panel:visible")).to_contain_text(words)
        assert page.evaluate("document.documentElement.scrollWidth") == 320, place
        assert "policies." not in page.locator(".tm-main").inner_text()


def test_a_policy_is_exported_in_a_form_that_its_base_allows(db: Database, opened: Callable, page):
    opened("versions")
    page.get_by_role("button", name="Export policy-1").press("Enter")
    dialog = page.locator("dialog[open]")
    expect(dialog).to_contain_text("lies nowhere else under a name")
    form = dialog.get_by_label("Form", exact=True)
    assert form.locator("option").evaluate_all("all => all.map((one) => one.value)") == ["adapter-with-base", "merged"]
    require_accessible(page, "export")
    form.select_option("merged")
    dialog.get_by_label("Of prompts and imported texts").fill("CC-BY-4.0")
    dialog.locator("button[type=submit]").press("Enter")
    page.wait_for_url("**/runs#*")
    [run, *_] = runs.listing(db, kind="policy-export")
    asked = {name: run.config[name] for name in ("policy", "format", "data_licence", "base_licence")}
    assert asked == {"policy": "policy-1", "format": "merged", "data_licence": "CC-BY-4.0", "base_licence": None}
    assert page.url.endswith(f"#{run.id}")
