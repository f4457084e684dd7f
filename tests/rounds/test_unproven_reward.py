"""Whether a reward can be told from chance, by hand."""

import pytest

from rounds.unproven_reward import is_unproven, surely_right


@pytest.mark.parametrize(
    ("metrics", "least", "unproven"),
    [
        ({"cross_fitted": {"accuracy": 0.625, "accuracy_low": 0.47, "accuracy_high": 0.77}}, 0.47, True),
        ({"cross_fitted": {"accuracy": 0.7, "accuracy_low": 0.5}}, 0.5, True),
        ({"cross_fitted": {"accuracy": 0.7, "accuracy_low": 0.51}}, 0.51, False),
        ({"cross_fitted": {"accuracy": None, "accuracy_low": None}}, 0.0, True),
        ({"holdout": {"accuracy": 0.4}}, None, False),
        ({}, None, False),
    ],
)
def test_a_reward_is_proven_where_its_whole_interval_lies_above_a_half(metrics, least, unproven):
    assert surely_right(metrics) == least
    assert is_unproven(metrics) is unproven
