"""Automatic figures by hand-worked numbers, and the plan of a blind evaluation."""

from collections import Counter
from dataclasses import dataclass

import pytest

from rounds.blind_pairs import plan
from rounds.policy_figures import Rewarded, figures, words_of
from rounds.statistics import distinct_pairs, repetition


@dataclass(frozen=True)
class Text:
    id: int
    prompt_id: int
    text: str
    token_count: int | None = 5
    finish_reason: str | None = "stop"


def test_figures_by_hand():
    texts = [Text(1, 1, "a b a b"), Text(2, 1, ""), Text(3, 2, "c d e", 9, "length"), Text(4, 2, "c d e")]
    rewards = {n: Rewarded(float(n), 0.5, float(n) - 1, 0.25) for n in (1, 2, 3, 4)}
    found = figures(texts, texts, rewards)
    assert (found["completions"], found["empty"], found["cut_off"], found["mean_tokens"]) == (4, 0.25, 0.25, 6)
    assert found["distinct_1"] == 5 / 10
    assert found["distinct_2"] == 4 / 7  # ab, ba, ab, cd, de, cd, de
    assert found["mean_reward"] == 2.5
    assert (found["reward_words"], found["reward_content"], found["reward_length"]) == (0.5, 1.5, 0.25)
    assert (found["best_of"], found["best_of_reward"]) == (2, 3.0)  # of 1, 2 and of 3, 4


def test_without_a_reward_or_with_one_text_a_prompt_there_is_no_best():
    assert figures([Text(1, 1, "a")], [Text(1, 1, "a")], {})["mean_reward"] is None
    assert "best_of" not in figures([Text(1, 1, "a")], [Text(1, 1, "a")], {1: Rewarded(1, 0, 0, 0)})


def test_repetition_is_the_share_of_runs_of_three_words_that_were_said_before():
    assert repetition([["a", "b", "c", "a", "b", "c"]]) == 0.25  # abc, bca, cab, abc
    assert repetition([["a"] * 5, ["a", "b", "c"], ["x"]]) == pytest.approx((2 / 3 + 0) / 2)
    assert repetition([["a", "b"]]) != repetition([["a", "b"]]), "nan where nothing can be repeated"


def test_distinct_of_three_words_over_equal_counts():
    own, other = distinct_pairs([["a", "b", "c", "d"]], [["a"] * 9], 3)
    assert (own, other) == (1.0, 0.5)


def test_where_words_stand_without_spaces_characters_are_counted():
    assert words_of("天空 is blue。") == ["天", "空", "is", "blue。"]


def test_a_plan_uses_prompts_and_sides_evenly_and_has_some_to_spare():
    planned = plan(range(10), 3, 60, seed=1)
    assert len(planned) == 72
    assert set(Counter(frozenset((one.first, one.second)) for one in planned).values()) == {24}
    by_prompt = Counter(one.prompt_id for one in planned)
    assert max(by_prompt.values()) - min(by_prompt.values()) <= 3
    assert len({(one.prompt_id, one.index, frozenset((one.first, one.second))) for one in planned}) == 72
    first = Counter(one.first < one.second for one in planned)
    assert 20 < first[True] < 52, "a place tells no side"
    assert planned == plan(range(10), 3, 60, seed=1) != plan(range(10), 3, 60, seed=2)


def test_a_small_plan_has_five_to_spare():
    assert len(plan([7], 2, 4, seed=0)) == 9
    assert [one.index for one in plan([7], 2, 4, seed=0)] == list(range(9))
