"""One worker a study."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rounds.worker_lock import FILE, WorkerLock, WorkerReplaced, WorkerRunning, beating

HOLD = """
import sys, time
from pathlib import Path
from rounds.worker_lock import WorkerLock
with WorkerLock(Path(sys.argv[1]), stale_seconds=5):
    print("held", flush=True)
    time.sleep(60)
"""


def holder(folder: Path) -> subprocess.Popen:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def let_the_beat_grow_old(folder: Path) -> None:
    long_ago = time.time() - 60
    os.utime(folder / FILE, (long_ago, long_ago))


def test_a_second_worker_is_refused_and_told_who_is_there(tmp_path):
    process = holder(tmp_path)
    try:
        assert beating(tmp_path).pid == process.pid
        with pytest.raises(WorkerRunning, match=f"already serves.*process {process.pid}"):
            WorkerLock(tmp_path, stale_seconds=5).__enter__()
    finally:
        process.kill()
        process.wait()


def test_the_lock_dies_with_its_holder(tmp_path):
    process = holder(tmp_path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert beating(tmp_path) is None
    with WorkerLock(tmp_path, stale_seconds=5) as lock:
        lock.beat()
        assert beating(tmp_path).pid == os.getpid()
    assert beating(tmp_path) is None


def test_a_holder_that_no_longer_beats_is_replaced_and_learns_of_it(tmp_path):
    with WorkerLock(tmp_path, stale_seconds=5) as old:
        let_the_beat_grow_old(tmp_path)
        assert beating(tmp_path) is None
        with WorkerLock(tmp_path, stale_seconds=5) as new:
            new.beat()
            with pytest.raises(WorkerReplaced, match="another one has taken its place"):
                old.beat()
            with pytest.raises(WorkerRunning):
                WorkerLock(tmp_path, stale_seconds=5).__enter__()


def test_a_study_without_a_worker_has_none_beating(tmp_path):
    assert beating(tmp_path) is None
