"""`tastemaker user`: accounts and invitations from the command line."""

import io
from pathlib import Path

import pytest

from feedback_store import accounts, audit, invitations
from feedback_store.database import Database
from ui.web import passwords

PASSWORD = "three plain words"


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch):
    """Puts a line on standard input."""

    def put(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))

    return put


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hash that costs nothing, to be told from the password."""
    monkeypatch.setattr(passwords, "hashed", lambda password: f"hash of {len(password)} characters")


@pytest.fixture
def led(study: Path, tastemaker, piped, cheap) -> Path:
    """A study with its first admin."""
    piped(PASSWORD + "\n")
    assert tastemaker("user", "add", study, "ann", "--role", "admin").code == 0
    return study


def test_the_first_account_is_an_admins_and_its_password_comes_from_standard_input(study, tastemaker, refused, piped):
    piped(PASSWORD + "\n")
    assert "first account has to be an admin's" in refused("user", "add", study, "ann")
    outcome = tastemaker("user", "add", study, "ann", "--role", "admin", "--json")
    assert {key: outcome.json[key] for key in ("name", "role", "disabled_at")} == {
        "name": "ann", "role": "admin", "disabled_at": None,
    }  # fmt: skip
    assert PASSWORD not in outcome.out + outcome.err
    with Database.open(study) as db:
        account = accounts.by_name(db, "ann")
        assert account is not None
        assert passwords.matches(PASSWORD, account.password_hash)
        assert audit.listing(db)[0].actor == "tastemaker user"


def test_on_a_terminal_the_password_is_asked_for_twice_and_not_shown(study, tastemaker, monkeypatch, cheap):
    asked: list[dict[str, object]] = []

    def prompt(text: str, **how: object) -> str:
        asked.append(how)
        return PASSWORD

    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", terminal)
    monkeypatch.setattr("typer.prompt", prompt)
    assert tastemaker("user", "add", study, "ann", "--role", "admin").code == 0
    assert asked == [{"hide_input": True, "confirmation_prompt": True, "err": True}]


def test_what_cannot_be_done_is_said_in_one_line(led, refused, piped, tmp_path):
    piped("short\n")
    assert "needs at least" in refused("user", "add", led, "bob")
    assert "has an account already" in refused("user", "add", led, "ann", "--role", "admin")
    assert "allowed are annotator, lead, researcher, admin" in refused("user", "add", led, "bob", "--role", "boss")
    assert "last admin" in refused("user", "role", led, "ann", "lead")
    assert "last admin" in refused("user", "disable", led, "ann")
    assert "no account 'zoe'" in refused("user", "password", led, "zoe")
    assert "begin with https://" in refused("user", "invite", led, "--public-url", "example.org")
    table = tmp_path / "people.csv"
    table.write_text("name,role\nbob,lead\nzoe,boss\n")
    assert "Line 3 of the table" in refused("user", "invite", led, "--csv", table)
    assert "leave the other options out" in refused("user", "invite", led, "--csv", table, "--name", "bob")
    with Database.open(led) as db:
        assert invitations.listing(db) == []


def test_an_account_changes_its_role_and_password_and_is_shut_and_opened(led, tastemaker, piped):
    piped(f"{PASSWORD}\n")
    assert tastemaker("user", "add", led, "bob").out == "bob can log in as annotator.\n"
    assert tastemaker("user", "role", led, "bob", "researcher").out == "bob is researcher now.\n"
    piped("another three words\n")
    assert "has to log in anew" in tastemaker("user", "password", led, "bob").out
    assert tastemaker("user", "disable", led, "bob", "--json").json["disabled_at"] is not None
    assert [line.split()[:3] for line in tastemaker("user", "list", led).out.splitlines() if "bob" in line] == [
        ["bob", "researcher", "disabled"]
    ]
    assert tastemaker("user", "enable", led, "bob", "--json").json["disabled_at"] is None
    with Database.open(led) as db:
        assert accounts.required(db, "bob").password_hash == "hash of 19 characters"


def test_links_are_printed_once_and_open_an_account(led, tastemaker, tmp_path):
    one = tastemaker("user", "invite", led, "--name", "bob", "--language", "zh", "--quota", "20", "--expires-days", "3")
    assert one.out.startswith("bob: /invite/")
    token = one.out.removeprefix("bob: /invite/").split()[0]
    table = tmp_path / "people.csv"
    table.write_text("\ufeffname;role;languages\ncy;lead;zh,en\n;;\nzoe;;\n", encoding="utf-8")
    made = tastemaker("user", "invite", led, "--csv", table, "--public-url", "https://example.org/", "--json").json
    assert [(link["name"], link["role"]) for link in made["invitations"]] == [("cy", "lead"), ("zoe", "annotator")]
    assert all(link["link"].startswith("https://example.org/invite/") for link in made["invitations"])
    listed = tastemaker("user", "list", led, "--json")
    assert [one["name"] for one in listed.json["invitations"]] == ["bob", "cy", "zoe"]
    assert token not in listed.out
    with Database.open(led) as db:
        assert invitations.use(db, token, None, "hash").name == "bob"


def test_a_study_without_accounts_says_how_to_make_the_first(study, tastemaker):
    assert "`user add` makes the first" in tastemaker("user", "list", study).out
    assert tastemaker("user", "list", study, "--json").json == {"accounts": [], "invitations": []}
