"""An export is read in batches by a handful of queries each, holds no transaction, and lets people go on meanwhile."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from feedback_store import exchange, exchange_reading, exporting, guidelines, pseudonyms
from feedback_store.database import Database
from feedback_store.errors import StoreUnavailable
from feedback_store.exchange_reading import Reading
from feedback_store.filters import Filters
from judged_studies import Study

FORMATS = exchange.formats_that("write")


def statements(db: Database, work: Callable[[], object]) -> int:
    """How many statements were run."""
    seen: list[str] = []
    db.connection().set_trace_callback(seen.append)
    work()
    db.connection().set_trace_callback(None)
    return len(seen)


@pytest.mark.parametrize("name", FORMATS)
def test_queries_grow_with_batches_not_with_rows(db: Database, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    study = Study(db)
    with db.transaction():
        for _ in range(20):
            study.judge(study.compare(), [1, 2])
    pseudonyms.secret_key(db)  # made and marked once
    few = statements(db, lambda: exchange.preview(db, name))
    with db.transaction():
        for _ in range(180):
            study.judge(study.compare(), [1, 2])
    assert statements(db, lambda: exchange.preview(db, name)) == few
    monkeypatch.setattr(exchange_reading, "COMPARISONS_AT_ONCE", 20)
    monkeypatch.setattr("feedback_store.formats.prompts.PROMPTS_AT_ONCE", 20)
    assert statements(db, lambda: exchange.preview(db, name)) <= 10 * few


def test_small_batches_give_the_same_files(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = Study(db)
    for number in range(9):
        study.judge(study.compare(candidates=2 + number % 2), [1, 2] if number % 2 == 0 else [1, 2, 3])
    exchange.export(db, "trl", tmp_path / "one")
    monkeypatch.setattr(exchange_reading, "COMPARISONS_AT_ONCE", 2)
    exchange.export(db, "trl", tmp_path / "two")
    assert (tmp_path / "one/SHA256SUMS").read_text() == (tmp_path / "two/SHA256SUMS").read_text()


@pytest.mark.parametrize("name", FORMATS)
def test_people_go_on_while_an_export_runs(
    db: Database, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange_reading, "COMPARISONS_AT_ONCE", 1)
    study = Study(db)
    for _ in range(3):
        study.judge(study.compare(), [1, 2])
    work = exporting.prepare(db, exchange._module(name), name, Filters(), {})
    units = work.units(work.reading())
    next(units)
    assert not db.connection().in_transaction
    # What is not read yet is answered by the words of a new guideline and by a new person, and new questions come.
    study.judge(2, [2, 1], guideline_id=guidelines.add(db, "Be fair.").id)
    study.judge(3, [2, 1], "new")
    study.judge(study.compare(policy="another"), [1, 2], "newer")
    rest = list(units)
    assert len(rest) >= 2


def test_what_came_later_is_not_read(db: Database) -> None:
    study = Study(db)
    study.compare()
    reading = Reading(db, Filters())
    found = iter(reading)
    assert next(found).comparison.id == 1
    study.compare()
    assert list(found) == []
    assert reading.counts == {"comparisons": 1, "judgments": 0}


@pytest.mark.parametrize("name", FORMATS)
def test_an_export_that_fails_leaves_nothing_behind(
    db: Database, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Study(db).compare()
    monkeypatch.setattr("feedback_store.dataset_card.card", lambda **_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        exchange.export(db, name, tmp_path / "deep" / "out")
    assert list((tmp_path / "deep").iterdir()) == []


def test_an_export_never_writes_over_a_file_or_a_link(db: Database, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("file", "link"):
        with pytest.raises(ValueError, match="is not an empty folder"):
            exchange.export(db, "trl", tmp_path / name)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_disk_without_room_is_said_before_anything_is_written(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(StoreUnavailable, match="too little space for the export out"):
        exchange.export(db, "trl", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["study"]
