"""The people page in a browser: what a lead does about people, by the keyboard, narrow, in Chinese."""

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

import accounts_at_hand
from compare_pages import log_in
from feedback_store import accounts, annotators, check_questions, flags, held_back, invitations, judgments, questions
from feedback_store.database import Database
from feedback_store.judgments import NewJudgment
from rounds import studies
from ui.web import passwords
from web_studies import HOSTILE, judge_all, reward_model

expect.set_options(timeout=20_000)  # a loaded machine takes its time
pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("outside")]


@pytest.fixture
def people(study: Database) -> dict:
    return accounts_at_hand.people(study)


def open_people(page, study: Database, address: str, role: str, tab: str = "") -> None:
    """Open a tab of the people page as somebody who is logged in."""
    log_in(page, study, address, accounts.required(study, role).annotator_id)
    page.goto(f"{address}people")
    expect(page.locator("[role=tablist]")).to_be_visible()
    if tab:
        page.locator(f"#tm-tab-{tab}").click()


def confirm(page, reason: str = "") -> None:
    """Answer the dialog that asks back."""
    dialog = page.locator("dialog[open]")
    if reason:
        dialog.locator("input").fill(reason)
    dialog.locator("button[type=submit]").press("Enter")
    expect(dialog).to_have_count(0)


def divide(study: Database, people: dict) -> None:
    """Two people who answer every pair, each the opposite of the other."""
    with study.transaction():
        study.execute("UPDATE comparisons SET overlap = 2")
    for name, ranks in (("annotator", [1, 2]), ("researcher", [2, 1])):
        for question in questions.next_questions(study, people[name], limit=10).questions:
            key = f"{name}-{question.comparison_public_id}"
            new = NewJudgment(question.comparison_public_id, people[name], ranks, question.shown, key)
            judgments.submit(study, new)


def test_a_person_is_found_paused_and_left_out(study: Database, people: dict, served: Callable, page):
    judge_all(study, "annotator")
    open_people(page, study, served(study), "admin")
    page.locator("#tm-people-search").fill("annot")
    expect(page.locator(".tm-people-table tbody tr")).to_have_count(1)
    page.get_by_role("button", name="annotator", exact=True).press("Enter")
    person = page.get_by_role("region", name="The person chosen")
    expect(person.get_by_role("heading", name="annotator")).to_be_visible()
    expect(person.locator("dl").get_by_text("Answers", exact=True)).to_be_visible()
    person.get_by_role("button", name="Pause").press("Enter")
    expect(page.locator("dialog[open]")).to_contain_text("asked nothing")
    expect(page.locator("dialog[open] .tm-note")).to_have_text("annotator")
    confirm(page)
    expect(person).to_contain_text("Paused by somebody who leads the study")
    assert annotators.get(study, people["annotator"]).paused_at is not None
    person.get_by_role("button", name="Leave out").press("Enter")
    expect(page.locator("dialog[open]")).to_contain_text("6 of the 6 judgments that train now are theirs")
    confirm(page, "clicks at random")
    expect(person).to_contain_text("clicks at random")
    assert page.url.endswith(f"#people/{people['annotator']}"), "a link leads back to the person"


def test_a_page_of_people_that_has_emptied_leads_to_the_one_before(
    study: Database, people: dict, served: Callable, page
):
    for number in range(26):
        annotators.pause(study, annotators.ensure(study, f"paused-{number:02}").id)
    open_people(page, study, served(study), "admin")
    page.locator("#tm-people-state").select_option("paused")
    rows = page.locator(".tm-people-table tbody tr")
    expect(rows).to_have_count(25)
    page.locator(".tm-pager button").last.click()
    expect(rows).to_have_count(1)
    rows.locator("button").first.press("Enter")
    page.get_by_role("button", name="Let them go on").press("Enter")
    confirm(page)
    expect(rows).to_have_count(25)


