"""Judgments: idempotent, append-only, undone by a new row."""

from collections.abc import Callable
from typing import Any

import pytest

from feedback_store import annotators, comparisons, judgments, questions
from feedback_store.database import Database
from feedback_store.errors import Conflict, InvalidInput
from feedback_store.judgments import NewJudgment, submit, undo

NOW = "2026-11-23T10:00:00.000Z"


def answer(comparison: int | str, annotator_id: int, **fields: Any) -> NewJudgment:
    values = {"ranks": [1, 2], "shown": [1, 0], "key": "k1", **fields}
    return NewJudgment(comparison, annotator_id, **values)


def test_an_answer_comes_back_as_it_was_given(db: Database, compare: Callable) -> None:
    [comparison] = compare(db)
    ann = annotators.ensure(db, "ann").id
    given = answer(
        comparison, ann, strength=2, rationale="clearer ☃", criteria={"true": 1},
        improved={"position": 1, "text": "x"}, milliseconds=5300, input_device="keyboard", view="raw",
        extra={"mood": "good"},
    )  # fmt: skip
    stored = submit(db, given, now=NOW)
    for name in ("ranks", "shown", "strength", "rationale", "criteria", "improved", "milliseconds", "view", "extra"):
        assert getattr(stored, name) == getattr(given, name)
    assert (stored.at, stored.late, stored.supersedes_id) == (NOW, False, None)
    assert judgments.get(db, stored.id) == stored
    assert comparisons.get(db, comparison).answers == 1


def test_the_public_id_of_a_comparison_will_do(db: Database, compare: Callable) -> None:
    [comparison] = compare(db)
    public = comparisons.get(db, comparison).public_id
    assert submit(db, answer(public, annotators.ensure(db, "ann").id)).comparison_id == comparison


def test_the_same_key_with_the_same_content_is_the_same_answer(db: Database, compare: Callable) -> None:
    [comparison] = compare(db)
    ann = annotators.ensure(db, "ann").id
    first = submit(db, answer(comparison, ann))
    public = comparisons.get(db, comparison).public_id
    assert submit(db, answer(public, ann)) == first
    assert db.value("SELECT COUNT(*) FROM judgments") == 1


def test_the_same_key_with_other_content_is_a_conflict(db: Database, compare: Callable) -> None:
    [comparison] = compare(db)
    ann = annotators.ensure(db, "ann").id
    submit(db, answer(comparison, ann))
    with pytest.raises(Conflict, match="'k1' was used for another answer"):
        submit(db, answer(comparison, ann, ranks=[2, 1]))
    assert submit(db, answer(comparison, annotators.ensure(db, "bob").id, ranks=[2, 1])).ranks == [2, 1]


def test_a_second_answer_to_a_comparison_supersedes_the_first(db: Database, compare: Callable) -> None:
    [comparison] = compare(db)
    ann = annotators.ensure(db, "ann").id
    first = submit(db, answer(comparison, ann))
    second = submit(db, answer(comparison, ann, ranks=[2, 1], key="k2"))
    assert second.supersedes_id == first.id
    assert judgments.live(db) == [second]
    assert judgments.history(db, comparison) == [first, second]
    assert comparisons.get(db, comparison).answers == 1


def test_undo_takes_back_the_latest_and_gives_the_question_again(db: Database, compare: Callable) -> None:
    one, two = compare(db, 2)
    ann, bob = annotators.ensure(db, "ann").id, annotators.ensure(db, "bob").id
    kept = submit(db, answer(one, ann, key="k1"))
    taken = submit(db, answer(two, ann, key="k2"))
    undone = undo(db, ann, "undo-1", now=NOW)
    assert undone is not None
    assert (undone.supersedes_id, undone.skipped, undone.comparison_id) == (taken.id, "undone", two)
    assert judgments.live(db) == [kept]
    assert questions.next_questions(db, bob, now=NOW).state == "others_hold"
    [question] = questions.next_questions(db, ann, now=NOW).questions
    assert question.comparison_public_id == comparisons.get(db, two).public_id
    assert question.shown == taken.shown
    again = submit(db, answer(two, ann, ranks=[2, 1], key="k3"), now=NOW)
    assert (again.supersedes_id, again.late) == (undone.id, False)
    assert judgments.live(db) == [kept, again]


