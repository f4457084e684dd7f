"""Tokens of programs: told once, kept as a hash, over when they are over."""

from pathlib import Path

import pytest

from feedback_store import annotators, api_tokens, audit
from feedback_store.database import Database
from feedback_store.errors import Conflict, InvalidInput

NOON = "2026-11-23T12:00:00.000Z"
NEXT_DAY = "2026-11-24T12:00:00.000Z"


@pytest.fixture
def person(db: Database) -> int:
    return annotators.ensure(db, "ada").id


def test_a_token_is_known_until_it_is_over(db: Database, person: int):
    made, text = api_tokens.make(db, person, " ci ", ["runs", "read"], days=1, by="test", now=NOON)
    assert (made.name, made.scopes, made.expires_at) == ("ci", ("read", "runs"), NEXT_DAY)
    found = api_tokens.current(db, text, "2026-11-24T11:59:59.000Z")
    assert found is not None
    assert (found.id, found.seen_at) == (made.id, "2026-11-24T11:59:59.000Z")
    assert api_tokens.current(db, text, NEXT_DAY) is None
    assert api_tokens.current(db, text + "x", NOON) is None


def test_the_text_of_a_token_stands_nowhere(db: Database, person: int, tmp_path: Path):
    _, text = api_tokens.make(db, person, "ci", ["read"], days=1, by="test")
    db.checkpoint()
    for path in db.folder.rglob("*"):
        if path.is_file():
            assert text.encode() not in path.read_bytes()


def test_a_token_is_revoked_at_once_and_both_acts_are_written_down(db: Database, person: int):
    made, text = api_tokens.make(db, person, "ci", ["read"], days=1, by="test")
    with pytest.raises(Conflict, match="There is a token 'ci' already"):
        api_tokens.make(db, person, "ci", ["read"], days=1, by="test")
    assert api_tokens.revoke(db, made.id, by="test").revoked_at is not None
    assert api_tokens.revoke(db, made.id, by="another").revoked_at is not None
    assert api_tokens.current(db, text) is None
    again, _ = api_tokens.make(db, person, "ci", ["read"], days=1, by="test")
    assert [one.id for one in api_tokens.listing(db)] == [again.id, made.id]
    acts = [(entry.action, entry.subject) for entry in audit.listing(db)]
    assert sorted(acts) == sorted([("make token", "token 1"), ("revoke token", "token 1"), ("make token", "token 2")])


def test_a_token_that_is_over_frees_its_name(db: Database, person: int):
    old, _ = api_tokens.make(db, person, "ci", ["read"], days=1, by="test", now=NOON)
    new, text = api_tokens.make(db, person, "ci", ["read"], days=1, by="test", now=NEXT_DAY)
    assert api_tokens.current(db, text, NEXT_DAY) is not None
    assert [one.revoked_at for one in api_tokens.listing(db)] == [None, NEXT_DAY]
    assert new.id != old.id


@pytest.mark.parametrize(
    ("name", "scopes", "days", "words"),
    [
        ("ci", ["reed"], 1, "There is no scope 'reed'. Allowed are read, judge, runs, data, settings."),
        ("ci", [], 1, "at least one scope"),
        (" ", ["read"], 1, "needs a name"),
        ("ci", ["read"], 0, "lasts 1 to 366 days, not 0"),
        ("n" * 101, ["read"], 1, "name"),
    ],
)
def test_what_is_not_allowed(db: Database, person: int, name: str, scopes: list[str], days: int, words: str):
    with pytest.raises(InvalidInput, match=words):
        api_tokens.make(db, person, name, scopes, days=days, by="test")
    assert api_tokens.listing(db) == []
    with pytest.raises(InvalidInput, match="There is no token 7"):
        api_tokens.revoke(db, 7, by="test")
