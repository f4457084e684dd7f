"""A worker killed at every point that a policy run passes, early and late, and the kill tests of tests/rounds over and
over: what holds once has to hold every time."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from feedback_store.database import Database
from language_models.pause_points import POINTS
from tests.rounds.killed_workers import assert_gone_on, killed_at, rewarded_study, uncut_weights

pytestmark = [pytest.mark.accept, pytest.mark.timeout(1700)]
REPOSITORY = Path(__file__).resolve().parents[2]
SHORT = os.environ.get("ACCEPT") == "short"
TIMES = 0 if SHORT else 5  # `make test` runs them once
ONCE = {"beginning-written", "reward-loaded", "start-shown", "training-ended", "result-shown", "between-rename-and-row"}


def points() -> list[str]:
    """All points; cut down, every third."""
    named = [point if point in ONCE else f"{point}@2" for point in POINTS]
    return named[::3] if SHORT else named


def test_a_run_killed_at_any_point_ends_bit_equal_to_an_uncut_one(tmp_path, monkeypatch):
    monkeypatch.setenv("TASTEMAKER_THREADS", "1")
    threads = torch.get_num_threads()
    began = time.monotonic()
    try:
        rewarded = rewarded_study(tmp_path / "rewarded")
        uncut = uncut_weights(rewarded, tmp_path / "uncut")
        for point in points():
            scratch = tmp_path / point
            shutil.copytree(rewarded, scratch / "study")
            study = Database.open(scratch / "study")
            killed_at(study, scratch, point)
            assert_gone_on(study, uncut)
            study.close()
    finally:
        torch.set_num_threads(threads)
    print(f"\nACCEPT killed at {len(points())} points, all bit-equal: {time.monotonic() - began:.0f} s")


@pytest.mark.skipif(SHORT, reason="make test runs them once")
def test_workers_that_are_killed_and_stopped_over_and_over():
    began = time.monotonic()
    for turn in range(TIMES):
        words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/rounds/test_worker_survives.py"]
        done = subprocess.run([sys.executable, *words], cwd=REPOSITORY, capture_output=True, text=True)
        assert done.returncode == 0, f"turn {turn}: {done.stdout[-4000:]}"
    print(f"\nACCEPT workers killed and stopped, {TIMES} times all points: {time.monotonic() - began:.0f} s")
