"""Guidelines, criteria, flags, qualifications, consents, sessions, and what a person may be asked: small tables."""

from collections.abc import Callable

import pytest

from feedback_store import (
    accounts,
    annotators,
    clock,
    comparisons,
    consents,
    criteria,
    flags,
    guidelines,
    information_texts,
    qualifications,
    sessions,
)
from feedback_store.database import Database
from feedback_store.errors import Conflict, InvalidInput

NOW = "2026-11-23T10:00:00.000Z"
LATER = clock.after(NOW, 100)


@pytest.fixture
def ann(db: Database) -> int:
    return annotators.ensure(db, "ann").id


def test_every_guideline_is_a_version_that_stays(db: Database) -> None:
    assert guidelines.current(db) is None
    first = guidelines.add(db, "Prefer what is true.", by="lead", now=NOW)
    assert guidelines.add(db, "Prefer what is true.", by="lead", now=LATER) == first
    second = guidelines.add(db, "Prefer what is true and short.", by="lead", now=LATER)
    chinese = guidelines.add(db, "请选择更真实的回答。", language="zh", now=LATER)
    assert [(one.version, one.language) for one in guidelines.listing(db)] == [(1, "en"), (2, "en"), (1, "zh")]
    assert (guidelines.current(db), guidelines.current(db, "zh")) == (second, chinese)
    with pytest.raises(InvalidInput, match="not empty"):
        guidelines.add(db, " ")


def test_criteria_keep_their_question_and_can_be_retired(db: Database) -> None:
    brief = criteria.add(db, "brief", "Which is shorter?", position=2, now=NOW)
    honest = criteria.add(db, "honest", "Which is more honest?", position=1, now=NOW)
    assert criteria.current(db) == [honest, brief]
    criteria.retire(db, "honest", now=LATER)
    assert criteria.current(db) == [brief]
    assert criteria.add(db, "honest", "Which is more honest?", position=1) == honest
    with pytest.raises(Conflict, match="asks 'Which is shorter"):
        criteria.add(db, "brief", "Which has fewer words?")
    with pytest.raises(InvalidInput, match="no criterion 'kind'"):
        criteria.retire(db, "kind")


def test_a_flag_is_open_until_somebody_saw_to_it(db: Database, compare: Callable, ann: int) -> None:
    one, other = compare(db, 2)
    wrong = comparisons.get(db, other).completion_ids[0]
    flag = flags.add(db, comparisons.get(db, one).public_id, annotator_id=ann, note="unsafe", now=NOW)
    assert flags.current(db) == [flag]
    with pytest.raises(InvalidInput, match="is none of comparison"):
        flags.add(db, one, completion_id=wrong)
    resolved = flags.resolve(db, flag.id, by="lead", now=LATER)
    assert (resolved.resolved_at, resolved.resolved_by) == (LATER, "lead")
    assert flags.resolve(db, flag.id, by="other") == resolved
    assert flags.current(db) == []
    with pytest.raises(InvalidInput, match="no flag 9"):
        flags.resolve(db, 9, by="lead")


def test_qualifications_are_held_until_they_end(db: Database, ann: int) -> None:
    low = qualifications.grant(db, ann, "medicine", score=0.6, now=NOW)
    assert qualifications.grant(db, ann, "medicine", score=0.6, now=LATER) == low
    high = qualifications.grant(db, ann, "medicine", score=0.9, now=LATER)
    assert qualifications.held(db, ann) == [high]
    assert db.value("SELECT COUNT(*) FROM qualifications") == 2
    assert qualifications.end(db, ann, "medicine")
    assert not qualifications.end(db, ann, "medicine")
    assert qualifications.held(db, ann) == []
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        qualifications.grant(db, ann, "law", score=2)