def test_who_is_paused_takes_an_answer_back_and_holds_its_pair_no_longer(db: Database, compare: Callable) -> None:
    compare(db, 1)
    ann, bob = annotators.ensure(db, "ann").id, annotators.ensure(db, "bob").id
    [question] = questions.next_questions(db, ann, now=NOW).questions
    submit(db, answer(question.comparison_id, ann, shown=question.shown), now=NOW)
    annotators.pause(db, ann)
    assert undo(db, ann, "undo-1", now=NOW) is not None
    assert [one.comparison_id for one in questions.next_questions(db, bob, now=NOW).questions] == [
        question.comparison_id
    ]


def test_undo_is_idempotent_and_goes_back_one_by_one(db: Database, compare: Callable, judge: Callable) -> None:
    ids = [judge(db, comparison, [1, 2]) for comparison in compare(db, 3)]
    ann = annotators.ensure(db, "ann").id
    taken = [undo(db, ann, key) for key in ("u1", "u1", "u2", "u3")]
    assert [one.supersedes_id for one in taken if one] == [ids[2], ids[2], ids[1], ids[0]]
    assert undo(db, ann, "u4") is None
    assert judgments.count(db, skips=True) == 0


def test_an_undo_under_the_key_of_an_answer_is_a_conflict(db: Database, compare: Callable, judge: Callable) -> None:
    judge(db, compare(db)[0], [1, 2], key="mine")
    with pytest.raises(Conflict, match="an undo needs a key of its own"):
        undo(db, annotators.ensure(db, "ann").id, "mine")


def test_a_skip_is_taken_back_like_an_answer(db: Database, compare: Callable, judge: Callable) -> None:
    [comparison] = compare(db)
    judge(db, comparison, None, skipped="unclear")
    assert (judgments.count(db), judgments.count(db, skips=True)) == (0, 1)
    undo(db, annotators.ensure(db, "ann").id, "u1")
    assert comparisons.get(db, comparison).answers == 0


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"ranks": [1]}, "ranks are .* 2 whole numbers"),
        ({"ranks": [2, 2]}, "ranks are"),
        ({"ranks": [1, 3]}, "ranks are"),
        ({"ranks": [True, 2]}, "ranks are"),
        ({"ranks": None}, "either ranks, or a reason"),
        ({"skipped": "unclear"}, "either ranks, or a reason"),
        ({"ranks": None, "skipped": "undone"}, "kept for an undo"),
        ({"ranks": None, "skipped": " "}, "not empty"),
        ({"both_bad": True}, "Both bad is a tie"),
        ({"shown": [0, 0]}, "name each place 0 to 1 once"),
        ({"shown": None}, "order in which the completions were shown"),
        ({"strength": 4}, "1 .slightly., 2, 3 .much."),
        ({"milliseconds": -1}, "cannot be negative"),
        ({"input_device": "telepathy"}, "allowed are keyboard, pointer"),
        ({"view": "diff?"}, "allowed are rendered, raw"),
        ({"key": ""}, "1 to 200 characters"),
        ({"rationale": "a\x00b"}, "NUL character"),
        ({"rationale": "a\ud800b"}, "half of a surrogate pair"),
        ({"extra": {"ranks": [1]}}, "name of a field of its own"),
        ({"at": "a\ud800b"}, "half of a surrogate pair"),
        ({"view": "\ud800"}, "half of a surrogate pair"),
        ({"rationale": "x" * 20_001}, "rationale of a judgment has 20,001 characters; at most 20,000"),
        ({"ranks": None, "skipped": "x" * 1001}, "reason of a skip has 1,001 characters"),
        ({"criteria": ["x" * 10**6]}, "judgment takes 1,0.* bytes; at most 1,000,000"),
        ({"improved": ["x"]}, "has to be .*position.*text"),
        ({"improved": {"position": 2, "text": "x"}}, "position 2; allowed are 0 to 1"),
        ({"improved": {"position": True, "text": "x"}}, "whole numbers"),
        ({"improved": {"position": 0, "text": " "}}, "is empty"),
        ({"improved": {"position": 0, "text": "x" * 100_001}}, "improved completion has 100,001 characters"),
        ({"comparison": 99}, "no comparison 99"),
        ({"comparison": "nope"}, "no comparison 'nope'"),
    ],
)
def test_what_cannot_be_stored_is_refused_in_words(
    db: Database, compare: Callable, fields: dict[str, Any], words: str
) -> None:
    [comparison] = compare(db)
    ann = annotators.ensure(db, "ann").id
    with pytest.raises(InvalidInput, match=words):
        submit(db, answer(**{"comparison": comparison, "annotator_id": ann, **fields}))
    assert db.value("SELECT COUNT(*) FROM judgments") == 0


