"""The settings page in a browser: by the keyboard, narrow, in Chinese; faults, conflicts, failures."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

import accounts_at_hand
from compare_pages import log_in
from feedback_store import accounts, criteria, guidelines, information_texts
from feedback_store.database import Database
from rounds import studies
from web_studies import HOSTILE

expect.set_options(timeout=20_000)  # a loaded machine takes its time
pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("outside")]


@pytest.fixture
def people(study: Database) -> dict:
    return accounts_at_hand.people(study)


def open_settings(page, study: Database, address: str, name: str, tab: str = "asked") -> None:
    """Open a tab of the settings as somebody who is logged in."""
    log_in(page, study, address, accounts.required(study, name).annotator_id)
    page.goto(f"{address}settings#{tab}")
    expect(page.locator(f"#tm-panel-{tab} .tm-remote[aria-busy]")).to_have_count(0)
    expect(page.locator(f"#tm-panel-{tab}")).to_be_visible()


def press(page, name: str) -> None:
    """Reach a button by the keyboard alone and press it."""
    button = page.get_by_role("button", name=name, exact=True)
    button.wait_for()
    for _ in range(80):
        page.keyboard.press("Tab")
        if button.evaluate("node => node === document.activeElement"):
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"The keyboard does not reach {name!r}")


def test_settings_are_changed_by_the_keyboard_and_say_so_first(study: Database, people: dict, served: Callable, page):
    open_settings(page, study, served(study), "researcher")
    expect(page.get_by_text("The round is open")).to_be_visible()
    assert page.get_by_role("tab").all_inner_texts() == [
        "What is asked", "Criteria", "Guidelines", "Information text", "Versions",
    ]  # fmt: skip
    strength = page.get_by_label("Ask how much better")
    expect(strength).to_be_checked()
    strength.focus()
    page.keyboard.press("Space")
    page.get_by_label("Answers a person and day").focus()
    page.keyboard.type("40")
    changes = page.locator(".tm-unsaved")
    expect(changes).to_contain_text("Not saved yet:")
    assert [re.sub(r"\s+", " ", text) for text in changes.locator("li").all_inner_texts()] == [
        "Ask how much better yes → becomes no", "Answers a person and day none → becomes 40",
    ]  # fmt: skip
    press(page, "Save")
    expect(page.locator(".tm-save .tm-said")).to_have_text("Saved as a new version.")
    settings = studies.settings(study)
    assert (settings.asked.strength, settings.daily_quota) == (False, 40)

    page.get_by_role("tab", name="What is asked").focus()
    page.keyboard.press("End")
    version = page.locator("#tm-panel-versions section").first
    expect(version).to_contain_text("Answers a person and day")
    expect(version.locator("li")).to_have_count(2)
    expect(page.get_by_text("The settings with which the study was made.")).to_be_visible()


def test_a_fault_stands_beside_its_field(study: Database, people: dict, served: Callable, page):
    open_settings(page, study, served(study), "researcher")
    page.get_by_label("Responses in a comparison").fill("9")
    press(page, "Save")
    candidates = page.get_by_label("Responses in a comparison")
    expect(candidates).to_have_attribute("aria-invalid", "true")
    expect(candidates).to_be_focused()
    field = page.locator(".tm-field").filter(has=candidates)
    expect(field.locator(".tm-field-error")).to_have_text("A whole number is needed. From 2 to 5.")
    expect(page.locator(".tm-save [role=alert]")).to_contain_text("Nothing was saved.")
    candidates.fill("3")
    press(page, "Save")
    expect(page.locator(".tm-save .tm-said")).to_have_text("Saved as a new version.")
    assert studies.settings(study).asked.candidates == 3


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(study: Database, people: dict, served: Callable, page):
    open_settings(page, study, served(study), "researcher")
    page.get_by_label("People on a shared comparison").fill("5")
    studies.change_settings(study, by="another", overlap=7)
    press(page, "Save")
    expect(page.get_by_text("Somebody else changed the settings meanwhile.")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_label("People on a shared comparison")).to_have_value("7")
    assert studies.settings(study).overlap == 7


def test_criteria_by_the_keyboard(study: Database, people: dict, served: Callable, page):
    criteria.add(study, "honest", "Which is more honest?", position=0)
    criteria.add(study, HOSTILE[:60], HOSTILE[:300], position=1)
    open_settings(page, study, served(study), "researcher", "criteria")
    names = page.locator(".tm-criterion-name")
    expect(names).to_have_count(2)
    page.get_by_label("Name", exact=True).fill("brief")
    page.get_by_label("What people are asked").fill("Which is more brief?")
    page.keyboard.press("Enter")
    expect(names).to_have_count(3)
    expect(names.last).to_have_text("brief")
    page.get_by_role("tab", name="Criteria").focus()
    press(page, "Move brief up")
    expect(names.nth(1)).to_have_text("brief")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Move brief up"
    page.get_by_role("tab", name="Criteria").focus()
    press(page, "Retire honest")
    expect(page.get_by_role("dialog")).to_contain_text("What people said about it stays.")
    press(page, "Retire")
    expect(names).to_have_count(2)
    assert criteria.current(study)[0].name == "brief"
    assert page.evaluate("window.hacked") is None


def test_guidelines_are_written_by_language_and_every_version_stays(
    study: Database, people: dict, served: Callable, page
):
    guidelines.add(study, f"# Old\n\n{HOSTILE}")
    open_settings(page, study, served(study), "researcher", "guidelines")
    panel = page.locator("#tm-panel-guidelines")
    text = panel.get_by_label("Text", exact=True)
    expect(text).to_have_value(re.compile("# Old"))
    press(page, "Preview")
    preview = page.get_by_role("dialog", name="Preview")
    expect(preview.get_by_role("heading", name="Old")).to_be_visible()
    page.keyboard.press("Escape")
    text.fill("Look for **honesty**.")
    press(page, "Preview")
    expect(preview.locator("strong")).to_have_text("honesty")
    page.keyboard.press("Escape")
    expect(preview).to_have_count(0)
    assert page.evaluate("document.activeElement.textContent") == "Preview"
    assert len(guidelines.listing(study)) == 1
    text.focus()
    press(page, "Save as version 2")
    expect(panel.get_by_role("status")).to_have_text("Saved as version 2.")
    expect(panel.locator("details")).to_have_count(2)
    panel.get_by_label("Language").select_option("zh")
    expect(text).to_have_value("")
    text.fill("看是否诚实。")
    press(page, "Save as version 1")
    expect(panel.locator("details")).to_have_count(3)
    panel.locator("summary").last.focus()
    page.keyboard.press("Enter")
    expect(panel.locator("details").last.locator("h3, h4")).to_have_text("Old")
    assert page.evaluate("window.hacked") is None
    assert [(one.language, one.version) for one in guidelines.listing(study)] == [("en", 1), ("en", 2), ("zh", 1)]


def test_a_new_information_text_is_asked_back_and_a_translation_is_not(
    study: Database, people: dict, served: Callable, page
):
    information_texts.add(study, "Your answers train a model.")
    open_settings(page, study, served(study), "researcher", "information")
    panel = page.locator("#tm-panel-information")
    panel.get_by_label("Text", exact=True).fill("Your answers train models.")
    press(page, "Save as version 2")
    dialog = page.get_by_role("dialog", name="Save version 2?")
    expect(dialog).to_contain_text("Everybody is asked to agree to it before their next question.")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)  # gone, not only hidden: until then the form is still asking
    assert len(information_texts.listing(study)) == 1
    page.keyboard.press("Enter")
    press(page, "Save and ask everybody")
    expect(panel.locator("details")).to_have_count(2)
    panel.get_by_label("Language").select_option("zh")
    panel.get_by_label("Text", exact=True).fill("您的回答用于训练模型。")
    press(page, "Save as version 2")
    expect(panel.locator("details")).to_have_count(3)
    assert [(one.language, one.version) for one in information_texts.listing(study)][-1] == ("zh", 2)


def test_a_text_that_somebody_else_wrote_meanwhile_is_not_overwritten(
    study: Database, people: dict, served: Callable, page
):
    open_settings(page, study, served(study), "researcher", "guidelines")
    page.locator("#tm-panel-guidelines").get_by_label("Text", exact=True).fill("Mine.")
    guidelines.add(study, "Theirs.")
    press(page, "Save as version 1")
    expect(page.get_by_text("Somebody else wrote a newer version meanwhile.")).to_be_visible()
    expect(page.locator("#tm-panel-guidelines textarea")).to_have_value("Mine.")
    assert [one.text for one in guidelines.listing(study)] == ["Theirs."]


def test_admins_see_access_and_the_audit_log_page_by_page(study: Database, people: dict, served: Callable, page):
    for overlap in range(4, 30):
        studies.change_settings(study, by="another", overlap=overlap)
        guidelines.add(study, f"Version {overlap}")
    address = served(study)
    open_settings(page, study, address, "admin", "access")
    expect(page.locator("#tm-panel-access dd").nth(1)).to_have_text(address.rstrip("/"))
    page.goto(f"{address}settings#versions")
    expect(page.locator("#tm-panel-versions section")).to_have_count(10)
    press(page, "Older")
    press(page, "Older")
    expect(page.locator("#tm-panel-versions section")).to_have_count(7)
    expect(page.get_by_role("button", name="Older")).to_be_disabled()
    press(page, "Newer")
    expect(page.locator("#tm-panel-versions section")).to_have_count(10)
    page.goto(f"{address}settings#audit")
    rows = page.locator("#tm-panel-audit tbody tr")
    expect(rows).to_have_count(4)
    expect(rows.first).to_contain_text("made an account")


def test_a_server_that_fails_is_said_with_a_way_on(study: Database, people: dict, served: Callable, page):
    page.route("**/api/criteria", lambda route: route.fulfill(status=503, json={"error": "The disk is full."}))
    open_settings(page, study, served(study), "researcher", "criteria")
    expect(page.locator("#tm-panel-criteria .tm-remote [role=alert]")).to_contain_text("The disk is full.")
    page.unroute("**/api/criteria")
    press(page, "Try again")
    expect(page.get_by_text("There is no criterion yet.")).to_be_visible()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_narrow_screens_never_scroll_to_the_side(study: Database, people: dict, served: Callable, page, language: str):
    criteria.add(study, "x" * 60, "y" * 300)
    guidelines.add(study, "z" * 500)
    page.set_viewport_size({"width": 320, "height": 640})
    page.add_init_script(f"localStorage.setItem('tastemaker:language', '{language}')")
    address = served(study)
    open_settings(page, study, address, "admin")
    for tab, there in (
        ("asked", ".tm-save"),
        ("criteria", ".tm-criterion"),
        ("guidelines", "details"),
        ("information", "textarea"),
        ("versions", "section"),
        ("access", "dd"),
        ("audit", "tbody tr"),
    ):
        page.goto(f"{address}settings#{tab}")
        panel = page.locator(f"#tm-panel-{tab}")
        expect(panel.locator(there).first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 320, tab
        if language == "zh":
            said = panel.inner_text()
            assert not re.search(r"\b(save|version|question|share|criteria|round)\b", said), tab
