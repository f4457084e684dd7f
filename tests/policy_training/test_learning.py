"""Each algorithm that raises a reward learns the toy task, whose optimum is computed exactly. (What must break learning
does: tests/accept/test_mutants.py.)"""

from pathlib import Path

import pytest

import toy_runs


@pytest.mark.parametrize("name", sorted(toy_runs.RUNS))
def test_it_learns_the_toy_task(name: str, tmp_path: Path) -> None:
    assert toy_runs.learn_by(name, tmp_path) >= toy_runs.RUNS[name].share
