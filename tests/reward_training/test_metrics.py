"""Figures of a reward on judged pairs: by hand, against written-out references, and where there is nothing to tell."""

import json
import math

import numpy as np
import pytest

from reward_training.human_ceiling import Said, human_ceiling
from reward_training.likelihood import FIRST, SECOND, TIE
from reward_training.metrics import (
    RESAMPLES,
    Readings,
    Resamples,
    accuracy,
    by_slice,
    evaluate,
    hits,
    like_length,
)


def readings(differences, outcomes, lengths=None, groups=None) -> Readings:
    number = len(differences)
    return Readings(
        np.array(differences, dtype=float),
        np.array(lengths if lengths is not None else [[10, 10]] * number, dtype=float).reshape(number, 2),
        np.array(outcomes, dtype=np.int64),
        groups or [str(place) for place in range(number)],
    )


def simulated(number: int, seed: int, *, certain: float = 1.0) -> Readings:
    """Decided pairs whose outcome follows sigmoid(d); the reward says `certain` * d."""
    draw = np.random.default_rng(seed)
    truth = draw.normal(0, 1.5, number)
    outcomes = np.where(draw.random(number) < 1 / (1 + np.exp(-truth)), FIRST, SECOND)
    return readings(certain * truth, outcomes)


def test_accuracy_counts_decided_pairs_and_an_exact_tie_of_rewards_half() -> None:
    assert accuracy(np.array([1.0, 1.0, 0.0, 5.0]), np.array([FIRST, SECOND, FIRST, TIE])) == pytest.approx(0.5)
    assert math.isnan(accuracy(np.array([1.0]), np.array([TIE])))


def test_the_bootstrap_draws_whole_prompts() -> None:
    """Ten copies of each of 20 prompts say no more than one copy."""
    values = np.tile(np.arange(20) % 2, 10).astype(float)
    low, high = Resamples([str(index % 20) for index in range(200)]).ratio_interval(values, np.ones(200))
    assert low == pytest.approx(0.28, abs=0.06)
    assert high == pytest.approx(0.72, abs=0.06)


def test_sums_over_draws_are_those_of_the_plain_bootstrap() -> None:
    """Both draw the same, on ragged groups in any order and with draws that have no weight."""
    draw = np.random.default_rng(1)
    groups = [str(one) for one in draw.integers(9, size=40)]
    amounts, weights = draw.normal(size=40), np.isin(groups, ["3", "5"]).astype(float)
    members = [np.flatnonzero(np.array(groups) == name) for name in dict.fromkeys(groups)]
    generator, plain = np.random.default_rng(0), []
    for _ in range(RESAMPLES):
        rows = np.concatenate([members[one] for one in generator.integers(len(members), size=len(members))])
        if weights[rows].any():
            plain.append((amounts * weights)[rows].sum() / weights[rows].sum())
    ends = np.quantile(plain, [0.025, 0.975])
    assert Resamples(groups).ratio_interval(amounts * weights, weights) == pytest.approx(tuple(ends))


def test_one_group_with_weight_has_no_interval_and_all_alike_is_not_certain() -> None:
    d = math.log(3)
    one = evaluate(readings([d, d, -d, d], [FIRST, FIRST, FIRST, TIE], [[9, 3]] * 4, groups=["p", "p", "p", "q"]), 0.0)
    assert one["accuracy"] == pytest.approx(2 / 3)
    assert (one["accuracy_low"], one["accuracy_high"], one["ece_low"]) == (None, None, None)
    three = readings([d, d, d], [FIRST] * 3, [[9, 3]] * 3)
    [slice_] = by_slice(three, [["much"]] * 3)
    assert (slice_["accuracy"], slice_["high"]) == (1.0, 1.0)
    assert slice_["low"] == pytest.approx(0.025 ** (1 / 3))  # three of three
    agreed = human_ceiling([Said(str(pair), str(pair), name, True) for pair in range(3) for name in ("ann", "bo")])
    assert agreed["agreement_low"] == pytest.approx(0.025 ** (1 / 3))


def test_figures_worked_by_hand() -> None:
    d = math.log(3)  # the first wins with 3/4
    report = evaluate(readings([d, d, -d, d], [FIRST, SECOND, SECOND, TIE], [[9, 3], [3, 9], [9, 9], [1, 1]]), 0.0)
    assert (report["pairs"], report["decided"], report["first_wins"], report["second_wins"]) == (4, 3, 1, 2)
    assert report["accuracy"] == pytest.approx(2 / 3)
    assert report["length_baseline"] == pytest.approx((1 + 1 + 0.5) / 3)
    assert (report["like_length_pairs"], report["like_length_accuracy"]) == (1, 1.0)
    assert report["log_loss"] == pytest.approx(-(2 * math.log(3 / 4) + math.log(1 / 4)) / 3)
    assert report["brier"] == pytest.approx((2 * (1 / 4) ** 2 + (3 / 4) ** 2) / 3)
    # Davidson with nu = 1: sqrt(3) : 1 : 1 / sqrt(3)
    total = math.sqrt(3) + 1 + 1 / math.sqrt(3)
    chances = [math.sqrt(3) / total, 1 / math.sqrt(3) / total, math.sqrt(3) / total, 1 / total]
    assert report["three_way_log_loss"] == pytest.approx(-sum(map(math.log, chances)) / 4)
    assert report["ece"] == pytest.approx(3 / 4 - 2 / 3)
    assert [(one["pairs"], one["said"]) for one in report["reliability"]] == [(3, pytest.approx(0.75))]