def test_odd_letters_are_kept_and_marked(db: Database, compare: Callable, judge: Callable) -> None:
    odd, plain = compare(db, 2)
    text = "right \u202eto left\u202c and a bell \x07"
    stored = judgments.get(db, judge(db, odd, [1, 2], rationale=text))
    assert (stored.rationale, stored.marks) == (text, ["bidi", "control"])
    assert judgments.get(db, judge(db, plain, [1, 2], rationale="two\nlines\tשלום")).marks == []


def test_an_earlier_answer_of_the_last_fifty_can_be_taken_back_or_changed(
    db: Database, compare: Callable, judge: Callable
) -> None:
    ids = compare(db, 3)
    first, second, third = [judge(db, comparison, [1, 2]) for comparison in ids]
    ann = annotators.ensure(db, "ann").id
    undone = undo(db, ann, "u1", now=NOW, judgment_id=second)
    assert undone is not None
    assert (undone.supersedes_id, undone.comparison_id) == (second, ids[1])
    assert [one.id for one in judgments.recent(db, ann)] == [third, first]
    [question] = questions.next_questions(db, ann, now=NOW).questions
    assert question.comparison_public_id == comparisons.get(db, ids[1]).public_id
    changed = judge(db, ids[0], [2, 1])
    assert [one.id for one in judgments.recent(db, ann)] == [changed, third]
    assert [one.ranks for one in judgments.history(db, ids[0])] == [[1, 2], [2, 1]]
    with pytest.raises(InvalidInput, match="no answer that this person gave here and that counts"):
        undo(db, ann, "u2", judgment_id=first)
    with pytest.raises(InvalidInput, match="no answer that this person gave"):
        undo(db, annotators.ensure(db, "bob").id, "u3", judgment_id=third)


def test_what_is_older_than_the_last_fifty_stays(db: Database, compare: Callable, judge: Callable) -> None:
    ids = compare(db, 51)
    rows = [judge(db, comparison, [1, 2]) for comparison in ids]
    ann = annotators.ensure(db, "ann").id
    assert [one.id for one in judgments.recent(db, ann)] == rows[:0:-1]
    assert [one.id for one in judgments.recent(db, ann, limit=2)] == rows[:48:-1]
    with pytest.raises(InvalidInput, match=r"too long ago .* last 50 answers"):
        undo(db, ann, "u1", judgment_id=rows[0])
    with pytest.raises(InvalidInput, match="too long ago"):
        judge(db, ids[0], [2, 1])
    assert undo(db, ann, "u1", judgment_id=rows[1]) is not None
    assert judgments.get(db, judge(db, ids[1], [2, 1])).ranks == [2, 1], "asked again, it is a new answer"
    assert comparisons.get(db, ids[0]).answers == 1


def test_todays_work_is_counted_without_what_was_undone(db: Database, compare: Callable) -> None:
    ann = annotators.ensure(db, "ann").id
    days = ("2026-11-22T23:59:59.999Z", "2026-11-23T00:00:00.000Z", NOW, NOW)
    for number, (comparison, day) in enumerate(zip(compare(db, 4), days, strict=True)):
        submit(db, answer(comparison, ann, key=f"k{number}"), now=day)
    undo(db, ann, "u", now=NOW)
    assert judgments.of_person_today(db, ann, now=NOW) == 2
    assert annotators.answers(db, ann) == 3


def test_counts_go_by_purpose_and_split(db: Database, compare: Callable, judge: Callable) -> None:
    judge(db, compare(db)[0], [1, 2])
    judge(db, compare(db, split="holdout")[0], [1, 1], both_bad=True)
    judge(db, compare(db, purpose="evaluation", first=5)[0], [2, 1])
    assert judgments.count(db) == 3
    assert judgments.count(db, purpose="training") == 2
    assert judgments.count(db, purpose="training", split="holdout") == 1


def test_a_pace_is_told_by_the_latest_answers_alone(
    db: Database, compare: Callable, judge: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judgments, "PACE_AMONG", 8)
    ann = annotators.ensure(db, "ann").id
    for number, comparison in enumerate(compare(db, 14)):
        judge(db, comparison, [1, 2], milliseconds=4000 if number < 6 else None)
        if number in (5, 8):
            assert judgments.pace_of(db, ann) == 900
    assert judgments.pace_of(db, ann) is None, "answers of long ago are not looked for, one by one"
