"""What check questions and repeats tell about people, beside a label snapshot."""

from collections.abc import Callable

from feedback_store import annotator_evidence, annotators, check_questions, comparisons, preferences
from feedback_store.comparisons import NewComparison
from feedback_store.database import Database


def test_checks_and_repeats_come_with_what_is_known_of_them(db: Database, compare: Callable, judge: Callable) -> None:
    pair, other = compare(db, 2)
    first = judge(db, pair, [1, 2])
    judge(db, other, [1, 2], "bob")
    known = comparisons.get(db, pair)
    person = annotators.ensure(db, "ann").id
    check = check_questions.make(db, pair, [2, 1], by="lead")
    judge(db, check.comparison_id, [1, 1], shown=[1, 0])
    again = NewComparison(known.prompt_id, known.completion_ids, purpose="repeat", repeats_id=pair, reserved_for=person)
    judge(db, comparisons.insert(db, again), [2, 1], shown=[1, 0])
    last = judge(db, compare(db)[0], [1, 2])

    snapshot = [one.judgment_id for one in preferences.derive(db)]
    found = annotator_evidence.derive(db, snapshot)
    assert [(one.expert, one.repeats, one.outcome, one.first_shown_on_left) for one in found] == [
        ("second", None, "tie", False), (None, first, "second", False),
    ]  # fmt: skip
    assert {(one.annotator_id, one.pair) for one in found} == {(person, 0)}
    assert last == max(snapshot)


def test_only_people_and_answers_of_the_snapshot_count(db: Database, compare: Callable, judge: Callable) -> None:
    first = judge(db, compare(db)[0], [1, 2])
    check = check_questions.make(db, compare(db)[0], [1, 2], by="lead")
    judge(db, check.comparison_id, [1, 2], "bob")  # has no answer in the snapshot
    later = judge(db, check.comparison_id, [1, 2])  # came after the snapshot
    assert annotator_evidence.derive(db, [first]) == annotator_evidence.derive(db, []) == []
    assert len(annotator_evidence.derive(db, [first, later + 1])) == 1
    check_questions.retire(db, check.public_id, by="lead")
    assert annotator_evidence.derive(db, [first, later + 1]) == []