def test_reliability_is_empty_in_words_until_a_reward_knows_people(
    study: Database, people: dict, served: Callable, page
):
    open_people(page, study, served(study), "admin")
    expect(page.locator(".tm-people")).to_contain_text("no reward model of this study knows people yet")
    interval = {"value": 0.85, "low": 0.74, "high": 0.93}
    judge_all(study, "annotator")
    reward_model(study, people={str(people["annotator"]): {"reliability": interval, "inverted": 0.0, "answers": 6}})
    page.reload()
    row = page.locator(".tm-people-table tbody tr", has_text="annotator")
    expect(row).to_contain_text("0.85 (0.74 to 0.93)")
    expect(page.locator(".tm-people")).to_contain_text("as reward-1 learned it")


def test_a_lead_sees_pseudonyms_and_no_accounts(study: Database, people: dict, served: Callable, page):
    open_people(page, study, served(study), "lead")
    rows = page.locator(".tm-people-table tbody tr")
    expect(rows).to_have_count(4)
    assert all(name.startswith("person-") for name in rows.locator("td:first-child").all_inner_texts())
    rows.first.locator("button").press("Enter")
    person = page.get_by_role("region", name="The person chosen")
    expect(person.get_by_role("button", name="Pause")).to_be_visible()
    expect(person.get_by_role("button", name=re.compile("password|Erase|role|account"))).to_have_count(0)


def test_many_are_invited_and_the_links_are_shown_once(study: Database, people: dict, served: Callable, page):
    open_people(page, study, served(study), "lead", "invitations")
    table = page.locator("textarea").first
    table.fill("name,quota\nAnn,5\nBob,many")
    make = page.locator("section", has=table).get_by_role("button", name="Make the links")
    make.press("Enter")
    expect(page.get_by_text(re.compile("Line 3 of the table.*'many'"))).to_be_visible()
    assert invitations.listing(study) == []
    table.fill("name,quota\nAnn,5\nBob,")
    make.press("Enter")
    links = page.locator(".tm-links textarea")
    expect(links).to_have_value(re.compile(r"Ann\thttp://127\.0\.0\.1:\d+/invite/\S+\nBob\thttp"))
    page.reload()
    expect(page.locator("#tm-panel-invitations tbody tr")).to_have_count(2)
    expect(page.locator(".tm-links textarea")).to_have_count(0)


def test_the_round_is_closed_and_opened_again(study: Database, people: dict, served: Callable, page):
    open_people(page, study, served(study), "lead", "round")
    page.get_by_role("button", name="Close it").press("Enter")
    confirm(page)
    expect(page.get_by_role("button", name="Open it")).to_be_visible()
    assert studies.settings(study).closed
    page.get_by_role("button", name="Open it").press("Enter")
    confirm(page)
    expect(page.get_by_role("button", name="Pause it")).to_be_visible()
    assert not studies.settings(study).closed


def test_a_flag_with_hostile_words_is_read_and_seen_to(study: Database, people: dict, served: Callable, page):
    flags.add(study, 1, annotator_id=people["annotator"], note=HOSTILE)
    open_people(page, study, served(study), "lead", "flags")
    expect(page.locator(".tm-note")).to_have_text(HOSTILE)
    page.get_by_role("button", name="Seen to").press("Enter")
    expect(page.get_by_text("No open flags")).to_be_visible()
    assert page.evaluate("window.hacked") is None


def test_a_pair_that_was_held_back_is_asked_after_all(study: Database, people: dict, served: Callable, page):
    with study.transaction():
        study.execute("UPDATE comparisons SET held_back = 1 WHERE id = 2")
        turns = [{"role": "system", "content": "Answer in one line."}, {"role": "user", "content": "And now?"}]
        study.execute(
            "UPDATE prompts SET messages = ? WHERE id = (SELECT prompt_id FROM comparisons WHERE id = 2)",
            [json.dumps(turns)],
        )
    open_people(page, study, served(study), "lead", "held_back")
    asked = page.get_by_role("group", name="Prompt")
    expect(asked).to_contain_text(re.compile("Instructions\\s*Answer in one line.\\s*Person\\s*And now?"))
    page.get_by_role("button", name="Ask it after all").press("Enter")
    expect(page.get_by_text("Nothing is held back")).to_be_visible()
    assert held_back.listing(study) == ([], 0)
    assert study.value("SELECT held_back FROM comparisons WHERE id = 2") == 0


