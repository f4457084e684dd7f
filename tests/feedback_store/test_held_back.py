"""Pairs that wait for a lead's decision: nobody is asked them, and they count as no work that is left."""

from collections.abc import Callable

import pytest

from feedback_store import annotators, audit, check_questions, comparisons, held_back, questions, study_check
from feedback_store.database import Database
from feedback_store.errors import InvalidInput

NOW = "2026-11-23T10:00:00.000Z"


@pytest.fixture
def ann(db: Database) -> int:
    return annotators.ensure(db, "ann").id


def asked(db: Database, annotator_id: int) -> list[int]:
    return [one.comparison_id for one in questions.next_questions(db, annotator_id, limit=9, now=NOW).questions]


def public(db: Database, comparison: int) -> str:
    return comparisons.get(db, comparison).public_id


def test_nobody_is_asked_what_is_held_back(db: Database, compare: Callable, ann: int) -> None:
    held = compare(db, 2, held_back=True, priority=5)
    plain = compare(db, 1, first=2)
    assert asked(db, ann) == plain
    assert questions.next_questions(db, annotators.ensure(db, "bob").id, now=NOW).state == "others_hold"
    assert questions.count_unseen(db, ann, 50, now=NOW) == 1, "the one that is not held back"
    public_ids = {public(db, comparison) for comparison in held}
    assert not any(questions.handed_out(db, ann, public_id) for public_id in public_ids)


def test_what_is_held_back_is_no_work_that_is_left(db: Database, compare: Callable, ann: int) -> None:
    compare(db, 2, held_back=True)
    compare(db, 1, first=2, split="holdout", held_back=True)
    compare(db, 3, first=3)
    counts = comparisons.counts(db, now=NOW)
    assert (counts.ready, counts.leased, counts.judged) == (3, 0, 0)
    assert comparisons.counts(db, comparisons.get(db, 1).round_id, now=NOW).ready == 3
    assert comparisons.counts(db, 99, now=NOW).ready == 0
    asked(db, ann)
    counts = comparisons.counts(db, now=NOW)
    assert (counts.ready, counts.leased) == (0, 3)


def test_one_that_was_asked_before_it_was_held_back_is_taken_out_of_hands(
    db: Database, compare: Callable, ann: int
) -> None:
    first, second = compare(db, 2)
    assert asked(db, ann) == [first, second]
    db.execute("UPDATE comparisons SET held_back = 1 WHERE id = ?", [first])
    assert asked(db, ann) == [second]
    counts = comparisons.counts(db, now=NOW)
    assert (counts.ready, counts.leased) == (0, 1)


def test_the_oldest_come_first_page_by_page(db: Database, compare: Callable) -> None:
    compare(db, 1)
    held = compare(db, 3, first=1, held_back=True)
    assert held_back.listing(db) == (held, 3)
    assert held_back.listing(db, limit=2) == (held[:2], 3)
    assert held_back.listing(db, limit=2, offset=2) == (held[2:], 3)


def test_a_lead_lets_a_pair_be_asked_after_all(db: Database, compare: Callable, ann: int) -> None:
    [held] = compare(db, 1, held_back=True)
    held_back.decide(db, public(db, held), serve=True, by="lead", now=NOW)
    assert held_back.listing(db) == ([], 0)
    assert comparisons.counts(db, now=NOW).ready == 1
    assert asked(db, ann) == [held]
    entry = audit.listing(db)[0]
    assert (entry.actor, entry.action, entry.subject) == ("lead", "serve held back pair", f"comparison {held}")
    assert study_check.check(db.folder) == []


def test_a_lead_keeps_a_pair_out_for_good_and_all_counts_stay_right(db: Database, compare: Callable, ann: int) -> None:
    held, other = compare(db, 2, held_back=True)
    held_back.decide(db, public(db, held), serve=False, by="lead", now=NOW)
    assert held_back.listing(db) == ([other], 1)
    assert comparisons.get(db, held).withdrawn
    assert comparisons.counts(db, now=NOW).total == 0
    assert asked(db, ann) == []
    assert audit.listing(db)[0].action == "keep out held back pair"
    assert study_check.check(db.folder) == []


@pytest.mark.parametrize("serve", [True, False])
def test_only_what_waits_can_be_decided_and_once(db: Database, compare: Callable, serve: bool) -> None:
    [plain] = compare(db, 1)
    [held] = compare(db, 1, first=1, held_back=True)
    [check] = compare(db, 1, first=2, purpose="check", expert=[1, 2])
    check_questions.retire(db, public(db, check), by="lead", now=NOW)
    assert held_back.listing(db) == ([held], 1), "a retired check question does not wait"
    held_back.decide(db, public(db, held), serve=serve, by="lead", now=NOW)
    lines = len(audit.listing(db))
    for comparison in (plain, held, check):
        with pytest.raises(InvalidInput, match="does not wait for a decision"):
            held_back.decide(db, public(db, comparison), serve=serve, by="lead", now=NOW)
    with pytest.raises(InvalidInput, match="There is no comparison 'nowhere'"):
        held_back.decide(db, "nowhere", serve=serve, by="lead", now=NOW)
    assert len(audit.listing(db)) == lines
