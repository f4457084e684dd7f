"""Heavy figures beside the server: what is there is given at once, and one kind is computed at a time."""

import threading
from pathlib import Path
from typing import Any

from ui.web.latest_figures import LatestFigures


def test_figures_are_computed_once_for_each_state(tmp_path: Path) -> None:
    asked: list[int] = []

    def compute(folder: Path) -> dict[str, Any]:
        asked.append(len(asked))
        return {"as_of": f"time {len(asked)}"}

    figures = LatestFigures(tmp_path, "policies", compute=compute)
    first = figures.read((1, 0))
    assert (first.figures, first.computing) == (None, True)
    assert first.as_of == {"as_of": None, "computing": True, "failed": False}
    figures.wait(10)
    assert figures.read((1, 0)).as_of == {"as_of": "time 1", "computing": False, "failed": False}
    assert figures.read((2, 0)).computing
    figures.wait(10)
    figures.changed()
    assert figures.read((2, 0)).computing
    figures.wait(10)
    assert len(asked) == 3


def test_two_kinds_are_never_computed_at_the_same_time(tmp_path: Path) -> None:
    turn, at_work, most = threading.Lock(), 0, 0
    met = threading.Event()

    def compute(folder: Path) -> dict[str, Any]:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        met.wait(0.2)
        at_work -= 1
        return {"as_of": "now"}

    both = [LatestFigures(tmp_path, name, turn, compute) for name in ("people", "policies")]
    for figures in both:
        figures.read(1)
    for figures in both:
        figures.wait(10)
    assert most == 1 and all(figures.read(1).figures for figures in both)


def test_who_looks_again_and_again_lets_it_rest(tmp_path: Path) -> None:
    asked: list[Path] = []

    def compute(folder: Path) -> dict[str, Any]:
        asked.append(folder)
        return {"as_of": "then"}

    figures = LatestFigures(tmp_path, "people", compute=compute)
    for state in range(3):
        figures.read(state, rest_seconds=3600)
        figures.wait(10)
    assert len(asked) == 1, "the first look computes at once, the next ones only after the rest"
    assert figures.read(3).computing
    figures.wait(10)
    assert len(asked) == 2


def test_a_failure_is_told_and_what_was_known_stays(tmp_path: Path) -> None:
    works = True

    def compute(folder: Path) -> dict[str, Any]:
        if not works:
            raise OSError("killed")
        return {"as_of": "then"}

    figures = LatestFigures(tmp_path, "policies", compute=compute)
    figures.read(1)
    figures.wait(10)
    works = False
    figures.read(2)
    figures.wait(10)
    assert figures.read(2).as_of == {"as_of": "then", "computing": False, "failed": True}
