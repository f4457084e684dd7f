"""From judgments to preferences: worked by hand, and as properties."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_store import annotators, comparisons, judgments, preferences, runs
from feedback_store.database import Database
from feedback_store.preferences import derive, pairs_of

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
