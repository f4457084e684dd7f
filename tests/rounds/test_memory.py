"""The peak of memory is that of the run, not of the life of its process."""

import sys

import numpy as np
import pytest

from rounds.memory import RunMemory

MEGABYTES_300 = 300_000_000

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux starts a peak anew")


def take_and_give_back() -> None:
    np.ones(MEGABYTES_300, dtype=np.uint8).sum()


def peak_of(memory: RunMemory) -> float:
    return memory.progress()["peak_memory_gb"]


def test_what_was_taken_and_given_back_before_a_run_is_not_its_own():
    first = RunMemory()
    take_and_give_back()
    first.end()
    second = RunMemory()
    second.end()
    assert peak_of(first) > peak_of(second) + 0.2


def test_a_run_inside_another_starts_anew_and_counts_for_the_outer_one_as_well():
    outer = RunMemory()
    take_and_give_back()
    inner = RunMemory()
    small = peak_of(inner)
    assert peak_of(outer) > small + 0.2
    inner.end()
    before = peak_of(outer)
    again = RunMemory()
    take_and_give_back()
    again.end()
    outer.end()
    assert peak_of(outer) >= before
    assert peak_of(again) > small + 0.2
