"""Links that work once, and tables that invite many."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from feedback_store import accounts, annotators, audit, clock, invitation_tables, invitations
from feedback_store.accounts import Account
from feedback_store.database import Database
from feedback_store.errors import InvalidInput
from feedback_store.invitation_tables import Row

NOW = "2026-11-23T10:00:00.000Z"
LATER = clock.after(NOW, 100)
BY = "annotator 1"


def test_a_link_makes_one_account_with_all_that_it_was_made_with(db: Database) -> None:
    made, token = invitations.make(
        db, "lead", languages=["zh"], tags=["law"], daily_quota=20, by=BY, seconds=1000, now=NOW
    )
    assert invitations.find(db, token, LATER) == made
    assert invitations.listing(db, LATER) == [made]
    account = invitations.use(db, token, " Ann ", "hash", now=LATER)
    assert (account.name, account.role, account.password_hash) == ("Ann", "lead", "hash")
    person = annotators.get(db, account.annotator_id)
    assert (person.kind, person.languages, person.tags, person.daily_quota) == ("person", ["zh"], ["law"], 20)
    assert (invitations.find(db, token, LATER), invitations.listing(db, LATER)) == (None, [])
    spent = invitations.get(db, made.id)
    assert (spent.used_at, spent.used_by, spent.name) == (LATER, account.annotator_id, None)
    with pytest.raises(InvalidInput, match="was used, taken back, or is over"):
        invitations.use(db, token, "bob", "hash", now=LATER)
    acts = [(entry.actor, entry.action) for entry in audit.listing(db)]
    assert acts == [(f"invitation {made.id}", "make account"), (BY, "invite")]


def test_a_link_ends_by_time_or_when_it_is_taken_back(db: Database) -> None:
    _, over = invitations.make(db, "annotator", by=BY, seconds=100, now=NOW)
    made, revoked = invitations.make(db, "annotator", name="ann", by=BY, now=NOW)
    assert invitations.find(db, over, clock.after(NOW, 99)) is not None
    assert invitations.find(db, over, LATER) is None
    assert invitations.revoke(db, made.id, by=BY, now=NOW)
    assert not invitations.revoke(db, made.id, by=BY, now=NOW)
    for token in (over, revoked, "unknown", "\ud800"):
        with pytest.raises(InvalidInput, match="Ask for a new link"):
            invitations.use(db, token, "ann", "hash", now=LATER)
    assert accounts.listing(db) == []
    assert invitations.make(db, "annotator", name="ann", by=BY, now=NOW)[0].name == "ann", "the name is free again"
    with pytest.raises(InvalidInput, match="no invitation 99"):
        invitations.revoke(db, 99, by=BY)


def test_a_taken_name_is_refused_and_the_link_works_on(db: Database) -> None:
    annotators.ensure(db, "came with a file", "imported")
    invitations.make(db, "annotator", name="promised", by=BY, now=NOW)
    _, token = invitations.make(db, "annotator", by=BY, now=NOW)
    for name in ("came with a file", "promised"):
        with pytest.raises(InvalidInput, match=f"{name}' is taken"):
            invitations.use(db, token, name, "hash", now=LATER)
        with pytest.raises(InvalidInput, match=f"{name}' is taken"):
            invitations.make(db, "annotator", name=name, by=BY, now=LATER)
    with pytest.raises(InvalidInput, match="The name is NoneType"):
        invitations.use(db, token, None, "hash", now=LATER)
    assert invitations.use(db, token, "ann", "hash", now=LATER).name == "ann"


def test_a_name_that_was_given_is_the_one_that_counts(db: Database) -> None:
    _, token = invitations.make(db, "annotator", name="ann", by=BY)
    assert invitations.use(db, token, "an admin", "hash").name == "ann"


@pytest.mark.parametrize("names", [("ann", "bob"), ("ann", "ann")])
def test_two_browsers_at_once_make_one_account(db: Database, names: tuple[str, str]) -> None:
    _, token = invitations.make(db, "annotator", by=BY)
    barrier, done = threading.Barrier(2), []

    def use(name: str) -> None:
        barrier.wait()
        try:
            done.append(invitations.use(db, token, name, "hash"))
        except InvalidInput as error:
            done.append(error)

    threads = [threading.Thread(target=use, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(one).__name__ for one in done) == ["Account", "InvalidInput"]
    [won] = [one for one in done if isinstance(one, Account)]
    assert [one.name for one in accounts.listing(db)] == [one.name for one in annotators.listing(db)] == [won.name]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"role": "owner"}, "allowed are annotator"),
        ({"role": "lead", "daily_quota": -1}, "whole number from 0"),
        ({"role": "lead", "languages": "zh"}, "list of texts"),
        ({"role": "lead", "seconds": 0}, "at most a year"),
        ({"role": "lead", "name": "\u200b"}, "not seen"),
    ],
)
def test_an_invitation_to_nothing_is_none(db: Database, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        invitations.make(db, by=BY, **fields)
    assert invitations.listing(db) == []


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_table_of_any_spreadsheet_is_read(mark: str) -> None:
    lists = '"zh,en"' if mark == "," else "zh,en"
    lines = ["\ufeffRole,name,languages,tags,quota", f"lead,ann,{lists},law;ethics,20", ",,,,", ",bob,,,"]
    text = "\r\n".join(line if line.startswith("lead") else line.replace(",", mark) for line in lines)
    text = text.replace(f"lead,ann,{lists},law;ethics,20", mark.join(["lead", "ann", lists, '"law;ethics"', "20"]))
    assert invitation_tables.from_csv(text) == [
        Row(2, "ann", "lead", ["zh", "en"], ["law", "ethics"], 20),
        Row(4, "bob", "annotator", [], [], None),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names the columns: name, role, languages, tags, quota"),
        ("name,role\n", "no people"),
        ("name,mail\nann,a@b\n", "Line 1 .* column 'mail'; allowed are name, role"),
        ("name,name\nann,bob\n", "'name' twice"),
        ("name,role\nann,lead\nbob,boss\n", "Line 3 .* role is 'boss'; allowed are annotator, lead"),
        ("name,quota\nann,many\n", "Line 2 .* quota is 'many'; it has to be a whole number"),
        ("name,quota\nann,²\n", "Line 2 .* quota is '²'"),
        ("name,role\nann,lead,zh\n", "Line 2 .* 3 cells, but there are 2 columns"),
        ("name\nann\nbob\nann\n", "'ann' is on the lines 2 and 4"),
        ("name\n" + "".join(f"p{n}\n" for n in range(41)), "41 people; at most 40"),
        ('name,role\n"ann,lead\n', "is no CSV"),
        ("name\n" + "x" * 200_001, "at most 200,000"),
        ("name\na\u202eb\n", r"Line 2 .* U\+202E"),
    ],
)
def test_what_a_table_has_wrong_is_said_with_its_line(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        invitation_tables.from_csv(text)


def test_a_table_invites_forty_or_nobody(db: Database) -> None:
    rows = invitation_tables.from_csv("name\n" + "".join(f"person {n}\n" for n in range(40)))
    annotators.ensure(db, "person 39")
    with pytest.raises(InvalidInput, match=r"Line 41 of the table: The name 'person 39' is taken.* Nobody was invited"):
        invitation_tables.make_all(db, rows, by=BY)
    assert invitations.listing(db) == []
    made = invitation_tables.make_all(db, rows[:39], by=BY, seconds=500, now=NOW)
    assert len({token for _, token in made}) == 39
    assert invitations.listing(db, LATER) == [one for one, _ in made]
    use: Callable[..., Account] = invitations.use
    assert use(db, made[3][1], None, "hash", now=LATER).name == "person 3"
