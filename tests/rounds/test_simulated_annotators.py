"""Simulated annotators: what each profile does in many answers, and that answers do not depend on order."""

from itertools import chain

import numpy as np
import pytest

from rounds.simulated_annotators import PROFILES, Seen, UnknownAnnotators, generator, judge, parse, share_out
from rounds.tastes import FLAWED

BETTER = Seen("one two three", 2 / 3)
WORSE = Seen("one two three four five six seven eight nine", 1 / 3)


def sides(profile, left, right, n=1000):
    answers = [judge(PROFILES[profile], left, right, np.random.default_rng(i)).side for i in range(n)]
    return {side: answers.count(side) / n for side in ("left", "tie", "right")}


def test_a_careful_annotator_nearly_always_follows_the_taste_on_both_sides():
    assert sides("careful", BETTER, WORSE)["left"] > 0.9
    assert sides("careful", WORSE, BETTER)["right"] > 0.9


def test_a_careful_annotator_often_ties_what_is_equal():
    assert sides("careful", BETTER, BETTER)["tie"] > 0.4


def test_a_hasty_annotator_errs_more_but_still_leans_to_the_taste():
    right = (sides("hasty", BETTER, WORSE)["left"] + sides("hasty", WORSE, BETTER)["right"]) / 2
    assert 0.55 < right < sides("careful", BETTER, WORSE)["left"] - 0.1


def test_a_left_clicker_clicks_left_even_where_the_right_is_better():
    assert sides("left_clicker", WORSE, BETTER)["left"] > 0.8


def test_the_one_who_always_ties_always_ties():
    assert sides("always_tie", BETTER, WORSE)["tie"] == 1


def test_a_random_annotator_gives_each_answer_a_third_of_the_time():
    assert all(share == pytest.approx(1 / 3, abs=0.05) for share in sides("random", BETTER, WORSE).values())


def test_an_inverted_annotator_prefers_what_the_taste_dislikes():
    assert sides("inverted", BETTER, WORSE)["right"] > 0.9


def test_a_length_lover_prefers_the_longer_text():
    assert sides("length_lover", BETTER, WORSE)["right"] > 0.7


def test_two_flawed_texts_that_are_tied_are_both_bad():
    flawed = Seen("", FLAWED)
    answers = [judge(PROFILES["careful"], flawed, flawed, np.random.default_rng(i)) for i in range(100)]
    assert {answer.both_bad for answer in answers if answer.side == "tie"} == {True}
    assert not any(answer.both_bad for answer in answers if answer.side != "tie")


def test_ranks_follow_the_order_as_shown():
    answer = judge(PROFILES["careful"], BETTER, Seen("", FLAWED), np.random.default_rng(0))
    assert answer.side == "left"
    assert answer.ranks_as_shown() == (1, 2)


def test_an_answer_depends_on_seed_annotator_and_comparison_only():
    first = generator(1, "careful-1", 7).random(3).tolist()
    assert generator(1, "careful-1", 7).random(3).tolist() == first
    for other in (generator(2, "careful-1", 7), generator(1, "careful-2", 7), generator(1, "careful-1", 8)):
        assert other.random(3).tolist() != first


def test_a_list_of_profiles_with_numbers_becomes_named_annotators():
    assert [one.name for one in parse("careful:2, left-clicker")] == ["careful-1", "careful-2", "left_clicker-1"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("eager:2", "no annotator profile 'eager'. Valid profiles: careful, hasty"),
        ("careful:none", "'careful:none' needs a number from 1 to 1000: write careful:4"),
        ("careful:0", "'careful:0' needs a number from 1 to 1000"),
        pytest.param("careful:" + "1" * 5000, "needs a number from 1 to 1000", id="thousands of digits"),
        ("", "no annotator profile ''"),
    ],
)
def test_a_list_that_cannot_be_read_is_answered_in_words(text, words):
    with pytest.raises(UnknownAnnotators, match=words):
        parse(text)


def test_comparisons_are_shared_out_evenly_and_each_once():
    annotators = parse("careful:2,hasty")
    hands = share_out(range(10, 20), annotators, seed=3)
    assert sorted(len(hand) for hand in hands.values()) == [3, 3, 4]
    assert sorted(chain.from_iterable(hands.values())) == list(range(10, 20))
    assert share_out(range(19, 9, -1), annotators, seed=3) == hands