def test_a_consent_is_in_force_until_it_is_withdrawn(db: Database, ann: int) -> None:
    for text in ("Your answers train a model.", "Your answers train a small model."):
        information_texts.add(db, text)
    first = consents.give(db, ann, 1, now=NOW)
    assert consents.give(db, ann, 1, now=LATER) == first
    second = consents.give(db, ann, 2, now=LATER)
    assert consents.in_force(db, ann) == [first, second]
    assert consents.withdraw(db, ann, now=LATER) == 2
    assert consents.in_force(db, ann) == []
    assert consents.give(db, ann, 2).id > second.id
    with pytest.raises(InvalidInput, match="no version 3"):
        consents.give(db, ann, 3)
    with pytest.raises(InvalidInput, match="whole number from 1"):
        consents.give(db, ann, 0)


def test_a_session_lasts_until_it_expires_or_is_revoked(db: Database, ann: int) -> None:
    token = sessions.begin(db, ann, seconds=3600, address="10.0.0.1", now=NOW)
    session = sessions.current(db, token, now=clock.after(NOW, 30))
    assert session is not None
    assert (session.annotator_id, session.address, session.seen_at) == (ann, "10.0.0.1", NOW)
    seen = sessions.current(db, token, now=LATER)
    assert seen is not None
    assert seen.seen_at == LATER
    assert sessions.current(db, "another", now=NOW) is None
    assert sessions.current(db, token, now=clock.after(NOW, 3600)) is None
    assert sessions.end(db, token, now=LATER)
    assert sessions.current(db, token, now=LATER) is None
    others = [sessions.begin(db, ann, seconds=60, now=LATER) for _ in range(2)]
    assert sessions.end_all_of(db, ann, now=LATER) == 2
    assert [sessions.current(db, other, now=LATER) for other in others] == [None, None]


def test_a_session_that_nobody_uses_is_over(db: Database, ann: int) -> None:
    token = sessions.begin(db, ann, seconds=10**6, now=NOW)
    assert sessions.current(db, token, clock.after(NOW, 900), idle_seconds=1000) is not None
    assert sessions.current(db, token, clock.after(NOW, 1800), idle_seconds=1000) is not None, "it was used meanwhile"
    assert sessions.current(db, token, clock.after(NOW, 2800), idle_seconds=1000) is None
    assert sessions.open_of(db, ann, clock.after(NOW, 2800), idle_seconds=1000) == []
    assert sessions.current(db, token, clock.after(NOW, 2800)) is not None


def test_a_session_lives_on_after_a_restart(db: Database, ann: int) -> None:
    token = sessions.begin(db, ann, seconds=3600, now=NOW)
    db.close()
    with Database.open(db.folder) as again:
        assert sessions.current(again, token, LATER) is not None


def test_a_person_sees_and_ends_their_own_sessions_alone(db: Database, ann: int) -> None:
    bob = annotators.ensure(db, "bob").id
    first, second = (sessions.begin(db, ann, seconds=3600, now=moment) for moment in (NOW, LATER))
    bobs = sessions.begin(db, bob, seconds=3600, now=NOW)
    old, new = (sessions.current(db, token, LATER) for token in (first, second))
    assert old is not None
    assert new is not None
    assert sessions.open_of(db, ann, LATER) == [new, old]
    assert not sessions.end_one_of(db, bob, old.id, LATER)
    assert sessions.end_one_of(db, ann, old.id, LATER)
    assert sessions.open_of(db, ann, LATER) == [new]
    assert sessions.end_all_of(db, ann, LATER, but=second) == 0
    assert sessions.end_all_of(db, ann, LATER, but=bobs) == 1
    assert sessions.current(db, bobs, LATER) is not None


def test_sessions_that_ended_long_ago_are_forgotten_with_their_addresses(db: Database, ann: int) -> None:
    expired, ended = (sessions.begin(db, ann, seconds=60, address="192.0.2.1", now=NOW) for _ in range(2))
    sessions.end(db, ended, LATER)
    much_later = clock.after(LATER, sessions.KEPT_DAYS * 24 * 3600)
    token = sessions.begin(db, ann, seconds=60, now=much_later)
    assert db.value("SELECT COUNT(*) FROM sessions") == 1
    assert sessions.current(db, token, much_later) is not None
    assert sessions.current(db, expired, NOW) is None


