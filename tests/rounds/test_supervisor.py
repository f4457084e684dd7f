"""The supervisor: one worker, started again when it dies, ended with its master; one server a study."""

import os
import signal
import subprocess
import sys
import time

import pytest

from feedback_store.errors import StoreUnavailable
from rounds import studies, supervisor
from rounds.supervisor import StudyLock, StudyServed, WorkerSupervisor, start_worker_if_none, worker_environment
from rounds.worker_lock import WorkerLock

SLEEPS = [sys.executable, "-c", "import time; time.sleep(60)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)",
]
FAILS = [sys.executable, "-c", "import sys; sys.exit('worker: the base is gone')"]


def until(condition, seconds=40.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def study(tmp_path):
    studies.open_or_create(tmp_path / "study", base="tiny:", create=True).close()
    return tmp_path / "study"


def test_a_killed_worker_is_started_again(study, monkeypatch):
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_SECONDS", 0.05)
    with WorkerSupervisor(study, command=SLEEPS) as watched:
        until(lambda: watched.pid)
        first = watched.pid
        os.kill(first, signal.SIGKILL)
        until(lambda: watched.pid not in (None, first))
        assert watched.restarts == 1


def test_stop_ends_the_worker_and_nothing_starts_it_again(study):
    watched = WorkerSupervisor(study, command=SLEEPS).start()
    until(lambda: watched.pid)
    pid = watched.pid
    watched.stop()
    assert watched.pid is None
    assert watched.state == "stopped"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_worker_that_does_not_listen_is_killed(study):
    watched = WorkerSupervisor(study, command=DEAF).start()
    until(lambda: watched.pid)
    time.sleep(0.5)  # the child needs a moment to become deaf
    began = time.monotonic()
    watched.stop(timeout=0.3)
    assert watched.pid is None
    assert time.monotonic() - began < 5


def test_a_worker_that_cannot_start_is_tried_with_growing_pauses_and_its_words_are_kept(study, monkeypatch):
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_SECONDS", 0.05)
    with WorkerSupervisor(study, command=FAILS) as watched:
        until(lambda: watched.restarts >= 3)
        until(lambda: "base is gone" in watched.state)
        assert watched.state.startswith("The worker ended with code 1: worker: the base is gone; started again in ")
    assert "base is gone" in (study / "worker.err.1").read_text(), "of the one before, too"


def test_a_store_or_a_disk_that_is_not_there_for_a_moment_ends_no_supervision(study, monkeypatch):
    usual, calls = supervisor.worker_environment, []

    def locked_at_first(folder):
        calls.append(folder)
        if len(calls) < 3:
            raise StoreUnavailable("the store is locked")
        return usual(folder)

    monkeypatch.setattr(supervisor, "FIRST_PAUSE_SECONDS", 0.2)
    monkeypatch.setattr(supervisor, "worker_environment", locked_at_first)
    with WorkerSupervisor(study, command=SLEEPS) as watched:
        until(lambda: watched.state == "The worker could not be started: the store is locked; started again in 0 s")
        until(lambda: watched.pid)
        assert watched.restarts == 2


def test_the_worker_of_somebody_else_is_left_in_peace_and_replaced_when_it_ends(study, monkeypatch):
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_SECONDS", 0.05)
    with WorkerSupervisor(study, command=SLEEPS) as watched:
        until(lambda: watched.pid)
    with WorkerLock(study, stale_seconds=20):
        watched = WorkerSupervisor(study, command=SLEEPS).start()
        until(lambda: "another worker serves this study" in watched.state)
        assert watched.pid is None
    until(lambda: watched.pid)
    watched.stop()


def test_a_worker_is_offline_unless_its_base_comes_from_the_hub(study, tmp_path):
    assert worker_environment(study)["HF_HUB_OFFLINE"] == "1"
    studies.open_or_create(tmp_path / "hub", base="hub:some/model", create=True).close()
    assert worker_environment(tmp_path / "hub")["HF_HUB_OFFLINE"] == "0"


def test_a_second_server_is_refused_and_told_who_serves(study):
    with StudyLock(study) as lock:
        lock.tell("http://127.0.0.1:7860")
        words = f"is served already, by process {os.getpid()} at http://127.0.0.1:7860"
        with pytest.raises(StudyServed, match=words), StudyLock(study):
            pass
    with StudyLock(study):
        pass


def test_the_lock_dies_with_its_holder(study):
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom rounds.supervisor import StudyLock\n"
        "with StudyLock(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(study)], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(StudyServed, match=f"process {holder.pid}"), StudyLock(study):
        pass
    holder.kill()
    holder.wait()
    with StudyLock(study):
        pass


def test_start_worker_if_none_gives_a_supervisor_that_was_started_and_hands_own_functions_on(
    study, tmp_path, monkeypatch
):
    given = []

    def command(folder, *, parent, functions):
        given.append(functions)
        return SLEEPS

    monkeypatch.setattr(supervisor, "worker_command", command)
    watched = start_worker_if_none(study, functions=tmp_path)
    until(lambda: watched.state == "running")
    watched.stop()
    assert set(given) == {tmp_path}
    with pytest.raises(supervisor.NoSuchFolder, match="no folder"):
        start_worker_if_none(study, functions=tmp_path / "nowhere")
