"""The kill tests of tests/rounds, over and over: what holds once has to hold every time."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.accept, pytest.mark.timeout(1700)]
REPOSITORY = Path(__file__).resolve().parents[2]
TIMES = 1 if os.environ.get("ACCEPT") == "short" else 5


def test_workers_that_are_killed_and_stopped_over_and_over():
    began = time.monotonic()
    for turn in range(TIMES):
        words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/rounds/test_worker_survives.py"]
        done = subprocess.run([sys.executable, *words], cwd=REPOSITORY, capture_output=True, text=True)
        assert done.returncode == 0, f"turn {turn}: {done.stdout[-4000:]}"
    print(f"\nACCEPT workers killed and stopped, {TIMES} times all points: {time.monotonic() - began:.0f} s")