def test_a_check_question_is_made_of_a_divided_pair_and_retired(study: Database, people: dict, served: Callable, page):
    divide(study, people)
    open_people(page, study, served(study), "lead", "agreement")
    page.get_by_role("button", name=re.compile("Look at the pair")).first.press("Enter")
    dialog = page.locator("dialog[open]")
    dialog.get_by_label("The right answer").select_option("second")
    dialog.get_by_role("button", name="Make a check question of it").press("Enter")
    expect(dialog).to_contain_text("It is a check question now.")
    dialog.get_by_role("button", name="Make a check question of it").press("Enter")
    expect(dialog.locator(".tm-field-error:visible").first).not_to_be_empty()
    (check,) = check_questions.listing(study, limit=10)[0]
    assert check.expert == [2, 1]
    page.keyboard.press("Escape")
    page.locator("#tm-tab-checks").click()
    page.get_by_role("button", name="Ask it no more").press("Enter")
    expect(page.get_by_text("Retired: nobody is asked it any more")).to_be_visible()


def test_a_link_that_was_cut_off_opens_the_table(study: Database, people: dict, served: Callable, page):
    address = served(study)
    open_people(page, study, address, "lead")
    page.goto(f"{address}people#people/%E0%A4%")
    page.reload()
    expect(page.locator(".tm-people-table tbody tr")).to_have_count(4)


def test_empty_tabs_say_what_fills_them(study: Database, people: dict, served: Callable, page):
    open_people(page, study, served(study), "lead")
    for tab, words in (("flags", "presses F"), ("held_back", "which model wrote it"), ("checks", "expert"),
                       ("agreement", "two people")):  # fmt: skip
        page.locator(f"#tm-tab-{tab}").click()
        expect(page.locator(f"#tm-panel-{tab} .tm-empty").first).to_contain_text(words)


def test_a_new_password_is_shown_once_and_works(study: Database, people: dict, served: Callable, page):
    address = served(study)
    open_people(page, study, address, "admin")
    page.get_by_role("button", name="annotator", exact=True).press("Enter")
    page.get_by_role("button", name="New password").press("Enter")
    held: list[Route] = []
    page.route("**/password", lambda route: held.append(route))
    dialog = page.locator("dialog[open]")
    dialog.locator("button[type=submit]").press("Enter")
    expect(dialog.get_by_role("button", name="Back")).to_be_disabled()
    page.wait_for_function("document.querySelector('form[aria-busy]') !== null")
    for _ in range(2):  # a browser closes at the second one, whatever the page says
        page.keyboard.press("Escape")
    held[0].continue_()
    expect(dialog).to_have_count(0)
    told = page.get_by_text("The new password, shown only now")
    expect(told).to_be_visible()
    drawn = told.inner_text().split(": ")[1]
    assert passwords.matches(drawn, accounts.required(study, "annotator").password_hash)


def test_it_fits_on_a_narrow_screen_in_chinese(study: Database, people: dict, served: Callable, page):
    flags.add(study, 1, annotator_id=people["annotator"], note="x" * 300)
    page.set_viewport_size({"width": 320, "height": 700})
    page.add_init_script("location.host && localStorage.setItem('tastemaker:language', 'zh')")
    open_people(page, study, served(study), "lead")
    for tab, there in (
        ("people", "tbody tr"),
        ("invitations", "textarea"),
        ("round", "button"),
        ("flags", ".tm-note"),
        ("agreement", "h2, p"),
    ):
        page.locator(f"#tm-tab-{tab}").click()
        panel = page.locator(f"#tm-panel-{tab}")
        expect(panel.locator(there).first).to_be_visible()
        expect(panel.locator("[aria-busy=true]")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") == 320, tab
        assert re.search(r"[一-鿿]", panel.inner_text()), tab
