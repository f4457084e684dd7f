"""Each algorithm that raises a reward learns the toy task, whose optimum is computed exactly: by how much of the way
from the reference to it. (The best single completion is at 0.31 of it; what must break learning does:
tests/accept/test_mutants.py.)"""

from pathlib import Path

import pytest

import toy_task


@pytest.mark.parametrize("name", sorted(toy_task.LEARNED))
def test_it_learns_the_toy_task(name: str, tmp_path: Path) -> None:
    assert toy_task.learn_by(name, tmp_path) >= toy_task.LEARNED[name].share