def test_a_pause_says_why_and_the_stronger_reason_stays(db: Database, ann: int) -> None:
    def why() -> tuple[bool, str | None]:
        person = annotators.get(db, ann)
        return person.paused_at is not None, person.paused_why

    annotators.pause(db, ann, why="checks")
    assert why() == (True, "checks")
    annotators.pause(db, ann)
    assert why() == (True, None)
    annotators.pause(db, ann, why="checks")
    assert why() == (True, None), "a lead's pause is not ended by passing the checks"
    annotators.resume(db, ann)
    assert why() == (False, None)
    annotators.pause(db, ann, why="withdrawn")
    annotators.pause(db, ann)
    assert why() == (True, "withdrawn")
    with pytest.raises(InvalidInput, match="allowed are checks, withdrawn"):
        annotators.pause(db, ann, why="tired")


def test_simulated_people_and_those_without_an_open_account_are_not_there_to_be_asked(db: Database, ann: int) -> None:
    annotators.ensure(db, "robot", "simulated")
    bob = annotators.ensure(db, "bob").id
    assert annotators.count_active(db) == 2
    accounts.create(db, ann, "admin", "hash", by="test")
    accounts.create(db, bob, "annotator", None, by="test")
    assert annotators.count_active(db) == 1


def test_an_information_text_has_one_number_in_all_languages(db: Database, ann: int) -> None:
    assert consents.needed(db, ann) is None
    first = information_texts.add(db, "We train on it.", now=NOW)
    chinese = information_texts.add(db, "我们用它来训练。", language="zh", now=NOW)
    assert [(one.version, one.language) for one in information_texts.listing(db)] == [(1, "en"), (1, "zh")]
    assert consents.needed(db, ann, "zh") == chinese
    assert consents.needed(db, ann, "fr") == first, "no French text: the English one"
    consents.give(db, ann, 1)
    assert [consents.needed(db, ann, language) for language in ("en", "zh", "fr")] == [None, None, None]
    second = information_texts.add(db, "We train on it and publish it.", now=LATER)
    assert second.version == 2
    assert consents.needed(db, ann) == second
    assert consents.needed(db, ann, "zh") is None, "what is new is asked for when it can be read"
    translated = information_texts.add(db, "我们用它来训练并公开。", language="zh", now=LATER)
    assert translated.version == 2
    assert consents.needed(db, ann, "zh") == translated
    consents.give(db, ann, 2)
    assert consents.needed(db, ann) is None, "agreed in one language, agreed in all"
    assert information_texts.add(db, "我们用它来训练并公开。", language="zh") == translated
    assert information_texts.add(db, "我们只用它来训练。", language="zh").version == 3
    with pytest.raises(InvalidInput, match="needs a text"):
        information_texts.add(db, " ")


def test_what_a_person_is_asked_is_kept_and_checked(db: Database, ann: int) -> None:
    annotators.asked_of(db, ann, languages=["en", "zh"], tags=["law"])
    annotators.set_daily_quota(db, ann, 20)
    annotators.pause(db, ann, now=NOW)
    person = annotators.get(db, ann)
    assert (person.languages, person.tags, person.daily_quota, person.paused_at) == (["en", "zh"], ["law"], 20, NOW)
    assert annotators.count_active(db) == 0
    annotators.resume(db, ann)
    assert annotators.get(db, ann).paused_at is None
    assert annotators.count_active(db) == 1
    with pytest.raises(InvalidInput, match="have to be a list of texts"):
        annotators.asked_of(db, ann, languages="en")
    with pytest.raises(InvalidInput, match="whole number from 0"):
        annotators.set_daily_quota(db, ann, -1)
    with pytest.raises(InvalidInput, match="no annotator 9"):
        annotators.pause(db, 9)
