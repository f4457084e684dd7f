"""While another process holds the study's database a worker waits, and loses neither its run nor itself."""

import pytest

import rounds.worker
from feedback_store import database, runs
from feedback_store.database import Database
from feedback_store.errors import StoreUnavailable
from rounds.heartbeat import Heartbeat
from tests.rounds.killed_workers import idle_worker
from tests.rounds.small_study import new_study, start_run, wait_for

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def study(tmp_path) -> Database:
    return new_study(tmp_path / "study", train=3, holdout=1)


def test_a_study_that_is_locked_as_a_run_begins_does_not_end_its_heartbeat(study, monkeypatch, caplog):
    run = start_run(study, "sample", pairs=1)
    lease = runs.claim(study, "one", lease_seconds=60)
    monkeypatch.setattr(database, "BUSY_TIMEOUT_SECONDS", 0.05)
    with Heartbeat(study.folder, lease, lease_seconds=0.3) as heartbeat:
        with study.transaction():
            wait_for(lambda: "could not be written" in caplog.text)
        runs.cancel(study, run.id)
        wait_for(heartbeat.cancelled.is_set)
    assert runs.get(study, run.id).progress["peak_memory_gb"] > 0


def test_a_locked_store_is_no_death_of_the_worker(study, monkeypatch):
    run = start_run(study, "sample", pairs=1)
    locked = {"claim": 1, "load_kind": 1, "release": 3}

    def while_locked(name, write):
        def writing(*told, **more):
            if locked[name]:
                locked[name] -= 1
                raise StoreUnavailable("Another process kept the study's database locked.")
            return write(*told, **more)

        return writing

    worker = idle_worker(study.folder)
    monkeypatch.setattr("rounds.worker.IDLE_SECONDS", 0.01)
    monkeypatch.setattr(runs, "claim", while_locked("claim", runs.claim))
    monkeypatch.setattr(runs, "release", while_locked("release", runs.release))
    monkeypatch.setattr(rounds.worker, "load_kind", while_locked("load_kind", rounds.worker.load_kind))
    worker.work(until_idle=True)
    assert not any(locked.values())
    ended = runs.get(study, run.id)
    assert (ended.status, ended.attempt) == ("succeeded", 1), ended.error


def test_a_worker_does_not_end_its_own_run_where_it_was_not_heard_of_for_long(study):
    run = start_run(study, "sample", pairs=1)
    study.execute("UPDATE runs SET max_attempts = 1")
    worker = idle_worker(study.folder)
    lease = runs.claim(study, worker.name, lease_seconds=-5)  # the machine slept: the lease is over
    worker.leases.append(lease)
    worker._execute_first_in_line()
    assert runs.get(study, run.id).status == "running"
