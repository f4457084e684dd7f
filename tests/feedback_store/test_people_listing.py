"""Everybody at a glance, and what leaving one of them out would do."""

from pathlib import Path

import pytest

from feedback_store import annotators, exclusions, people_listing, qualifications
from feedback_store.database import Database
from judged_studies import LATER, NOW, Study


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(Database.create(tmp_path / "study"))


def test_everybody_stands_with_days_answers_and_what_they_hold(study: Study):
    db = study.db
    for now in (NOW, LATER, LATER):
        study.judge(study.compare(), [1, 2], now=now)
    annotators.ensure(db, "from a file", kind="imported")
    qualifications.grant(db, annotators.ensure(db, "ann").id, "live", score=0.9)
    exclusions.leave_out(db, annotator_id=annotators.ensure(db, "ann").id, reason="hasty", by="lead")
    annotators.ensure(db, "bob")
    ann, bob = people_listing.listing(db, now=LATER)
    assert (ann.name, ann.answers, ann.today, ann.days, ann.last_day) == ("ann", 3, 2, 2, LATER[:10])
    assert (ann.qualifications, ann.left_out_why, ann.role) == (["live"], "hasty", None)
    assert (bob.answers, bob.days, bob.last_day) == (0, 0, None)
    assert people_listing.days(db, ann.id) == [(NOW[:10], 1), (LATER[:10], 2)]
    assert people_listing.one(db, bob.id) == bob or bob.today == 0
    assert people_listing.one(db, 99) is None


def test_what_leaving_somebody_out_does_is_known_before(study: Study):
    db = study.db
    shared, alone = study.compare(), study.compare()
    for name in ("ann", "bob", "cleo"):
        study.judge(shared, [1, 2], name)
    study.judge(alone, [1, 2])
    study.judge(study.compare(), None, skipped="unclear")
    study.judge(study.compare(purpose="evaluation"), [1, 2])
    ann, bob = (annotators.ensure(db, name).id for name in ("ann", "bob"))
    assert exclusions.effect(db, ann) == exclusions.Effect(own=2, all=4, alone=1)
    exclusions.leave_out(db, annotator_id=bob, reason="test", by="lead")
    assert exclusions.effect(db, ann) == exclusions.Effect(own=2, all=3, alone=1)
    assert exclusions.effect(db, bob) == exclusions.Effect(own=1, all=4, alone=0)
    exclusions.leave_out(db, annotator_id=annotators.ensure(db, "cleo").id, reason="test", by="lead")
    assert exclusions.effect(db, ann) == exclusions.Effect(own=2, all=2, alone=2), "those left out hold no pair"


def test_leases_in_force_are_counted_by_people_and_questions(study: Study):
    from feedback_store import questions

    for _ in range(4):
        study.compare()
    for name, limit in (("ann", 2), ("bob", 1)):
        questions.next_questions(study.db, annotators.ensure(study.db, name).id, limit=limit, now=NOW)
    assert people_listing.holding_now(study.db, now=NOW)[0] == 2
    assert people_listing.holding_now(study.db, now=LATER) == (0, 0)
