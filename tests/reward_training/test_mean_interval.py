"""The interval of a mean over few groups: by hand, Clopper and Pearson's, monotone, and not fooled by chance."""

import numpy as np
import pytest
from scipy.stats import beta

from reward_training.calibration import cross_fitted
from reward_training.head import fit_head
from reward_training.likelihood import FIRST, SECOND
from reward_training.mean_interval import mean_interval
from reward_training.metrics import Readings, evaluate


def of(*right_of_all: tuple[int, int]) -> tuple[float, float]:
    """Of groups with so many right of so many."""
    amounts = [float(place < right) for right, number in right_of_all for place in range(number)]
    groups = [str(group) for group, (_, number) in enumerate(right_of_all) for _ in range(number)]
    low, high = mean_interval(np.array(amounts), np.ones(len(amounts)), groups)
    assert low is not None and high is not None
    return low, high


@pytest.mark.parametrize(("right", "number"), [(3, 3), (10, 10), (7, 10), (0, 5), (1, 2), (60, 96), (950, 1000)])
def test_with_a_row_a_group_it_is_that_of_clopper_and_pearson(right, number):
    low = beta.ppf(0.025, right, number - right + 1) if right else 0.0
    high = beta.ppf(0.975, right + 1, number - right) if right < number else 1.0
    assert of(*[(1, 1)] * right, *[(0, 1)] * (number - right)) == pytest.approx((low, high), abs=1e-6)


def test_groups_that_agree_tell_no_more_than_there_are_groups():
    assert of((10, 10), (10, 10), (10, 10))[0] == pytest.approx(0.025 ** (1 / 3), abs=1e-6)
    for few in ([(9, 10), (10, 10), (10, 10)], [(9, 10), (10, 10)], [(6, 10), (6, 10)], [(16, 30), (17, 30)]):
        assert of(*few)[0] < 0.5
    # of two of share s it is s times the chance that both are not the one that nobody saw: beta(2, 1)
    low, high = of((6, 10), (6, 10))
    assert low == pytest.approx(0.6 * 0.025**0.5, abs=1e-6)
    assert high == pytest.approx(1 - 0.4 * 0.025**0.5, abs=1e-6)


def test_one_group_tells_nothing():
    assert mean_interval(np.ones(9), np.ones(9), ["p"] * 9) == (None, None)
    assert mean_interval(np.zeros(3), np.array([1.0, 1.0, 0.0]), ["p", "p", "q"]) == (None, None)
    assert mean_interval(np.zeros(0), np.zeros(0), []) == (None, None)


def test_taking_away_a_right_answer_never_raises_an_end():
    draw = np.random.default_rng(0)
    for _ in range(20):
        groups = np.repeat(np.arange(draw.integers(2, 12)), 5)[: draw.integers(8, 60)].astype(str)
        right = (draw.random(len(groups)) < 0.8).astype(float)
        before = mean_interval(right, np.ones(len(right)), groups)
        while right.any() and None not in before:
            right[draw.choice(np.flatnonzero(right))] = 0.0
            after = mean_interval(right, np.ones(len(right)), groups)
            assert all(new <= old + 1e-7 for new, old in zip(after, before, strict=True))
            before = after


def test_one_large_group_among_small_ones_counts_for_about_one():
    alike = of(*[(10, 10)] * 10)[0]
    assert of((91, 91), *[(1, 1)] * 9)[0] < 0.2 < alike


def test_a_value_may_lie_between_any_bounds():
    """Six pairs of one mind among forty tell that one rule leads, five do not."""
    five, six = (
        mean_interval(np.array([1.0] * number + [0.0] * (40 - number)), np.ones(40), [str(n) for n in range(40)],
                      least=-1.0)[0]
        for number in (5, 6)
    )  # fmt: skip
    assert five < 0 < six


@pytest.mark.parametrize("prompts", [2, 3, 6, 12])
def test_a_reward_that_knows_nothing_is_hardly_ever_proven(prompts):
    """Coin flips, cross-fitted as training does it: a bootstrap told 28 % of rewards of two prompts from chance."""
    draw, each, proven, studies = np.random.default_rng(prompts), 24 // prompts, 0, 40
    groups = [str(row // each) for row in range(prompts * each)]
    for _ in range(studies):
        differences = draw.normal(size=(len(groups), 4))
        outcomes = np.where(draw.random(len(groups)) < 0.5, FIRST, SECOND)

        def head_of(rows, differences=differences, outcomes=outcomes):
            return fit_head(differences[rows], outcomes[rows], np.ones(len(rows)), 0.1, most_steps=12)

        said = cross_fitted(differences, groups, head_of)
        assert said is not None
        lengths = np.ones((len(groups), 2))
        proven += evaluate(Readings(said, lengths, outcomes, groups), -1.0)["accuracy_low"] > 0.5
    assert proven / studies <= 0.05
