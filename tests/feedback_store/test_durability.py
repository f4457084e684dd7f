"""What was acknowledged survives kill -9, power cuts, full disks and locks: the durability benchmark, cut down."""

import random
from pathlib import Path
from typing import Any

import pytest

from benchmarks import durability_disk, durability_http, durability_kills, durability_refusals, judging
from benchmarks.durability_disk import Step, after_power_cut
from feedback_store import database
from feedback_store.database import FILE_NAME, Database


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "study"


def measured(row: dict[str, Any]) -> dict[str, Any]:
    """The row, unless this machine does not allow the measurement."""
    if "not_measured" in row:
        pytest.skip(row["not_measured"])
    return row


def test_kill_9_of_a_storing_process_loses_and_doubles_nothing(folder: Path) -> None:
    row = durability_kills.kill_storing(folder, 10, 1)
    assert (row["lost"], row["doubled"], row["faults"]) == (0, 0, [])
    assert row["acknowledged"] > 0


def test_an_fsync_stands_before_each_acknowledgement(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = measured(durability_disk.fsync_seen(folder, 8, 0))
    assert (row["acknowledged"], row["fsync_between_write_and_reply"], row["without"]) == (8, 8, 0)
    steps = [step for step in durability_disk.record(folder, 2) if step.name != "fsync"]
    monkeypatch.setattr(durability_disk, "record", lambda study, count: steps)
    assert durability_disk.fsync_seen(folder.with_name("other"), 2, 0)["without"] == 2


def test_a_trace_tells_replies_after_an_fsync_from_those_before(tmp_path: Path) -> None:
    wal, reply = "5</s/study.db-wal>", r'sendto(9<TCP:[1]>, "HTTP/1.1 200\r\n{\"saved\":true", 99, 0) = 99'
    write, sync = f"pwrite64({wal}, ..., 4096, 32) = 4096", f"fsync({wal}) = 0"
    unfinished = [f"7 fsync({wal} <unfinished ...>", "8 fsync(6</s/study.db>) = 0", "7 <... fsync resumed>) = 0"]
    assert durability_http.replies([f"7 {write}", f"7 {sync}", f"9 {reply}"]) == (1, 0)
    assert durability_http.replies([f"7 {write}", *unfinished, f"9 {reply}"]) == (1, 0)
    assert durability_http.replies([f"7 {write}", *unfinished[:2], f"9 {reply}", unfinished[2]]) == (0, 1)
    assert durability_http.replies([f"7 {write}", f"8 {sync}", f"9 {reply}"]) == (0, 1)  # another thread's
    assert durability_http.replies([f"7 {sync}", f"9 {reply}"]) == (0, 1)


def test_power_cuts_lose_nothing_acknowledged_and_would_without_the_fsyncs(folder: Path) -> None:
    row = measured(durability_disk.cuts(folder, 15, 0))
    assert (row["lost"], row["faults"]) == (0, [])
    assert row["control_cuts_that_lose_without_fsync"] > 5


def test_a_power_cut_keeps_what_was_synced_and_may_lose_or_tear_the_rest(tmp_path: Path) -> None:
    kept, unsure = Step("pwrite64", FILE_NAME, 0, b"a" * 4096), Step("pwrite64", FILE_NAME, 4096, b"b" * 4096)
    seen = set()
    for seed in range(60):
        (tmp_path / FILE_NAME).write_bytes(b"")
        after_power_cut(tmp_path, [kept, Step("fsync", FILE_NAME), unsure], random.Random(seed))
        found = (tmp_path / FILE_NAME).read_bytes()
        assert found[:4096] == b"a" * 4096
        seen.add("none" if len(found) == 4096 else "torn" if found[4096:] != b"b" * 4096 else "whole")
    assert seen == {"none", "torn", "whole"}


def test_a_new_file_may_be_missing_until_its_folder_was_synced(tmp_path: Path) -> None:
    wal = f"{FILE_NAME}-wal"
    steps = [Step("created", wal), Step("pwrite64", wal, 0, b"a" * 32), Step("fsync", wal)]
    outcomes = {True: set(), False: set()}
    for synced in outcomes:
        for seed in range(40):
            (tmp_path / wal).unlink(missing_ok=True)
            after_power_cut(tmp_path, steps + [Step("fsync", ".")] * synced, random.Random(seed))
            outcomes[synced].add((tmp_path / wal).exists())
    assert outcomes == {True: {True}, False: {True, False}}


def test_a_study_whose_parts_disagree_is_found(folder: Path) -> None:
    judging.study_of_pairs(folder, 2)
    with Database.open(folder) as db:
        judging.store(db, 0, 2)
        assert (judging.faults(db), judging.missing(db, [0, 1]), judging.rows_stored(db)) == ([], 1, 1)
        db.execute("UPDATE comparisons SET answers = 7 WHERE id = 2")
        db.execute("UPDATE tallies SET answers = 0")
        assert len(judging.faults(db)) == 2


@pytest.mark.parametrize("way", ["small disk", "page limit"])
def test_a_full_disk_refuses_in_words_loses_nothing_and_recovers(
    folder: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "page limit":
        monkeypatch.setattr(durability_refusals, "DISK_MEGABYTES", "none")  # no mount takes this
    row = durability_refusals.disk_full(folder, 1, 0)
    if way == "small disk" and not row["way"].startswith("a tmpfs"):
        pytest.skip(row["way"])
    assert (row["lost"], row["faults"], row["recovered"]) == (0, [], 1)
    assert row["refused"] == 5
    assert all("free some space and try again" in words for words in row["words"])


def test_a_locked_database_is_waited_for_and_then_refused_in_words(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_SECONDS", 0.4)
    row = durability_refusals.locked(folder, (0.05, 2), over_http=False)
    outcomes = [held["store"][0] for held in row["held"]]
    assert (outcomes, row["lost_or_doubled"]) == (["stored", "refused"], 0)
    assert "kept the study's database locked" in row["held"][1]["store"][1]
