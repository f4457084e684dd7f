"""Threads of one process that write take turns, without SQLite's own waiting."""

import threading

import pytest

from feedback_store import database
from feedback_store.database import Database
from feedback_store.errors import StoreUnavailable


def test_a_thread_waits_for_another_of_its_process_though_sqlite_would_give_up_at_once(tmp_path):
    with Database.create(tmp_path / "study") as db:
        began, done = threading.Event(), []

        def write() -> None:
            db.execute("PRAGMA busy_timeout = 0")
            began.set()
            with db.transaction():
                done.append("second")

        with db.transaction():
            thread = threading.Thread(target=write)
            thread.start()
            began.wait(10)
            with db.transaction():  # inside one's own no turn is waited for
                done.append("first")
        thread.join(10)
        assert done == ["first", "second"]


def test_a_turn_that_does_not_come_is_refused_in_words(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "BUSY_TIMEOUT_SECONDS", 0.05)
    with Database.create(tmp_path / "study") as db:
        said = []

        def write() -> None:
            with pytest.raises(StoreUnavailable, match="locked") as refused, db.transaction():
                raise AssertionError("it is not this thread's turn")
            said.append(str(refused.value))

        with db.transaction():
            thread = threading.Thread(target=write)
            thread.start()
            thread.join(10)
        assert len(said) == 1
        with db.transaction():
            pass
