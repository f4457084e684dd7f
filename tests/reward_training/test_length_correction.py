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
    assert rank_correlation(scores, texts) > 0.5
    corrected = fit(scores, texts).taken_off(scores, texts)
    assert abs(rank_correlation(corrected, texts)) <= 0.1
    assert np.corrcoef(corrected, taste)[0, 1] > 0.99


def test_too_few_texts_or_equal_lengths_change_nothing():
    assert fit([1.0, 2.0], ["a", "bb"]) == LengthCorrection(0.0, 0.0)
    assert fit([float(n) for n in range(9)], ["same"] * 9).taken_off([4.0], ["much longer"]) == [4.0]
    assert rank_correlation([1.0, 2.0], ["ab", "cd"]) == 0.0
