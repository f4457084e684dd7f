"""Strengths against choix, against a bootstrap, against what the pairs were drawn from."""

import choix
import numpy as np
import pytest

from feedback_store import bootstrap
from reward_training.likelihood import outcome_probabilities
from rounds.policy_strengths import JudgedPair, Strength, fit

TRUE = np.array([0.0, 0.4, 1.1, -0.6])


def drawn(
    number: int, *, log_nu: float = -30.0, side: float = 0.0, length: float = 0.0, seed: int = 0, prompts: int = 10**6
) -> list[JudgedPair]:
    draw = np.random.default_rng(seed)
    pairs = []
    for place in range(number):
        first, second = (int(one) for one in draw.choice(4, 2, replace=False))
        left = int(draw.choice([-1, 1]))
        sizes = (int(draw.integers(20, 400)), int(draw.integers(20, 400)))
        difference = TRUE[first] - TRUE[second] + side * left + length * float(np.log1p(sizes[0]) - np.log1p(sizes[1]))
        chances = outcome_probabilities(np.array([difference]), log_nu)[0]
        outcome = ("first", "tie", "second")[int(draw.choice(3, p=chances))]
        pairs.append(JudgedPair(place % prompts, first, second, outcome, left, sizes))
    return pairs


def test_without_ties_and_side_strengths_are_those_of_choix() -> None:
    pairs = drawn(300)
    won = [(one.first, one.second) if one.outcome == "first" else (one.second, one.first) for one in pairs]
    theirs = choix.opt_pairwise(4, won, alpha=0.01)
    ours = fit(pairs, 4, ties=False, side_term=False, ridge=0.01)
    assert [one.value for one in ours.strengths] == pytest.approx(list(theirs - theirs.mean()), abs=1e-4)


def test_what_the_pairs_were_drawn_from_is_found_and_lies_inside_the_intervals() -> None:
    found = fit(drawn(6000, log_nu=-0.5, side=0.3, length=0.5), 4, length_term=True)
    for strength, true in zip(found.strengths, TRUE - TRUE.mean(), strict=True):
        assert strength.low - 0.05 < true < strength.high + 0.05
    assert found.log_nu == pytest.approx(-0.5, abs=0.1)
    assert found.side is not None and found.side.value == pytest.approx(0.3, abs=0.08)
    assert found.length is not None and found.length.value == pytest.approx(0.5, abs=0.1)


def test_length_that_is_not_controlled_for_is_taken_for_strength() -> None:
    draw = np.random.default_rng(3)
    pairs = []
    for place in range(2000):  # side 1 writes twice as much, and that is all
        sizes = (int(draw.integers(50, 150)), int(draw.integers(100, 300)))
        chance = 1 / (1 + np.exp(-1.0 * float(np.log1p(sizes[1]) - np.log1p(sizes[0]))))
        pairs.append(JudgedPair(place, 0, 1, "second" if draw.random() < chance else "first", 0, sizes))
    assert fit(pairs, 2).share(1, 0) > 0.6
    assert fit(pairs, 2, length_term=True).share(1, 0) == pytest.approx(0.5, abs=0.06)


def test_intervals_are_those_of_a_bootstrap() -> None:
    pairs = drawn(500, log_nu=-0.7, seed=4)
    own = fit(pairs, 4).strengths[2]

    def strength(rows: np.ndarray) -> float:
        return fit([pairs[row] for row in rows], 4).strengths[2].value

    prompts = np.array([pair.prompt_id for pair in pairs])
    low, high = bootstrap.interval(strength, prompts, seed=0, resamples=200)
    assert (own.low, own.high) == pytest.approx((low, high), abs=0.25 * (own.high - own.low))


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    true = float((TRUE - TRUE.mean())[1])
    held = [one.low <= true <= one.high for one in (fit(drawn(120, seed=seed), 4).strengths[1] for seed in range(120))]
    assert 0.88 <= np.mean(held) <= 1


def test_a_side_that_won_everything_gets_a_wide_interval_and_a_finite_strength() -> None:
    found = fit([JudgedPair(n, 0, 1, "first") for n in range(10)], 2)
    assert np.isfinite(found.strengths[0].high) and found.strengths[0].high - found.strengths[0].low > 2
    assert found.strengths[0].value > 0.5


def test_nothing_judged_and_nothing_to_learn_of() -> None:
    empty = fit([], 3)
    assert [one.value for one in empty.strengths] == [0, 0, 0] and empty.share(0, 1) == pytest.approx(0.5)
    assert (empty.side, empty.length, empty.log_nu) == (None, None, None)
    assert fit([], 0).strengths == []
    assert isinstance(empty.strengths[0], Strength) and empty.strengths[0].high > 3


def test_turning_every_pair_round_changes_nothing() -> None:
    pairs = drawn(200, log_nu=-0.5, side=0.2, length=0.3)
    other = {"first": "second", "tie": "tie", "second": "first"}
    turned = [
        JudgedPair(one.prompt_id, one.second, one.first, other[one.outcome], -one.left, one.characters[::-1])
        for one in pairs
    ]
    here, there = fit(pairs, 4, length_term=True), fit(turned, 4, length_term=True)
    assert [one.value for one in here.strengths] == pytest.approx([one.value for one in there.strengths], abs=1e-4)


def test_a_side_that_is_not_there_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="there are 0 to 1"):
        fit([JudgedPair(1, 0, 5, "first")], 2)
