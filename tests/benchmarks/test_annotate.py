"""The crowd of the annotate benchmark: an open-loop schedule, and a short run against a real server."""

from itertools import pairwise

import pytest

from benchmarks import annotate_load
from benchmarks.annotate_crowd import THOUGHT_SPREAD, Plan, schedule
from benchmarks.setting import Setting


def test_people_come_and_answer_at_moments_fixed_beforehand():
    plan = Plan("http://127.0.0.1:1", ["a", "b"], seconds=600, thought_seconds=8, seed=0)
    moments = list(schedule(plan, 0))
    assert moments == list(schedule(plan, 0)) != list(schedule(plan, 1))
    assert 0 <= moments[0] <= 8 and moments[-1] < 600
    thought = [after - before for before, after in pairwise(moments)]
    assert min(thought) >= 8 * (1 - THOUGHT_SPREAD) and max(thought) <= 8 * (1 + THOUGHT_SPREAD)
    assert sum(thought) / len(thought) == pytest.approx(8, rel=0.1)


@pytest.mark.accept
def test_a_short_crowd_judges_without_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(annotate_load, "PEOPLE_SHORT", 6)
    monkeypatch.setattr(annotate_load, "SECONDS_SHORT", 4)
    row = annotate_load.load(False, Setting(short=True, work=tmp_path))
    assert (row["errors"], row["lost_or_doubled"], row["faults"]) == ({}, 0, [])
    assert row["nothing_to_judge"] == 0
    assert 6 <= row["submit"]["count"] <= 6 * 4
    assert 0 < row["submit"]["p50_ms"] <= row["submit"]["p95_ms"] <= row["submit"]["p99_ms"]
    assert row["generator_cpu_share"] > 0
    assert row["server_megabytes"]["most"] >= row["server_megabytes"]["settled"] > 20
