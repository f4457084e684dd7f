"""Length taken off a reward: the line by hand, and no rank correlation left."""

import math

import numpy as np
import pytest

from reward_training.length_correction import LengthCorrection, fit, log_lengths, rank_correlation


def test_a_reward_that_is_length_alone_becomes_flat_and_keeps_its_mean():
    texts = ["x" * length for length in range(1, 21)]
    scores = [2.5 * math.log1p(len(text)) - 1 for text in texts]
    found = fit(scores, texts)
    assert found.slope == pytest.approx(2.5)
    assert found.taken_off(scores, texts) == pytest.approx([np.mean(scores)] * 20)
    half = fit(scores, texts, share=0.5)
    assert half.slope == pytest.approx(1.25)


def test_what_is_not_of_length_stays():
    generator = np.random.default_rng(0)
    texts = ["x" * int(length) for length in generator.integers(5, 400, 300)]
    taste = generator.normal(size=300)
    scores = (taste + 1.5 * log_lengths(texts)).tolist()
    assert rank_correlation(scores, log_lengths(texts)) > 0.5
    corrected = fit(scores, texts).taken_off(scores, texts)
    assert abs(rank_correlation(corrected, log_lengths(texts))) <= 0.01
    assert np.corrcoef(corrected, taste)[0, 1] > 0.99


def test_by_hand_the_slope_is_where_what_is_left_is_in_no_order_of_length():
    """Scores 0, 1, 2, ... on equally spaced log lengths, but the longest is at 0. Below a slope of 1 the other seven
    still rise (ranks 2 to 8, and 1: a correlation of 1/3), above it all fall."""
    texts = ["x" * (2**power - 1) for power in range(1, 9)]
    scores = [float(place) for place in range(7)] + [-0.5]
    found = fit(scores, texts)
    step = math.log(2)
    assert rank_correlation(np.array(scores) - 0.99 / step * log_lengths(texts), log_lengths(texts)) == pytest.approx(
        1 / 3
    )
    assert found.slope == pytest.approx(1 / step, rel=1e-5)
    assert found.centre == pytest.approx(4.5 * step)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_few_texts_without_words_do_not_pull_the_line(sign: int):
    generator = np.random.default_rng(1)
    lengths = [*generator.integers(120, 300, 390), *[1] * 10]
    texts = ["x" * int(length) for length in lengths]
    at = log_lengths(texts)
    scores = sign * np.where(np.array(lengths) == 1, 1.0, 3 * at - 15 + generator.normal(size=400))
    away = at - at.mean()
    least_squares = scores - (away * scores).sum() / (away**2).sum() * away
    assert abs(rank_correlation(least_squares, at)) > 0.3
    found = fit(scores, texts)
    assert abs(rank_correlation(found.taken_off(scores, texts), at)) < 0.01
    assert found.slope == pytest.approx(sign * 3, abs=1)


def test_too_few_texts_or_equal_lengths_change_nothing():
    assert fit([1.0, 2.0], ["a", "bb"]) == LengthCorrection(0.0, 0.0)
    assert fit([float(n) for n in range(9)], ["same"] * 9).taken_off([4.0], ["much longer"]) == [4.0]
    assert rank_correlation([1.0, 2.0], [3, 3]) == rank_correlation([1.0, 1.0], [3, 4]) == 0.0
    assert fit([1.0] * 9, ["x" * length for length in range(9)]) == LengthCorrection(0.0, 0.0)
