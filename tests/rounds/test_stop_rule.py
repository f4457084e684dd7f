"""The sequential rule: equal policies are told apart no more often than it says, however often one looks."""

import math
from collections.abc import Iterable

import numpy as np
import pytest

from rounds.stop_rule import Score, all_decided, boundary, confidence, decided


def each_of_its_own_prompt(values: Iterable[float]) -> list[Score]:
    return [Score(value, place) for place, value in enumerate(values)]


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
    first = next(n for n in range(1, 100) if decided(each_of_its_own_prompt([1.0] * n), error=0.05, wanted=60))
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
    clear = each_of_its_own_prompt([1.0] * 40)
    told = {(0, 1): clear, (0, 2): clear}
    assert not all_decided(told, 3, error=0.05, wanted=180)
    assert all_decided({**told, (1, 2): clear}, 3, error=0.05, wanted=180)


def told_apart(prompts: int, judgments: int, between: float, *, studies: int, seed: int) -> float:
    """The share of studies of equal sides that the rule ends, with a look after each judgment. Prompts are asked in
    turns; in half of them one side wins more often by `between`, in half the other."""
    draw = np.random.default_rng(seed)
    ended = 0
    for _ in range(studies):
        chances = 0.5 + between * draw.choice([-1.0, 1.0], size=prompts)
        said = [Score(float(draw.random() < chances[place % prompts]), place % prompts) for place in range(judgments)]
        ended += any(decided(said[:look], error=0.05, wanted=judgments) for look in range(1, judgments + 1))
    return ended / studies


@pytest.mark.parametrize("between", [0.0, 0.4])
def test_equal_sides_are_not_told_apart_by_the_same_few_prompts_again_and_again(between: float) -> None:
    assert told_apart(10, 120, between, studies=120, seed=4) <= 0.05


def test_prompts_that_are_alike_cost_nothing_to_ask_again_and_prompts_that_differ_do() -> None:
    alike = [Score(float(place % 3 > 0), place % 10) for place in range(90)]  # each prompt: two of three
    apart = [Score(float(place % 10 < 6), place % 10) for place in range(90)]  # six prompts always, four never
    low, high = confidence(alike, error=0.05, wanted=90)
    width = boundary(90, error=0.05, wanted=90) / 90
    assert (low, high) == (pytest.approx(2 / 3 - width), pytest.approx(2 / 3 + width))
    low, high = confidence(apart, error=0.05, wanted=90)
    assert high - low > 0.9 and low < 0.5 < high, "ten prompts of two minds, whatever is asked again"


@pytest.mark.parametrize(("error", "prompts"), [(0.01, 6), (0.05 / 3, 6), (0.01, 7)])
def test_a_smaller_error_asks_more_of_few_prompts_of_one_mind(error: float, prompts: int) -> None:
    # Equal sides are of one mind on n prompts in 2 of 2^n cases: more often than such an error.
    assert not decided([Score(1.0, place % prompts) for place in range(120)], error=error, wanted=120)


def test_two_prompts_of_one_mind_prove_nothing_however_often_they_are_asked() -> None:
    assert not decided([Score(1.0, place % 2) for place in range(80)], error=0.05, wanted=80)
    assert decided(each_of_its_own_prompt([1.0] * 80), error=0.05, wanted=80)
