"""What judgments of sides come to: who is whose, slices, and nothing where nothing was judged."""

from typing import Any

import pytest

from feedback_store.evaluations import Judged
from rounds.evaluation_figures import results
from rounds.stop_rule import scores_by_pair


def judged(number: int, first: int, second: int, outcome: str, *, left: bool | None = True, **fields: Any) -> Judged:
    values = {
        "strength": None,
        "characters": (10 + number, 20),
        "language": "en",
        "tags": (),
        "held_out": True,
        **fields,
    }
    return Judged(number, number, number, first, second, outcome, left, **values)


def test_wins_are_the_newer_sides_whichever_stood_first() -> None:
    said = [
        judged(1, 0, 1, "second"), judged(2, 1, 0, "first"), judged(3, 1, 0, "second", left=False),
        judged(4, 0, 1, "tie", left=None), judged(5, 0, 2, "first"),
    ]  # fmt: skip
    found = results(said, 3, looked=False)
    first, second, third = found["pairs"]
    assert (first["older"], first["newer"], first["wins"], first["ties"], first["losses"]) == (0, 1, 2, 1, 1)
    assert (second["older"], second["newer"], second["wins"], second["losses"]) == (0, 2, 0, 1)
    assert third["share"] is None and third["share_at_equal_length"] is None
    # Shown first: 0 lost to 1; 1 beat 0; 0, shown first in the third, won.
    assert first["first_shown_share"] == pytest.approx(2 / 3)
    assert (found["judgments"], found["prompts"], found["tie_share"]) == (5, 5, 0.2)
    assert found["strengths"][1]["value"] > found["strengths"][0]["value"] > found["strengths"][2]["value"]


def test_pairs_of_a_ranking_are_one_judgment_and_training_prompts_are_not_held_out() -> None:
    said = [judged(1, 0, 1, "second", weight=0.5), judged(1, 1, 0, "first", weight=0.5)]
    said += [judged(2, 0, 1, "first", held_out=False)]
    [pair] = results(said, 2, looked=False)["pairs"]
    assert (pair["judgments"], pair["held_out"], pair["wins"], pair["losses"]) == (2, 1, 1.0, 1.0)


def test_slices_are_tags_and_languages_with_five_judgments_the_largest_first() -> None:
    said = [judged(n, 0, 1, "second", tags=("law",), language="zh" if n < 3 else "en") for n in range(9)]
    said += [judged(20 + n, 0, 1, "first", tags=("rare",)) for n in range(4)]
    found = [
        (one["kind"], one["name"], one["judgments"], one["share"]) for one in results(said, 2, looked=False)["slices"]
    ]
    assert found == [("language", "en", 10, 0.6), ("tag", "law", 9, 1.0)]


def test_one_language_is_no_slice_and_nothing_judged_is_nothing() -> None:
    assert results([judged(n, 0, 1, "first") for n in range(9)], 2, looked=False)["slices"] == []
    empty = results([], 2, looked=False)
    assert (empty["judgments"], empty["tie_share"], empty["side_term"]) == (0, None, None)
    assert empty["pairs"][0]["cannot_tell"] and empty["pairs"][0]["share"] is None


def test_scores_are_the_lower_sides_in_the_order_of_coming() -> None:
    said = [judged(1, 1, 0, "first"), judged(2, 0, 1, "first"), judged(3, 1, 0, "tie"), judged(4, 2, 1, "second")]
    found = {pair: [one.value for one in scores] for pair, scores in scores_by_pair(said).items()}
    assert found == {(0, 1): [0.0, 1.0, 0.5], (1, 2): [1.0]}
