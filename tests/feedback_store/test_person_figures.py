"""Figures of a person with counts worked by hand; check questions and what several people judged."""

from pathlib import Path

import pytest

from feedback_store import (
    annotator_evidence,
    annotators,
    audit,
    check_questions,
    comparisons,
    exclusions,
    frames,
    judgments,
    person_figures,
    shared_judgments,
    work,
    work_table,
)
from feedback_store.database import Database
from feedback_store.errors import Conflict, InvalidInput
from judged_studies import Study


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(Database.create(tmp_path / "study"))


def test_every_figure_of_a_person_counts_what_it_says(study: Study):
    db = study.db
    for ranks, seconds in (([1, 2], 10), ([1, 2], 20), ([2, 1], 30)):
        study.judge(study.compare(), ranks, milliseconds=seconds * 1000)  # shown in order: the first shown wins twice
    study.judge(study.compare(), [1, 1])
    study.judge(study.compare(), [1, 1], both_bad=True)
    study.judge(study.compare(), None, skipped="unclear")
    study.judge(study.compare(candidates=3), [1, 2, 3])
    study.judge(study.compare(purpose="check", expert=[1, 2]), [1, 2])
    study.judge(study.compare(purpose="check", expert=[1, 2]), [1, 1])
    study.judge(study.compare(), [1, 2], name="somebody else")
    person = annotators.ensure(db, "ann").id
    figures = person_figures.of_person(db, person)
    assert (figures.answers, figures.skips, figures.ties, figures.both_bad) == (9, 1, 2, 1)
    assert (figures.sided, figures.first_preferred) == (4, 3)
    assert (figures.checks, figures.checks_right) == (2, 1)
    assert (figures.repeats, figures.repeats_same) == (0, 0)
    assert figures.median_seconds == 20
    assert figures.per_hour == pytest.approx(3 * 3600 / 60)


def test_a_repeat_is_the_same_where_the_same_one_was_preferred(study: Study):
    person = annotators.ensure(study.db, "ann").id
    for first, again in (([1, 2], [1, 2]), ([1, 2], [2, 1])):
        pair = study.compare()
        study.judge(pair, first)
        known = comparisons.get(study.db, pair)
        new = comparisons.NewComparison(
            known.prompt_id, known.completion_ids, purpose="repeat", repeats_id=pair, reserved_for=person
        )
        study.judge(comparisons.insert(study.db, new), again)
    figures = person_figures.of_person(study.db, person)
    assert (figures.repeats, figures.repeats_same) == (2, 1)


def test_somebody_who_never_answered_has_figures_of_nothing(study: Study):
    figures = person_figures.of_person(study.db, annotators.ensure(study.db, "new").id)
    assert figures.answers == figures.checks == 0
    assert figures.median_seconds is None and figures.per_hour is None


def test_a_check_question_is_made_of_a_pair_counted_and_retired(study: Study):
    db = study.db
    pair = comparisons.get(db, study.compare())
    check = check_questions.make(db, pair.public_id, [2, 1], by="lead")
    study.judge(check.comparison_id, [2, 1], "ann")
    study.judge(check.comparison_id, [1, 2], "bob")
    study.judge(check.comparison_id, None, "cleo", skipped="unclear")
    assert check_questions.shares_right(db) == {check.public_id: [1, 2]}
    with pytest.raises(Conflict, match="check question already"):
        check_questions.make(db, pair.public_id, [1, 2], by="lead")
    check_questions.retire(db, check.public_id, by="lead")
    check_questions.retire(db, check.public_id, by="lead")
    assert [entry.action for entry in audit.listing(db)] == ["retire check question", "make check question"]
    listed, total = check_questions.listing(db)
    assert (listed[0].retired, listed[0].expert, total) == (True, [2, 1], 1)
    assert person_figures.of_person(db, annotators.ensure(db, "bob").id).checks == 0
    check_questions.make(db, pair.public_id, [1, 2], by="lead")  # another answer, now that the first is retired


def test_of_each_check_question_the_first_answer_counts_everywhere(study: Study):
    db, person = study.db, annotators.ensure(study.db, "ann").id
    changed = study.compare(purpose="check", expert=[1, 2])
    undone = study.compare(purpose="check", expert=[1, 2])
    study.judge(undone, [2, 1])
    judgments.undo(db, person, "undo-1")
    study.judge(changed, [2, 1])
    study.judge(changed, [1, 2])  # what the expert said is known by now
    last = study.judge(study.compare(), [1, 2])
    figures = person_figures.of_person(db, person)
    assert (figures.checks, figures.checks_right) == (2, 0)
    shares = {comparisons.get(db, one).public_id: [0, 1] for one in (changed, undone)}
    assert check_questions.shares_right(db) == shares
    assert [one.outcome for one in annotator_evidence.derive(db, [last])] == ["second", "second"]
    assert list(work_table.work_csv(db, names=True))[1].endswith(",2,0.000\r\n")
    (frame,) = work.by_person_and_day(frames.judgments(db)).to_dict("records")
    assert (frame["checks"], frame["check_accuracy"]) == (1, 0.0), "of the answers that stand"


def test_who_is_left_out_does_not_tell_whether_a_check_question_is_any_good(study: Study):
    check = study.compare(purpose="check", expert=[1, 2])
    study.judge(check, [1, 2], "ann")
    study.judge(check, [2, 1], "bob")
    exclusions.leave_out(study.db, annotator_id=annotators.ensure(study.db, "bob").id, reason="test", by="lead")
    assert check_questions.shares_right(study.db) == {comparisons.get(study.db, check).public_id: [1, 1]}


@pytest.mark.parametrize("ranks", [[], [1], [1, 3], [2, 2], [1, 2, 3], [0, 1]])
def test_wrong_expert_ranks_make_no_check_question(study: Study, ranks: list[int]):
    with pytest.raises(InvalidInput, match="expert ranks"):
        check_questions.make(study.db, study.compare(), ranks, by="lead")
    assert check_questions.listing(study.db) == ([], 0)


def test_only_a_check_question_is_retired(study: Study):
    with pytest.raises(InvalidInput, match="no check question"):
        check_questions.retire(study.db, comparisons.get(study.db, study.compare()).public_id, by="lead")


def test_agreement_looks_at_shared_pairs_of_those_who_count(study: Study):
    divided, united, alone = study.compare(), study.compare(), study.compare()
    for name, ranks in (("ann", [1, 2]), ("bob", [2, 1]), ("cleo", [1, 1])):
        study.judge(divided, ranks, name)
        study.judge(united, [1, 2], name)
    study.judge(alone, [1, 2])
    frame = shared_judgments.frame(study.db)
    assert sorted(set(frame["comparison_id"])) == [divided, united]
    assert len(frame) == 6
    public_id = comparisons.get(study.db, divided).public_id
    assert shared_judgments.disagreements(study.db) == [{"comparison": public_id, "votes": [1, 1, 1]}]
    exclusions.leave_out(study.db, annotator_id=annotators.ensure(study.db, "bob").id, reason="test", by="lead")
    assert shared_judgments.disagreements(study.db) == []
    assert len(shared_judgments.frame(study.db)) == 4
    assert len(shared_judgments.frame(study.db, latest=2)) == 2
