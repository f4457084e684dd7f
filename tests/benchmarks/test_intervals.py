"""Intervals of figures over few trials."""

import math

import numpy as np
import pytest

from benchmarks.intervals import half_of, interval


def test_few_trials_have_students_interval():
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0])  # standard error sqrt(2.5 / 5); t of four degrees of freedom: 2.7764
    assert half_of(values) == pytest.approx(2.7764 * math.sqrt(0.5), abs=1e-4)
    assert interval(values) == [1.0368, 4.9632]


def test_one_trial_has_no_interval():
    assert math.isnan(half_of(np.array([1.0])))
