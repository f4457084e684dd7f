"""From judgments to preferences: worked by hand, and as properties."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback_store import (
    annotators,
    audit,
    comparisons,
    completions,
    exclusions,
    judgments,
    policies,
    preferences,
    prompts,
    runs,
)
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.errors import InvalidInput
from feedback_store.preferences import derive, pairs_of
from feedback_store.prompts import NewPrompt

NOW = "2026-11-23T10:00:00.000Z"

rankings = st.integers(2, 9).flatmap(lambda k: st.lists(st.integers(1, k), min_size=k, max_size=k))


def test_a_pair_gives_one_preference(db: Database, compare: Callable, judge: Callable) -> None:
    [comparison] = compare(db)
    judgment = judge(db, comparison, [2, 1], shown=[1, 0], strength=3)
    first, second = comparisons.get(db, comparison).completion_ids
    [found] = derive(db)
    assert (found.judgment_id, found.comparison_id, found.split) == (judgment, comparison, "train")
    assert (found.first_id, found.second_id, found.outcome) == (first, second, "second")
    assert (found.weight, found.strength, found.both_bad, found.first_shown_on_left) == (1.0, 3, False, False)


def test_both_bad_is_a_tie_that_says_so_and_a_skip_is_nothing(db: Database, compare: Callable, judge: Callable) -> None:
    tie, bad, skip = compare(db, 3)
    judge(db, tie, [1, 1])
    judge(db, bad, [1, 1], both_bad=True)
    judge(db, skip, None, skipped="language")
    assert [(one.outcome, one.both_bad) for one in derive(db)] == [("tie", False), ("tie", True)]


def test_what_was_said_by_criteria_comes_with_each_pair_and_other_shapes_are_none(
    db: Database, compare: Callable, judge: Callable
) -> None:
    one, other = compare(db, 2)
    judge(db, one, [1, 2], criteria={"true": {"ranks": [2, 1], "strength": 2}, "short": {"ranks": [1, 1]}})
    judge(db, other, [1, 2], criteria={"true": "very", "long": {"ranks": [1]}, "kind": {"ranks": ["a", 1]}})
    assert [one.criteria for one in derive(db)] == [{"true": "second", "short": "tie"}, {}]


def test_a_ranking_of_three_gives_its_three_pairs(db: Database, compare: Callable, judge: Callable) -> None:
    [comparison] = compare(db, candidates=3)
    judge(db, comparison, [2, 1, 2], shown=[2, 0, 1])
    a, b, c = comparisons.get(db, comparison).completion_ids
    assert [(one.first_id, one.second_id, one.outcome, one.first_shown_on_left) for one in derive(db)] == [
        (a, b, "second", True), (a, c, "tie", False), (b, c, "first", False),
    ]  # fmt: skip
    assert [one.weight for one in derive(db)] == [pytest.approx(2 / 3)] * 3


def test_evaluations_superseded_and_undone_answers_are_left_out(
    db: Database, compare: Callable, judge: Callable
) -> None:
    edited, undone = compare(db, 2)
    judge(db, compare(db, purpose="evaluation", first=5)[0], [1, 2])
    judge(db, edited, [1, 2])
    kept = judge(db, edited, [2, 1])
    judge(db, undone, [1, 2])
    judgments.undo(db, annotators.ensure(db, "ann").id, "u")
    assert [one.judgment_id for one in derive(db)] == [kept]


def test_a_snapshot_gives_what_the_run_saw_even_after_an_undo(db: Database, compare: Callable, judge: Callable) -> None:
    ids = [judge(db, comparison, [1, 2]) for comparison in compare(db, 3)]
    runs.enqueue(db, "train-reward", {})
    lease = runs.claim(db, "worker", lease_seconds=60)
    assert lease is not None
    runs.snapshot(db, lease, ids[:2])
    judgments.undo(db, annotators.ensure(db, "ann").id, "u1")
    judgments.undo(db, annotators.ensure(db, "ann").id, "u2")
    assert [one.judgment_id for one in derive(db, runs.judgments_of(db, lease.run_id))] == ids[:2]
    assert [one.judgment_id for one in derive(db)] == ids[:1]


@given(rankings)
def test_a_ranking_of_k_counts_as_k_minus_one(ranks: list[int]) -> None:
    pairs = pairs_of(ranks)
    assert sum(weight for *_, weight in pairs) == pytest.approx(len(ranks) - 1)
    assert len(pairs) == len(ranks) * (len(ranks) - 1) // 2


@given(rankings)
def test_turning_a_ranking_around_swaps_every_outcome(ranks: list[int]) -> None:
    k = len(ranks)
    swapped = {"first": "second", "second": "first", "tie": "tie"}
    forward = {(i, j): outcome for i, j, outcome, _ in pairs_of(ranks)}
    backward = {(k - 1 - j, k - 1 - i): outcome for i, j, outcome, _ in pairs_of(ranks[::-1])}
    assert forward == {pair: swapped[outcome] for pair, outcome in backward.items()}


@given(rankings)
def test_only_the_order_of_ranks_counts(ranks: list[int]) -> None:
    assert pairs_of(ranks) == pairs_of([3 * rank + 7 for rank in ranks])


def test_swapping_candidates_and_ranks_together_changes_nothing_but_the_sides(
    db: Database, compare: Callable, judge: Callable
) -> None:
    [one] = compare(db)
    held = comparisons.get(db, one)
    [other] = comparisons.add(db, [comparisons.NewComparison(held.prompt_id, held.completion_ids[::-1])])
    judge(db, one, [1, 2], shown=[0, 1])
    judge(db, other, [2, 1], shown=[1, 0])
    a, b = preferences.derive(db)
    winner = {"first": 0, "second": 1}
    assert (a.first_id, a.second_id)[winner[a.outcome]] == (b.first_id, b.second_id)[winner[b.outcome]]
    assert a.first_shown_on_left is not b.first_shown_on_left


def test_an_improved_completion_is_a_demonstration_and_one_pair_more(
    db: Database, compare: Callable, judge: Callable
) -> None:
    [comparison] = compare(db, candidates=3)
    edit = {"position": 2, "text": "Better."}
    judgment = judge(db, comparison, [1, 1, 1], both_bad=True, strength=3, improved=edit)
    *pairs, extra = derive(db)
    assert sum(one.weight for one in pairs) == pytest.approx(2)
    assert all(one.improved is None for one in pairs)
    original = comparisons.get(db, comparison).completion_ids[2]
    assert (extra.judgment_id, extra.first_id, extra.second_id, extra.outcome) == (judgment, None, original, "first")
    assert (extra.improved, extra.weight, extra.both_bad, extra.strength) == ("Better.", 1.0, False, None)
    judge(db, comparison, [1, 1, 1])
    assert all(one.improved is None for one in derive(db)), "the superseded edit is left out"


def test_an_edit_of_white_space_alone_says_nothing(db: Database, compare: Callable, judge: Callable) -> None:
    [comparison] = compare(db)
    judge(db, comparison, [1, 2], improved={"position": 0, "text": " Answer  0 to\n0. "})
    assert [one.improved for one in derive(db)] == [None]


@pytest.mark.parametrize("purpose", ["evaluation", "check", "repeat"])
def test_what_tells_about_policies_or_people_never_trains(
    db: Database, compare: Callable, judge: Callable, purpose: str
) -> None:
    [comparison] = compare(db, purpose=purpose, expert=[1, 2])
    judge(db, comparison, [1, 2], improved={"position": 0, "text": "Better."})
    assert derive(db) == []


def test_a_person_can_be_left_out_and_taken_back(db: Database, compare: Callable, judge: Callable) -> None:
    for comparison in compare(db, 2):
        judge(db, comparison, [1, 2], name="ann")
        judge(db, comparison, [2, 1], name="bob")
    ann = annotators.ensure(db, "ann").id
    everything = derive(db)
    left_out = exclusions.leave_out(db, annotator_id=ann, reason="clicked left only", by="lead", now=NOW)
    assert exclusions.leave_out(db, annotator_id=ann, reason="again", by="lead") == left_out
    assert exclusions.current(db) == [left_out]
    assert {one.annotator_id for one in derive(db)} == {annotators.ensure(db, "bob").id}
    assert derive(db, [everything[0].judgment_id]) == everything[:1], "a run keeps what it saw"
    assert judgments.count(db) == 4, "what was said stays, and fills the overlap"
    assert exclusions.take_back(db, annotator_id=ann, by="lead", now=NOW)
    assert not exclusions.take_back(db, annotator_id=ann, by="lead", now=NOW)
    assert derive(db) == everything
    assert [(one.actor, one.action, one.subject) for one in audit.listing(db)] == [
        ("lead", "count again", f"annotator {ann}"),
        ("lead", "leave out", f"annotator {ann}"),
    ]


def test_an_import_can_be_left_out_and_taken_back(db: Database, compare: Callable, judge: Callable) -> None:
    [comparison] = compare(db)
    judge(db, comparison, [1, 2])
    db.execute(
        "INSERT INTO imports (id, format, file_name, file_sha256, created_at) VALUES (7, 'x', 'x', 'x', ?)", [NOW]
    )
    new = judgments.NewJudgment(comparison, annotators.ensure(db, "file", "imported").id, [2, 1], None, "i1")
    brought = judgments.insert(db, new, comparisons.get(db, comparison), import_id=7, now=NOW)
    exclusions.leave_out(db, import_id=7, reason="another question was asked", by="lead")
    assert brought not in {one.judgment_id for one in derive(db)}
    exclusions.take_back(db, import_id=7, by="lead")
    assert brought in {one.judgment_id for one in derive(db)}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"annotator_id": 99, "reason": "x"}, "no annotator 99"),
        ({"import_id": 99, "reason": "x"}, "no import 99"),
        ({"reason": "x"}, "either a person .* or an import"),
        ({"annotator_id": 1, "import_id": 1, "reason": "x"}, "either a person"),
        ({"annotator_id": 1, "reason": " "}, "needs a reason"),
    ],
)
def test_whom_nobody_can_leave_out(db: Database, fields: dict, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        exclusions.leave_out(db, by="lead", **fields)
    assert exclusions.current(db) == []


ANSWERS = st.lists(
    st.tuples(
        st.sampled_from(["answer", "both bad", "skip", "undo", "edit"]), st.integers(0, 2), st.integers(0, 1), rankings
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(ANSWERS)
def test_preferences_are_those_of_each_persons_latest_answer(acts: list[tuple[str, int, int, list[int]]]) -> None:
    """A model in plain Python beside the store: the latest answer of each person on each comparison, and what it is
    worth.
    """
    with tempfile.TemporaryDirectory() as folder, Database.create(Path(folder) / "study") as db:
        author = policies.external(db, "author").id
        places, people = [2, 3, 5], [annotators.ensure(db, name).id for name in ("ann", "bob")]
        ids = []
        for number, candidates in enumerate(places):
            prompt = prompts.add(db, [NewPrompt(prompts.from_text(f"{number}?"))], holdout_share=0, seed=0).ids[0]
            texts = completions.add(db, [NewCompletion(prompt, author, f"{place}") for place in range(candidates)])
            ids += comparisons.add(db, [comparisons.NewComparison(prompt, texts)])
        latest: dict[tuple[int, int], tuple[int, float, bool] | None] = {}
        order: dict[int, list[int]] = {0: [], 1: []}
        for number, (act, which, who, ranking) in enumerate(acts):
            shown = list(range(places[which]))
            ranks: list[int] | None = [rank % places[which] + 1 for rank in (ranking * 5)[: places[which]]]
            ranks = [rank - min(ranks) + 1 for rank in ranks]  # type: ignore[union-attr, arg-type, operator]
            fields: dict[str, Any] = {}
            if act == "undo":
                judgments.undo(db, people[who], f"k{number}")
                if order[who]:
                    latest[order[who].pop(), who] = None
                continue
            if act == "both bad":
                ranks, fields = [1] * places[which], {"both_bad": True}
            elif act == "skip":
                ranks, fields = None, {"skipped": "unclear"}
            elif act == "edit":
                fields = {"improved": {"position": 1, "text": "Better."}}
            new = judgments.NewJudgment(ids[which], people[who], ranks, shown, f"k{number}", **fields)
            stored = judgments.submit(db, new)
            order[who] = [one for one in order[who] if one != which] + [which]
            weight = 0.0 if ranks is None else places[which] - 1 + (act == "edit")
            latest[which, who] = (stored.id, weight, act == "edit")
        found = derive(db)
        said = [one for one in latest.values() if one is not None]
        for judgment_id, weight, edited in said:
            own = [one for one in found if one.judgment_id == judgment_id]
            assert sum(one.weight for one in own) == pytest.approx(weight)
            assert [one.improved for one in own if one.improved] == ["Better."] * edited
        assert {one.judgment_id for one in found} <= {judgment_id for judgment_id, *_ in said}
