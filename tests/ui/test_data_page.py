"""The page data in a browser: a file comes in and is taken back, rows lead to rows, an export goes out."""

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from compare_pages import enter, open_anew
from feedback_store import export_shelf, import_list, judgments, prompts, uploads
from feedback_store.database import Database
from web_studies import HOSTILE, fill, judge_all, reward_model

expect.set_options(timeout=20_000)  # a loaded machine takes its time
pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("outside")]

ROW = {"completions": [{"text": "a"}, {"text": HOSTILE}], "judgments": [{"annotator": "x", "ranks": [1, 2]}]}
LINES = [json.dumps({"prompt": "Why?", **ROW}), "{oops", json.dumps({"prompt": "How?", **ROW}), '{"prompt": 5}']
DROP = """([text, name]) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name));
  document.querySelector(".tm-data-drop").dispatchEvent(
    new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


def show(page, address: str, hash: str) -> None:
    """Open the page at a place of it."""
    enter(page, address)
    open_anew(page, f"{address.split('login')[0].rstrip('/')}/data{hash}")
    expect(page.locator("[role=tabpanel]:visible .tm-remote[aria-busy]")).to_have_count(0)


def confirm(page) -> None:
    dialog = page.locator("dialog[open]")
    dialog.locator("button[type=submit]").press("Enter")
    expect(dialog).to_have_count(0)


def test_a_file_is_dropped_tried_imported_and_taken_back(study: Database, served: Callable, page):
    before = (prompts.count(study), judgments.count(study))
    show(page, served(study), "#import")
    expect(page.get_by_text("Nothing was imported yet.")).to_be_visible()
    page.evaluate(DROP, ["\n".join(LINES), "said.jsonl"])
    card = page.locator(".tm-data-file")
    expect(card.get_by_label("Format")).to_have_value("comparisons")
    expect(card.get_by_role("button", name="Import")).to_have_count(0)
    card.get_by_role("button", name="Try it").press("Enter")
    expect(card.locator(".tm-said")).to_contain_text("Would be added: 2 rows (2 prompts, 4 completions,")
    rows = card.locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("2Not valid JSON")
    assert (prompts.count(study), judgments.count(study)) == before
    card.get_by_role("button", name="Would be added (2)").click()
    expect(rows.nth(1)).to_contain_text("31 prompts, 2 completions, 1 comparisons, and 1 judgments")
    card.get_by_role("button", name="Import 2 rows").press("Enter")
    expect(card.locator(".tm-said")).to_contain_text("Imported: 2 rows")
    assert judgments.count(study) == before[1] + 2 and uploads.listing(study) == []
    page.get_by_role("button", name="Undo this import").click()
    dialog = page.locator("dialog[open]")
    expect(dialog).to_contain_text("Goes: 2 prompts, 4 completions, 2 comparisons, and 2 judgments.")
    expect(dialog).to_contain_text("No run has trained on its judgments.")
    confirm(page)
    expect(page.get_by_role("cell", name="Taken back")).to_be_visible()
    assert (prompts.count(study), judgments.count(study)) == before


def test_a_file_that_waits_is_there_again_and_the_next_part_of_a_cut_one_is_sent(
    study: Database, served: Callable, page, tmp_path
):
    text = "\n".join(f"Prompt {n}?" for n in range(60_000)).encode()
    assert len(text) > 2 * 400_000
    path = tmp_path / "many.txt"
    path.write_bytes(text)
    address = served(study)
    me = judge_all(study, "local") and study.value("SELECT id FROM annotators WHERE name = 'local'")
    half = uploads.begin(study, "many.txt", len(text), by=me)
    uploads.add(study, half.id, 0, text[:400_000])
    show(page, address, "#import")
    card = page.locator(".tm-data-file")
    expect(card).to_contain_text("Only a part of many.txt is here")
    page.set_input_files("#tm-data-file", path)
    expect(card.get_by_label("Format")).to_have_value("prompts")
    assert uploads.get(study, half.id).path.read_bytes() == text
    page.reload()
    expect(card.get_by_label("Format")).to_have_value("prompts")
    card.get_by_role("button", name="Remove this file").click()
    expect(card).to_have_count(0)
    assert uploads.listing(study) == [] and import_list.listing(study) == []


def test_rows_filter_click_through_and_can_be_linked_to(study: Database, served: Callable, page):
    fill(study, 30, question=HOSTILE)
    judge_all(study)
    reward_model(study)
    address = served(study)
    show(page, address, "#prompts")
    page.get_by_label("Search").fill("QUESTION 7:")
    page.get_by_label("Search").press("Enter")
    panel = page.locator("[role=tabpanel]:visible")
    expect(panel.locator("tbody tr")).to_have_count(1)
    assert page.url.endswith("#prompts?search=QUESTION+7%3A")
    panel.locator("tbody a").first.click()
    expect(panel.get_by_role("heading", name="Prompt 8")).to_be_focused()
    panel.get_by_role("link", name="Comparison 8").click()
    panel = page.locator("[role=tabpanel]:visible")
    expect(panel.get_by_role("button", name="On comparison 8: remove this filter")).to_be_visible()
    panel.get_by_role("link", name="Judgment 8").click()
    expect(panel).to_contain_text("Response 1 is better")
    expect(panel).to_contain_text("reward-1")
    expect(panel.get_by_role("link", name="Run 1", exact=True)).to_have_attribute("href", "/runs#1")
    panel.get_by_role("link", name="Open response 2").click()
    panel = page.locator("[role=tabpanel]:visible")
    expect(panel).to_contain_text("Policy")
    expect(panel.get_by_role("link", name="Prompt 8")).to_be_visible()
    page.go_back()
    panel.get_by_role("link", name="All judgments that run 1 saw").click()
    expect(panel.locator("tbody tr")).to_have_count(25)
    panel.get_by_role("button", name="Older").press("Enter")
    expect(panel.locator("tbody tr")).to_have_count(11)
    expect(panel.get_by_role("button", name="Older")).to_be_disabled()
    expect(panel.locator(".tm-remote").first).to_be_focused()

    page.goto(f"{page.url.split('#')[0]}#judgments?verdict=tie&purpose=training")
    expect(page.get_by_text("Nothing fits these filters.")).to_be_visible()
    assert page.get_by_label("Verdict").input_value() == "tie"
    page.get_by_label("Verdict").select_option("decided")
    expect(page.locator("[role=tabpanel]:visible tbody tr")).to_have_count(25)
    assert page.url.endswith("#judgments?purpose=training&verdict=decided")
    page.goto(f"{page.url.split('#')[0]}#judgments/999")
    expect(page.get_by_text("There is no judgment 999.")).to_be_visible()


def test_an_export_is_looked_at_made_downloaded_and_made_again_by_its_snapshot(study: Database, served: Callable, page):
    judge_all(study)
    reward_model(study)
    show(page, served(study), "#export")
    expect(page.get_by_text("No export was made yet.")).to_be_visible()
    page.get_by_text("Filters", exact=True).click()
    expect(page.get_by_label("From (UTC)", exact=True)).to_be_visible()
    page.get_by_label("Snapshot of a run").select_option("1")
    page.get_by_role("button", name="Preview").press("Enter")
    preview = page.get_by_role("region", name="Preview")
    expect(preview).to_contain_text("Kept6")
    expect(preview.locator("pre")).to_have_count(3)
    page.get_by_role("button", name="Make the export").click()
    expect(page.locator(".tm-items > li")).to_have_count(1)
    with page.expect_download() as started:
        page.get_by_role("link", name="train.jsonl").click()
    first = started.value.path().read_bytes()
    assert len(first.splitlines()) == 6
    page.get_by_role("link", name="The same again: snapshot of run 1").click()
    expect(page.get_by_label("Snapshot of a run")).to_have_value("1")
    page.get_by_role("button", name="Make the export").click()
    expect(page.locator(".tm-items > li")).to_have_count(2)
    with page.expect_download() as started:
        page.get_by_role("link", name="train.jsonl").first.click()
    assert started.value.path().read_bytes() == first
    for number in range(9):
        export_shelf.folder_of(study, f"other-{number}").mkdir()
    page.reload()
    page.locator(".tm-pager").get_by_role("button").last.click()
    expect(page.locator(".tm-items > li")).to_have_count(1)
    page.get_by_role("button", name="Remove").first.click()
    confirm(page)
    expect(page.locator(".tm-items > li")).to_have_count(10)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_narrow_screens_never_scroll_to_the_side(study: Database, served: Callable, page, language: str):
    fill(study, 2, question=HOSTILE)
    judge_all(study, HOSTILE[:90])
    reward_model(study)
    address = served(study)
    page.add_init_script(f"location.host && localStorage.setItem('tastemaker:language', '{language}')")
    page.set_viewport_size({"width": 320, "height": 640})
    for hash in ("#import", "#prompts", "#prompts/7", "#completions", "#completions/14", "#judgments", "#judgments/8",
                 "#export"):  # fmt: skip
        show(page, address, hash)
        assert page.evaluate("document.documentElement.scrollWidth") == 320, hash
    if language == "zh":
        expect(page.get_by_role("tab", name="导出")).to_have_attribute("aria-selected", "true")
        expect(page.get_by_role("button", name="预览")).to_be_visible()
