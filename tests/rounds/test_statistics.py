"""Statistics of a round, with numbers worked by hand."""

import math

import pytest

from rounds.policy_results import wilson
from rounds.statistics import (
    Completion,
    accuracy,
    beats,
    distinct_pairs,
    highest_share,
    preferred_share,
    ratio_over_prompts,
)


def test_a_tie_counts_half():
    assert (beats(2, 1), beats(1, 2), beats(1, 1)) == (1, 0, 0.5)


def test_the_share_is_the_mean_over_prompts_of_wins_and_half_ties():
    new = {1: [3, 1], 2: [0, 0]}
    base = {1: [2, 1], 2: [0, 1]}
    # prompt 1: 3>2, 3>1, 1<2, 1=1 -> 2.5 of 4; prompt 2: 0=0, 0<1, twice -> 1 of 4
    assert preferred_share(new, base, seed=0).value == pytest.approx((2.5 / 4 + 1 / 4) / 2)
    assert preferred_share(new, base, seed=0).n == 2


def test_a_policy_against_itself_has_a_share_of_one_half():
    scores = {prompt: [0.1 * prompt, 0.3, 0.3] for prompt in range(20)}
    share = preferred_share(scores, scores, seed=0)
    assert share.value == pytest.approx(0.5)


def test_few_prompts_and_such_as_all_say_the_same_have_wilsons_interval():
    for prompts in (2, 40):
        one = preferred_share(
            {place: [1] for place in range(prompts)}, {place: [0] for place in range(prompts)}, seed=0
        )
        assert (one.value, one.low, one.high) == (1.0, *wilson(1.0, prompts))
    assert one.low == pytest.approx(0.8909, abs=1e-4)  # 40 of 40; 2 of 2 would say 0.2
    few = preferred_share({place: [place % 4] for place in range(20)}, {place: [1] for place in range(20)}, seed=0)
    assert (few.value, few.low, few.high) == (0.625, *wilson(0.625, 20))
    many = preferred_share({place: [place % 4] for place in range(40)}, {place: [1] for place in range(40)}, seed=0)
    assert wilson(0.625, 40)[0] < many.low < 0.55  # ties half spread less than wins and losses


def test_prompts_that_one_side_lacks_are_left_out():
    assert preferred_share({1: [1], 2: [1], 4: []}, {1: [0], 3: [0], 4: [1]}, seed=0).n == 1


def test_the_highest_share_counts_where_the_base_is_already_at_the_best():
    assert highest_share({1: [1.0, 0.0], 2: [0.5, 0.5]}, best=1.0, seed=0) == pytest.approx((0.75 + 1) / 2)


def test_the_interval_narrows_with_the_prompts_and_holds_the_value():
    few = ratio_over_prompts([0, 1] * 10, [1] * 20, seed=0)
    many = ratio_over_prompts([0, 1] * 200, [1] * 400, seed=0)
    assert few.low < few.value < few.high
    assert many.high - many.low < (few.high - few.low) / 3
    # the bootstrap's standard error of a mean of 400 coins is 0.025: the interval is 0.5 +- 0.049
    assert (many.low, many.high) == (pytest.approx(0.451, abs=0.006), pytest.approx(0.549, abs=0.006))


def test_the_same_seed_gives_the_same_interval():
    assert ratio_over_prompts([0, 1, 1], [1, 1, 2], seed=4) == ratio_over_prompts([0, 1, 1], [1, 1, 2], seed=4)


def test_accuracy_counts_decided_pairs_only_and_equal_rewards_half():
    by_prompt = {
        1: [Completion(taste=1, reward=5, length=3), Completion(0, 4, 9), Completion(0, 6, 2)],
        2: [Completion(taste=0, reward=1, length=5), Completion(1, 1, 5)],
    }
    # decided: 5>4 right, 5<6 wrong, 1=1 half; lengths: 3<9 wrong, 3>2 right, 5=5 half
    found = accuracy(by_prompt, seed=0)
    assert found.reward.n == 3
    assert found.reward.value == pytest.approx(0.5)
    assert found.longer_wins == pytest.approx(0.5)


def test_accuracy_of_a_reward_that_is_the_taste_is_one():
    by_prompt = {prompt: [Completion(i, i, -i) for i in range(4)] for prompt in range(10)}
    found = accuracy(by_prompt, seed=0)
    assert (found.reward.value, found.reward.low, found.longer_wins, found.reward.n) == (1, 1, 0, 60)


def test_where_nothing_is_decided_it_is_said_in_words():
    with pytest.raises(ValueError, match="nothing to estimate from"):
        accuracy({1: [Completion(0, 1, 1), Completion(0, 2, 2)]}, seed=0)


def test_distinct_pairs_are_counted_over_equal_word_counts():
    first = [["a", "b", "a", "b"], ["a", "b"]]
    second = [["c", "d", "e"], ["f", "g", "h", "i"]]
    # cut to 3 and 2 words: ab ba | ab -> 2 of 3; cd de | fg -> 3 of 3
    assert distinct_pairs(first, second) == (pytest.approx(2 / 3), 1.0)


def test_distinct_pairs_of_nothing_are_not_a_number():
    assert all(math.isnan(value) for value in distinct_pairs([[], ["a"]], [["a", "b"], ["b", "c"]]))
