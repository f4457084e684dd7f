"""Who may log in and as what; the last admin stays; nothing secret lies in the study in clear."""

import hashlib
import threading
from collections.abc import Callable

import pytest

from feedback_store import accounts, annotators, audit, clock, erasure, invitations, pseudonyms, sessions, throttles
from feedback_store.database import Database
from feedback_store.errors import Conflict, InvalidInput

NOW = "2026-11-23T10:00:00.000Z"
LATER = clock.after(NOW, 100)
BY = "annotator 1"


@pytest.fixture
def person(db: Database) -> Callable[..., int]:
    """Makes a person with an account; returns their number."""

    def make(name: str, role: str = "annotator", password_hash: str | None = "hash") -> int:
        annotator_id = annotators.ensure(db, name).id
        accounts.create(db, annotator_id, role, password_hash, by="test", now=NOW)
        return annotator_id

    return make


def at_once(*works: Callable[[], object]) -> list[object]:
    """What each of some works, begun at the same moment in threads, returned or raised."""
    barrier, found = threading.Barrier(len(works)), [None] * len(works)

    def run(place: int, work: Callable[[], object]) -> None:
        barrier.wait()
        try:
            found[place] = work()
        except Exception as error:
            found[place] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_an_account_is_found_by_its_person_and_its_name(db: Database, person: Callable) -> None:
    assert not accounts.any_there(db)
    ann = person("Ann\u00e9", "admin")
    account = accounts.get(db, ann)
    assert account is not None
    assert (account.name, account.role, account.created_at, account.password_hash) == (
        "Ann\u00e9",
        "admin",
        NOW,
        "hash",
    )
    assert accounts.any_there(db)
    assert accounts.by_name(db, " Anne\u0301 ") == account
    assert accounts.by_name(db, "Anne") is None
    assert accounts.by_name(db, "a\x00") is None
    assert accounts.by_name(db, "\ud800") is None
    assert accounts.listing(db) == [account]
    assert "hash" not in repr(account).replace("password_hash", "")
    with pytest.raises(Conflict, match="has an account already"):
        accounts.create(db, ann, "lead", by=BY)
    with pytest.raises(InvalidInput, match="no account 'bob'"):
        accounts.required(db, "bob")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (" ", "not empty"),
        ("x" * 101, "at most 100"),
        ("ann\u202e", r"U\+202E"),
        ("ann\u200b", r"U\+200B"),
        ("a\nb", r"U\+000A"),
        (7, "has to be text"),
        ("\ud800", "surrogate"),
    ],
)
def test_a_name_that_people_cannot_tell_is_none(name: object, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        accounts.login_name(name)


@pytest.mark.parametrize("kind", ["simulated", "imported"])
def test_only_people_log_in(db: Database, kind: str) -> None:
    robot = annotators.ensure(db, "robot", kind).id
    with pytest.raises(InvalidInput, match=f"is {kind}: only people log in"):
        accounts.create(db, robot, "annotator", by=BY)
    with pytest.raises(InvalidInput, match="allowed are annotator, lead, researcher, admin"):
        accounts.create(db, annotators.ensure(db, "ann").id, "owner", by=BY)


def test_a_new_password_ends_every_session_but_the_one_in_use(db: Database, person: Callable) -> None:
    ann, bob = person("ann"), person("bob")
    used, other, bobs = (sessions.begin(db, one, seconds=3600, now=NOW) for one in (ann, ann, bob))
    for _ in range(9):
        throttles.failed(db, throttles.of_account("ann"), NOW)
    changed = accounts.set_password_hash(db, ann, "new", by=BY, but=used, now=LATER)
    assert (changed.password_hash, changed.password_changed_at) == ("new", LATER)
    assert [sessions.current(db, token, LATER) is not None for token in (used, other, bobs)] == [True, False, True]
    assert throttles.wait_seconds(db, throttles.of_account("ann"), NOW) == 0
    accounts.set_password_hash(db, ann, "newer", by=BY, now=LATER)
    assert sessions.current(db, used, LATER) is None


def test_a_password_that_was_changed_meanwhile_opens_nothing_and_is_not_brought_back(
    db: Database, person: Callable
) -> None:
    ann = person("ann", password_hash="old")
    assert accounts.renew_password_hash(db, ann, "old, made anew", instead_of="old")
    assert sessions.begin(db, ann, seconds=60, password_hash="old, made anew")
    accounts.set_password_hash(db, ann, "new", by=BY)
    assert not accounts.renew_password_hash(db, ann, "old, made anew", instead_of="old")
    with pytest.raises(InvalidInput, match="changed meanwhile"):
        sessions.begin(db, ann, seconds=60, password_hash="old, made anew")
    assert accounts.required(db, "ann").password_hash == "new"
    assert sessions.open_of(db, ann) == []


def test_who_is_disabled_is_out_at_once_and_can_be_let_in_again(db: Database, person: Callable) -> None:
    person("boss", "admin")
    ann = person("ann")
    token = sessions.begin(db, ann, seconds=3600, now=NOW)
    assert accounts.disable(db, ann, by=BY, now=LATER).disabled_at == LATER
    assert sessions.current(db, token, LATER) is None
    with pytest.raises(InvalidInput, match="disabled"):
        sessions.begin(db, ann, seconds=3600, now=LATER)
    assert annotators.count_active(db) == 1
    assert accounts.enable(db, ann, by=BY).disabled_at is None
    assert sessions.begin(db, ann, seconds=3600, now=LATER)
    assert annotators.count_active(db) == 2


def test_the_last_admin_who_can_log_in_stays_one(db: Database, person: Callable) -> None:
    boss = person("boss", "admin")
    person("without a password", "admin", None)
    for act in (
        lambda: accounts.set_role(db, boss, "researcher", by=BY),
        lambda: accounts.disable(db, boss, by=BY),
        lambda: erasure.erase(db, boss, by=BY, reason="asked"),
    ):
        with pytest.raises(InvalidInput, match="last admin who can log in"):
            act()
    other = person("other")
    accounts.set_role(db, other, "admin", by=BY)
    assert accounts.set_role(db, boss, "lead", by=BY).role == "lead"
    with pytest.raises(InvalidInput, match="last admin"):
        accounts.disable(db, other, by=BY)


@pytest.mark.parametrize("turn", range(5))
def test_two_admins_who_demote_one_another_leave_one(db: Database, person: Callable, turn: int) -> None:
    ann, bob = person("ann", "admin"), person("bob", "admin")
    done = at_once(
        lambda: accounts.set_role(db, ann, "lead", by="bob"), lambda: accounts.set_role(db, bob, "lead", by="ann")
    )
    assert sorted(type(one).__name__ for one in done) == ["Account", "InvalidInput"]
    assert [one.role for one in accounts.listing(db)].count("admin") == 1


def test_every_act_is_written_down_without_names(db: Database, person: Callable) -> None:
    person("boss", "admin")
    ann = person("secretname")
    accounts.set_role(db, ann, "lead", by=BY, now=LATER)
    accounts.set_role(db, ann, "lead", by=BY, now=LATER)
    accounts.set_password_hash(db, ann, "new", by=BY)
    accounts.disable(db, ann, by=BY)
    accounts.enable(db, ann, by=BY)
    written = [(entry.action, entry.subject) for entry in audit.listing(db)][::-1]
    acts = ["make account", "change role", "change password", "disable account", "enable account"]
    assert written[1:] == [(act, f"annotator {ann}") for act in acts]
    assert "secretname" not in repr(audit.listing(db))


def test_an_erased_person_has_no_account_left_to_log_in_with(db: Database, person: Callable) -> None:
    person("boss", "admin")
    made, token = invitations.make(db, "annotator", name="ann secretname", languages=["zh"], by="boss", now=NOW)
    ann = invitations.use(db, token, None, "hash of ann", now=NOW).annotator_id
    throttles.failed(db, throttles.of_account("ann secretname"), NOW)
    second = invitations.make(db, "lead", name="someone", by=BY, now=NOW)[0]
    db.execute("UPDATE invitations SET made_by = 'ann secretname' WHERE id = ?", [second.id])
    erasure.erase(db, ann, by=BY, reason="asked", now=LATER)
    account = accounts.get(db, ann)
    assert account is not None
    assert (account.name, account.password_hash, account.disabled_at) == (f"erased-{ann}", None, LATER)
    assert invitations.get(db, made.id).languages == []
    assert invitations.get(db, second.id).made_by == f"erased-{ann}"
    assert db.value("SELECT COUNT(*) FROM throttles") == 0
    assert b"secretname" not in b"".join(path.read_bytes() for path in db.folder.iterdir() if path.is_file())
    with pytest.raises(InvalidInput, match="was erased"):
        accounts.enable(db, ann, by=BY)


def test_no_secret_lies_in_the_study_in_clear(db: Database, person: Callable) -> None:
    """Tokens of sessions and invitations, and what somebody typed where the name belongs."""
    ann = person("ann", "admin", "$argon2id$hash")
    session = sessions.begin(db, ann, seconds=3600, address="192.0.2.1")
    _, invited = invitations.make(db, "lead", by=BY)
    _, used = invitations.make(db, "lead", by=BY)
    invitations.use(db, used, "bob", "$argon2id$other")
    throttles.attempt(db, throttles.of_account("my password by mistake"), throttles.of_address("203.0.113.9"))
    key = pseudonyms.secret_key(db).hex()
    db.checkpoint()
    held = b"".join(path.read_bytes() for path in db.folder.rglob("study.db*"))
    for secret in (session, invited, used, "my password by mistake", "203.0.113.9", key):
        assert secret.encode() not in held
    for secret in (session, invited, used):
        assert hashlib.sha256(secret.encode()).hexdigest().encode() in held, "only the hash is kept"
