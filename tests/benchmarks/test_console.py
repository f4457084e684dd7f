"""The console's benchmark, cut down, against a real server."""

import pytest

from benchmarks import annotate_load, console
from benchmarks.setting import Setting


def test_pages_of_a_small_study(tmp_path, monkeypatch):
    monkeypatch.setattr(console, "RUNS", 6)
    row = console.pages(1_000, Setting(short=True, work=tmp_path))
    assert (row["judgments"], row["finished_runs"]) == (200, 6)
    for name in console.PAGES:
        assert row[name]["count"] == 3
        assert 0 < row[name]["p50_ms"] <= row[name]["max_ms"]


@pytest.mark.accept
def test_consoles_are_open_beside_a_crowd(tmp_path, monkeypatch):
    monkeypatch.setattr(annotate_load, "PEOPLE_SHORT", 4)
    monkeypatch.setattr(annotate_load, "SECONDS_SHORT", 4)
    monkeypatch.setattr(console, "FIRST_LOOK_SECONDS", 1)
    row = console.crowd(Setting(short=True, work=tmp_path))
    assert (row["errors"], row["lost_or_doubled"], row["consoles"]) == ({}, 0, 3)
    assert row["console"]["count"] >= 3