def test_calibration_error_against_a_written_out_reference() -> None:
    found = simulated(137, 3)
    confidence = 1 / (1 + np.exp(-np.abs(found.differences)))
    right = ((found.differences > 0) == (found.outcomes == FIRST)).astype(float)
    bins = np.array_split(np.argsort(confidence, kind="stable"), 10)
    expected = sum(len(rows) / 137 * abs(right[rows].mean() - confidence[rows].mean()) for rows in bins)
    report = evaluate(found, -3.0)
    assert report["ece"] == pytest.approx(expected)
    assert sum(one["pairs"] for one in report["reliability"]) == 137
    assert all(one["low"] <= one["right"] <= one["high"] for one in report["reliability"])


def test_a_calibrated_reward_has_a_small_error_and_an_overconfident_one_a_large_one() -> None:
    calibrated, sure = (evaluate(simulated(4000, 5, certain=certain), -3.0) for certain in (1.0, 4.0))
    assert calibrated["accuracy"] == sure["accuracy"]
    assert calibrated["ece"] < 0.03 < 0.1 < sure["ece"]
    assert calibrated["brier"] < sure["brier"] and calibrated["log_loss"] < sure["log_loss"]
    assert sure["ece_low"] < sure["ece"] < sure["ece_high"]


def test_the_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    many = simulated(100_000, 11)
    truth = accuracy(many.differences, many.outcomes)
    covered = 0
    for seed in range(100, 160):
        found = simulated(80, seed)
        low, high = Resamples(found.groups).ratio_interval(hits(found.differences, found.outcomes), np.ones(80))
        assert low is not None and high is not None
        covered += low <= truth <= high
    assert 52 <= covered <= 60


@pytest.mark.parametrize(
    "found",
    [
        readings([], []),
        readings([0.1], [TIE]),
        readings([0.3, -0.3], [TIE, TIE], groups=["a", "a"]),
        readings([2.0], [FIRST]),
        readings([0.0, 0.0], [FIRST, SECOND], [[0, 0], [0, 5]]),
        readings([900.0, -900.0], [SECOND, SECOND]),
    ],
)
def test_figures_that_cannot_be_told_are_none_and_never_nan(found: Readings) -> None:
    report = evaluate(found, 0.0)
    json.dumps(report, allow_nan=False)
    assert (report["accuracy"] is None) == (not report["decided"])
    assert (report["three_way_log_loss"] is None) == (not report["pairs"])
    assert len(report["reliability"]) == bool(report["decided"])


def test_like_length_is_a_matter_of_proportion() -> None:
    lengths = np.array([[100, 120], [121, 100], [10, 12], [0, 1], [0, 2]], dtype=float)
    assert like_length(lengths).tolist() == [True, False, True, True, False]


def test_people_who_contradict_one_another_are_half_right() -> None:
    report = evaluate(readings([1.0, 1.0], [FIRST, SECOND], groups=["a", "a"]), 0.0)
    assert report["accuracy"] == 0.5
    assert report["accuracy_low"] is None and report["ece_high"] is None  # of one prompt no interval is known


def test_slices_tell_accuracy_by_label_and_a_pair_may_have_several() -> None:
    found = readings([1, 1, -1, 1], [FIRST, SECOND, SECOND, TIE], [[2, 1]] * 4)
    rows = by_slice(found, [["x", "y"], ["x"], ["x"], ["z"]])
    assert [(row["value"], row["pairs"], row["decided"], row["accuracy"]) for row in rows] == [
        ("x", 3, 3, pytest.approx(2 / 3)),
        ("y", 1, 1, 1.0),
        ("z", 1, 0, None),
    ]
    assert rows[0]["length_baseline"] == pytest.approx(1 / 3)
    assert rows[2]["low"] is None
    assert by_slice(readings([], []), []) == []


def test_no_more_labels_are_told_than_fit() -> None:
    rows = by_slice(readings([1.0] * 60, [FIRST] * 60), [[str(place % 30)] for place in range(60)])
    assert len(rows) == 20


def test_a_tie_is_never_a_hit() -> None:
    assert hits(np.array([1.0, 0.0]), np.array([TIE, TIE])).tolist() == [0, 0]
    assert Resamples([]).ratio_interval(np.zeros(0), np.zeros(0)) == (None, None)
    assert Resamples(["a"]).counts.shape == (RESAMPLES, 1)


def test_a_share_of_one_has_an_interval_too() -> None:
    """Ten prompts all right: p^10 = 0.025 at p = 0.6915. Every draw of them is all right, which would tell nothing."""
    right = evaluate(readings([1.0] * 10, [FIRST] * 10), 0.0)
    assert (right["accuracy"], right["accuracy_low"], right["accuracy_high"]) == (
        1.0,
        pytest.approx(0.6915, abs=1e-4),
        1,
    )
    wrong = evaluate(readings([1.0] * 10, [SECOND] * 10), 0.0)
    assert (wrong["accuracy_low"], wrong["accuracy_high"]) == (0.0, pytest.approx(0.3085, abs=1e-4))
    twice = evaluate(readings([1.0] * 10, [FIRST] * 10, groups=[str(place % 5) for place in range(10)]), 0.0)
    assert twice["accuracy_low"] == pytest.approx(0.025**0.2)  # five prompts, whatever is asked of each
