"""Rows of measurements: written as they come, and not measured twice."""

import json

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks.setting import Setting


@pytest.fixture
def measured(monkeypatch):
    """Counts how often the only benchmark was measured."""
    times = []

    def measure(setting):
        times.append(setting.seed)
        return {"cuts": 3}

    monkeypatch.setattr(benchmarks, "cells", lambda only: {("durability", "cuts"): measure})
    return times


def test_a_row_is_written_and_not_measured_again(measured, tmp_path, monkeypatch, capsys):
    to = tmp_path / "rows.jsonl"
    for seed in ("1", "1", "2"):
        monkeypatch.setattr("sys.argv", ["benchmarks", "--seed", seed, "--to", str(to)])
        assert benchmarks.main() == 0
    rows = [json.loads(line) for line in to.read_text().splitlines()]
    assert measured == [1, 2]
    assert [(row["benchmark"], row["cell"], row["seed"], row["cuts"]) for row in rows] == [
        ("durability", "cuts", 1, 3), ("durability", "cuts", 2, 3),
    ]  # fmt: skip
    assert {"commit", "cores", "processor", "load"} <= rows[0].keys()
    assert capsys.readouterr().out.count("\n") == 2


def test_a_cell_is_measured_again_on_another_base(measured, tmp_path, monkeypatch):
    to = tmp_path / "rows.jsonl"
    for base in ("tiny:", "hub:org/name", "tiny:"):
        monkeypatch.setattr("sys.argv", ["benchmarks", "--base", base, "--to", str(to)])
        assert benchmarks.main() == 0
    assert [json.loads(line)["base"] for line in to.read_text().splitlines()] == ["tiny:", "hub:org/name"]


def test_benchmarks_and_cells_are_found_by_name():
    assert list(benchmarks.cells("durability/cuts")) == [("durability", "cuts")]
    assert len(benchmarks.cells("durability")) >= 7
    with pytest.raises(SystemExit, match="There is no benchmark 'speed'; there are sampling, "):
        benchmarks.cells("speed")
    with pytest.raises(SystemExit, match="has no cell 'x'; its cells: kill_storing, "):
        benchmarks.cells("durability/x")
    with pytest.raises(SystemExit, match="The benchmark ppo has no cell 'x'; its cells: none"):
        benchmarks.cells("ppo/x")


def test_what_needs_data_that_are_not_given_is_passed_over_in_words(tmp_path, monkeypatch, capsys):
    wanted = {("a", "real"): lambda setting: setting.questions(), ("a", "other"): lambda setting: {"cuts": 3}}
    monkeypatch.setattr(benchmarks, "cells", lambda only: wanted)
    to = tmp_path / "rows.jsonl"
    monkeypatch.setattr("sys.argv", ["benchmarks", "--to", str(to)])
    assert benchmarks.main() == 0
    assert [json.loads(line)["cell"] for line in to.read_text().splitlines()] == ["other"]
    assert "a/real was not measured: this benchmark needs --data DIR with qa_feedback" in capsys.readouterr().err


def test_a_cut_down_run_has_fewer_trials_and_leaves_nothing_behind(tmp_path):
    assert [Setting(short=short).trials(1000, 10) for short in (False, True)] == [1000, 10]
    with Setting(work=tmp_path).folder() as folder:
        assert folder.parent == tmp_path
    assert list(tmp_path.iterdir()) == []
