"""Samples of a run along its way: a file that a kill may cut off anywhere."""

from pathlib import Path

import pytest

from rounds import shown_samples
from rounds.shown_samples import ShownSample, add, read, steps_to_show


@pytest.mark.parametrize(
    ("steps", "times", "shown"),
    [(5, 2, [2, 3]), (20, 4, [4, 8, 12, 16]), (1, 3, []), (2, 1, [1]), (3, 100, [1, 2]), (10, 0, [])],
)
def test_steps_to_show_lie_evenly_between_start_and_end(steps: int, times: int, shown: list[int]):
    assert steps_to_show(steps, times) == shown


def test_what_was_kept_is_read_by_step_and_prompt_and_the_last_line_counts(tmp_path: Path):
    add(tmp_path, [ShownSample(2, 7, "late", False), ShownSample(0, 7, "erste\n\u2028 Zeile", True, 5, -0.5)])
    add(tmp_path, [ShownSample(2, 7, "later", False)])
    assert [(one.step, one.text) for one in read(tmp_path)] == [(0, "erste\n\u2028 Zeile"), (2, "later")]


def test_a_line_that_was_cut_off_costs_nothing_but_itself(tmp_path: Path):
    add(tmp_path, [ShownSample(0, 1, "whole", False), ShownSample(1, 1, "cut", False)])
    path = tmp_path / shown_samples.FILE
    path.write_bytes(path.read_bytes()[:-9])
    add(tmp_path, [ShownSample(2, 1, "after", False)])
    assert [one.text for one in read(tmp_path)] == ["whole", "after"]


def test_no_file_is_no_samples(tmp_path: Path):
    assert read(tmp_path) == []
