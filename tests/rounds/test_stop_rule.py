"""The sequential rule: equal policies are told apart no more often than it says, however often one looks."""

import math

import numpy as np
import pytest

from rounds.stop_rule import all_decided, boundary, confidence, decided


def times_crossed(chances: list[float], *, studies: int, wanted: int, error: float, seed: int) -> float:
    """The share of studies that the rule ends at some look, with one look after each judgment."""
    draw = np.random.default_rng(seed)
    scores = draw.choice([0.0, 0.5, 1.0], p=chances, size=(studies, wanted))
    sums = np.abs((scores - 0.5).cumsum(axis=1))
    edge = np.array([boundary(place, error=error, wanted=wanted) for place in range(1, wanted + 1)])
    return float((sums > edge).any(axis=1).mean())


@pytest.mark.parametrize("ties", [0.0, 0.3])
@pytest.mark.parametrize("wanted", [20, 60, 400])
def test_equal_policies_are_told_apart_one_time_in_twenty_at_most_with_a_look_after_each_judgment(
    ties: float, wanted: int
) -> None:
    equal = [(1 - ties) / 2, ties, (1 - ties) / 2]
    assert times_crossed(equal, studies=4000, wanted=wanted, error=0.05, seed=1) <= 0.05


def test_looking_as_often_with_an_interval_for_one_look_would_be_wrong_far_more_often() -> None:
    draw = np.random.default_rng(2)
    sums = np.abs((draw.integers(0, 2, size=(4000, 400)) - 0.5).cumsum(axis=1))
    looks = np.arange(1, 401)
    assert ((sums > 1.96 * np.sqrt(looks / 4))[:, 9:]).any(axis=1).mean() > 0.2


def test_a_clear_difference_ends_the_study_early() -> None:
    assert times_crossed([0.2, 0.0, 0.8], studies=2000, wanted=60, error=0.05, seed=3) > 0.9
    first = next(n for n in range(1, 100) if decided([1.0] * n, error=0.05, wanted=60))
    assert 7 <= first <= 16, "how many in a row it takes"


def test_the_boundary_is_that_of_the_paper() -> None:
    rho = 60 / 8 / (2 * math.log(20) + math.log(1 + 2 * math.log(20)))
    assert boundary(30, error=0.05, wanted=60) == pytest.approx(
        math.sqrt((7.5 + rho) * math.log((7.5 + rho) / (rho * 0.0025)))
    )


def test_without_judgments_everything_is_possible() -> None:
    assert confidence([], error=0.05, wanted=60) == (0.0, 1.0)
    assert not decided([], error=0.05, wanted=60)


def test_several_sides_are_decided_when_every_pair_is_at_a_share_of_the_error() -> None:
    clear = [1.0] * 40
    told = {(0, 1): clear, (0, 2): clear}
    assert not all_decided(told, 3, error=0.05, wanted=180)
    assert all_decided({**told, (1, 2): clear}, 3, error=0.05, wanted=180)
