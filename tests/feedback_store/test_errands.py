"""Errands and the locks that tell whether they live: what begins at once, what is looked at, what was killed."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from feedback_store import errands, held_file, importing, uploads
from feedback_store.database import Database
from feedback_store.errors import Conflict, StoreUnavailable


class Process:
    """Stands for an errand's process: it has the lock until it is killed."""

    processes: ClassVar[list["Process"]] = []

    def __init__(self, *_: object, pass_fds: list[int], **__: object) -> None:
        self._lock = os.dup(pass_fds[0])
        self._over = threading.Event()
        self.processes.append(self)

    def kill(self) -> None:
        os.close(self._lock)
        self._over.set()

    def wait(self) -> int:
        self._over.wait()
        return -9


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Process]]:
    Process.processes = []
    monkeypatch.setattr(errands.subprocess, "Popen", Process)
    yield Process.processes
    for one in Process.processes:
        one.kill()


def at_once(number: int, act: Callable[[int], Any]) -> list[Any]:
    """What came of an act done in so many threads at once; an exception is a result."""
    results: list[Any] = []
    together = threading.Barrier(number)

    def run(place: int) -> None:
        together.wait()
        try:
            results.append(act(place))
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=run, args=(place,)) for place in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_a_look_at_a_lock_refuses_nobody(tmp_path: Path):
    lock, over = tmp_path / "lock", threading.Event()

    def look() -> None:
        while not over.is_set():
            held_file.is_held(lock)

    with held_file.held(lock, "first"):
        assert held_file.is_held(lock)
        with pytest.raises(Conflict, match="second"), held_file.held(lock, "second"):
            pass
    assert not held_file.is_held(lock) and not held_file.is_held(tmp_path / "other")
    lookers = [threading.Thread(target=look) for _ in range(2)]
    for one in lookers:
        one.start()
    try:
        for _ in range(1500):
            with held_file.held(lock, "A look was taken for a holder."):
                pass
    finally:
        over.set()
        for one in lookers:
            one.join()


def test_an_errand_is_seen_from_when_it_holds_its_lock(
    db: Database, processes: list[Process], monkeypatch: pytest.MonkeyPatch
):
    hold, seen = held_file.hold, list[errands.Errand]()

    def told(path: Path, words: str) -> int:
        seen.extend(errands.listing(db))
        return hold(path, words)

    monkeypatch.setattr(held_file, "hold", told)
    begun = errands.start(db, "preview", {}, by=1, role="admin")
    assert (begun.status, seen) == ("working", [])


def test_no_more_begin_at_once_than_may(db: Database, processes: list[Process], monkeypatch: pytest.MonkeyPatch):
    results = at_once(8, lambda _: errands.start(db, "preview", {}, by=1, role="admin"))
    assert sorted(type(one).__name__ for one in results) == ["Conflict"] * 5 + ["Errand"] * 3
    assert len(processes) == errands.MOST_AT_ONCE
    kept = at_once(uploads.MOST_AT_ONCE + 4, lambda n: uploads.begin(db, f"{n}.txt", 5, by=1))
    assert sum(isinstance(one, Conflict) for one in kept) == 4


def test_one_errand_works_on_a_file_and_nobody_takes_it_away(db: Database, processes: list[Process]):
    order = {"upload": "0123456789abcdef"}
    results = at_once(4, lambda _: errands.start(db, "try import", order, by=1, role="admin"))
    assert len(processes) == 1 and sum("being gone through" in str(one) for one in results) == 3
    with errands.nobody_begins(db), pytest.raises(Conflict, match="being gone through"):
        errands.require_idle(db, order["upload"])


def test_what_an_import_left_when_it_was_killed_is_taken_back_at_once(db: Database, processes: list[Process]):
    errands.start(db, "import", {}, by=1, role="admin")
    db.execute("INSERT INTO imports (format, file_name, file_sha256, created_at) VALUES ('trl', 'x', 'y', 'z')")
    [watching] = [one for one in threading.enumerate() if one.name.startswith("errand ")]
    os.close(processes[0]._lock)
    processes[0]._over.set()
    watching.join()
    processes.clear()
    assert db.value("SELECT COUNT(*) FROM imports") == 0 and not importing.under_way(db)


def test_an_errand_that_cannot_begin_leaves_nothing(db: Database, monkeypatch: pytest.MonkeyPatch):
    def no_memory(*_: object, **__: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(errands.subprocess, "Popen", no_memory)
    with pytest.raises(StoreUnavailable, match="Cannot allocate memory"):
        errands.start(db, "preview", {}, by=1, role="admin")
    assert list((db.folder / errands.FOLDER).iterdir()) == []


@pytest.mark.parametrize("module", [errands, uploads])
def test_what_is_cleared_away_by_somebody_else_meanwhile_stops_no_tidying(
    db: Database, processes: list[Process], monkeypatch: pytest.MonkeyPatch, module: Any
):
    errands.start(db, "preview", {}, by=1, role="admin")
    uploads.begin(db, "x.txt", 5, by=1)
    processes.pop().kill()
    found = module.listing(db)
    monkeypatch.setattr(module, "_read", lambda folder: next((one for one in found if one.folder == folder), None))
    for one in found:
        for path in sorted(one.folder.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
    module.tidy(db)


def test_what_is_no_errand_stops_nothing(db: Database):
    for name, text in (("0123456789abcdef", "[]"), ("0123456789abcde0", '{"verb": "x"}'), ("other", "{}")):
        (db.folder / errands.FOLDER / name).mkdir(parents=True)
        (db.folder / errands.FOLDER / name / "order.json").write_text(text)
    assert errands.listing(db) == []
