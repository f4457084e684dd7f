"""Every look of the benchmark of the data tables finds what it is there for."""

from benchmarks import data_tables
from benchmarks.setting import Setting


def test_each_look_is_measured(tmp_path):
    row = data_tables.pages(1_000, Setting(short=True, work=tmp_path))
    assert row["judgments"] == 200
    for name, found in row["looks"].items():
        none = "none" in name or "no such" in name
        assert (found["rows"] == 0) == none, name
        assert found["requests"] >= 1 and found["p50_ms"] <= found["max_ms"], name
