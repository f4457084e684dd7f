"""Backups hold what was acknowledged, say what they are, and come back whole or not at all."""

import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from feedback_store import annotators, backups, database, judgments, sessions, study_folder, whole_folder
from feedback_store.database import Database
from feedback_store.errors import (
    CorruptBackup,
    InvalidInput,
    StoreError,
    StoreUnavailable,
    StudyExists,
    StudyNotFound,
)
from feedback_store.judgments import NewJudgment
from feedback_store.sqlite import sqlite3

REPOSITORY = Path(__file__).parents[2]
NOW = "2026-11-23T10:00:00.000Z"


def add_weights(study: Path, name: str = "policy-1") -> Path:
    """A folder of weights as language_models writes it."""
    folder = study / "models" / name
    (folder / "adapter").mkdir(parents=True)
    (folder / "adapter" / "weights.safetensors").write_bytes(bytes(range(256)) * 5000)
    (folder / "card.json").write_text("{}")
    files = [path for path in folder.rglob("*") if path.is_file()]
    sums = {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    (folder / "manifest.json").write_text(json.dumps({"sha256": sums}))
    return folder


@pytest.fixture
def full(db: Database, compare: Callable, judge: Callable) -> Database:
    """A study with a judgment, weights, a run's files, a key, and what a backup leaves out."""
    judge(db, compare(db)[0], [1, 2])
    add_weights(db.folder)
    for name in ("runs/1/log.txt", "runs/1/checkpoints/step-000001/state.json", "exports/old/train.jsonl"):
        (db.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (db.folder / name).write_text("text")
    (db.folder / "models" / ".writing-policy-2-1234").mkdir()
    (db.folder / "models" / ".writing-policy-2-1234" / "half").write_text("half")
    (db.folder / "secret.key").write_text("a secret")
    return db


def names_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


HELD = {
    "manifest.json", "study.db", "secret.key", "runs/1/log.txt", "models/policy-1/manifest.json",
    "models/policy-1/card.json", "models/policy-1/adapter/weights.safetensors",
}  # fmt: skip


def test_a_backup_holds_the_study_and_the_sha256_of_every_file(full: Database, tmp_path: Path) -> None:
    made = backups.backup(full.folder, tmp_path / "kept", now=NOW)
    assert names_below(tmp_path / "kept") == HELD
    said = json.loads((tmp_path / "kept" / "manifest.json").read_text())["files"]
    for name in HELD - {"manifest.json"}:
        data = (tmp_path / "kept" / name).read_bytes()
        assert said[name] == {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    size = sum(file["bytes"] for file in said.values())
    assert made == backups.Backup(tmp_path / "kept", NOW, 1, 6, size, []) == backups.verify(tmp_path / "kept")


def test_only_its_owner_can_read_a_backup_and_nobody_changes_it(full: Database, tmp_path: Path) -> None:
    backups.backup(full.folder, tmp_path / "kept")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "kept").rglob("*") if path.is_file()}
    folders = {stat.S_IMODE(path.stat().st_mode) for path in [tmp_path / "kept", tmp_path / "kept" / "models"]}
    assert (modes, folders) == ({0o400}, {0o700})


def test_a_restored_study_goes_on(full: Database, tmp_path: Path, compare: Callable, judge: Callable) -> None:
    backups.backup(full.folder, tmp_path / "kept")
    judge(full, 1, [2, 1], name="later")
    backups.restore(tmp_path / "kept", tmp_path / "back")
    assert names_below(tmp_path / "back") == HELD - {"manifest.json"}
    assert stat.S_IMODE((tmp_path / "back").stat().st_mode) == 0o700
    with Database.open(tmp_path / "back") as again:
        assert [one.ranks for one in judgments.live(again)] == [[1, 2]]
        judge(again, compare(again, first=1)[0], [2, 1])
        assert again.value("PRAGMA journal_mode") == full.value("PRAGMA journal_mode")
        assert judgments.count(again) == 2
    backups.verify(tmp_path / "kept")  # the backup is untouched by what the study did


def test_nobody_is_logged_in_to_what_is_restored_and_what_else_is_as_it_was_is_said(
    full: Database, tmp_path: Path
) -> None:
    token = sessions.begin(full, annotators.ensure(full, "ann").id, seconds=99_999)
    made = backups.backup(full.folder, tmp_path / "kept")
    held = backups.restore(tmp_path / "kept", tmp_path / "back")
    assert sessions.current(full, token) is not None
    with Database.open(tmp_path / "back") as again:
        assert sessions.current(again, token) is None
    assert f"erased after {made.made_at} is not so" in backups.undone_by(held)


def test_a_backup_of_a_version_without_sessions_is_restored(full: Database, tmp_path: Path) -> None:
    full.execute("DROP TABLE sessions")
    backups.backup(full.folder, tmp_path / "kept")
    backups.restore(tmp_path / "kept", tmp_path / "back")
    with Database.open(tmp_path / "back", readonly=True) as again:
        assert judgments.count(again) == 1


def test_a_restored_study_is_opened_while_somebody_reads_it(
    full: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_SECONDS", 0.1)
    backups.backup(full.folder, tmp_path / "kept")
    backups.restore(tmp_path / "kept", tmp_path / "back")
    reader = sqlite3.connect(tmp_path / "back" / "study.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT COUNT(*) FROM judgments").fetchall()
    Database.open(tmp_path / "back").close()
    reader.close()


def test_a_study_in_a_folder_that_must_not_be_written_is_backed_up(
    full: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full.close()
    opened: list[str] = []
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *to, **how: (opened.append(str(to[0])), connect(*to, **how))[1])
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    assert backups.backup(full.folder, tmp_path / "kept").judgments == 1
    assert opened[0].endswith("study.db?mode=ro&immutable=1")


def test_an_emptied_database_is_not_passed_off_as_a_backup_and_its_log_stays(full: Database, tmp_path: Path) -> None:
    log = full.folder / "study.db-wal"
    held = log.read_bytes()
    full.close()
    (full.folder / "study.db").write_bytes(b"")
    log.write_bytes(held)
    with pytest.raises(StoreError, match=r"study\.db was emptied"):
        backups.backup(full.folder, tmp_path / "kept")
    assert log.read_bytes() == held


def test_a_file_name_that_is_no_utf_8_is_backed_up_and_comes_back(full: Database, tmp_path: Path) -> None:
    name = os.fsdecode(b"x\xe9.bin")
    (full.folder / "models" / name).write_text("weights")
    (full.folder / "models" / "\u6a21\u578b").write_text("weights")
    backups.backup(full.folder, tmp_path / "kept")
    backups.restore(tmp_path / "kept", tmp_path / "back")
    assert names_below(tmp_path / "back" / "models") == names_below(full.folder / "models") - {
        ".writing-policy-2-1234/half"
    }


def test_every_judgment_acknowledged_before_a_backup_began_is_in_it(
    db: Database, tmp_path: Path, compare: Callable
) -> None:
    compare(db, 400)
    person = annotators.ensure(db, "ann").id
    acknowledged: list[str] = []
    enough = threading.Event()

    def submit() -> None:
        for number in range(400):
            key = f"key-{number}"
            judgments.submit(db, NewJudgment(number + 1, person, [1, 2], [0, 1], key))
            acknowledged.append(key)
            if enough.is_set():
                return

    submitting = threading.Thread(target=submit)
    submitting.start()
    try:
        for number in range(5):
            before = list(acknowledged)
            made = backups.backup(db.folder, tmp_path / f"kept-{number}")
            with Database.open(tmp_path / f"kept-{number}", readonly=True) as held:
                keys = [row["key"] for row in held.rows("SELECT key FROM judgments ORDER BY id")]
                assert held.value("PRAGMA integrity_check") == "ok"
                assert held.rows("PRAGMA foreign_key_check") == []
            assert keys[: len(before)] == before
            assert made.judgments == len(keys)
            while len(acknowledged) == len(before) < 400:  # the next backup has more to hold
                enough.wait(0.001)
    finally:
        enough.set()
        submitting.join()


@pytest.mark.parametrize("name", sorted(HELD - {"manifest.json"}))
@pytest.mark.parametrize("harm", ["flipped", "missing"])
def test_a_corrupt_backup_is_refused_by_the_name_of_the_file(
    full: Database, tmp_path: Path, name: str, harm: str
) -> None:
    backups.backup(full.folder, kept := tmp_path / "kept")
    if harm == "missing":
        (kept / name).unlink()
    else:
        data = bytearray((kept / name).read_bytes())
        data[len(data) // 2] ^= 1
        (kept / name).chmod(0o600)
        (kept / name).write_bytes(data)
    with pytest.raises(CorruptBackup, match=f"{kept / name} (differs|is missing)"):
        backups.restore(kept, tmp_path / "back")
    assert {path.name for path in tmp_path.iterdir()} == {"kept", "study"}


MANIFEST = {
    "format": "tastemaker-backup", "version": 1, "made_at": NOW, "judgments": 0, "damaged": [],
    "files": {"study.db": {"sha256": "0" * 64, "bytes": 1}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "is no backup, or was never finished"),
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        (json.dumps({**MANIFEST, "files": {}}), "with a study.db"),
        (json.dumps({**MANIFEST, "version": 2}), "version 2"),
        (json.dumps({**MANIFEST, "format": "tar"}), "format 'tar'"),
        (json.dumps({**MANIFEST, "files": {**MANIFEST["files"], "models/../../x": {"sha256": "", "bytes": 0}}}), "x"),  # type: ignore[dict-item]
        (json.dumps({**MANIFEST, "files": {**MANIFEST["files"], "/etc/x": {"sha256": "", "bytes": 0}}}), "/etc/x"),  # type: ignore[dict-item]
        (json.dumps({**MANIFEST, "files": {**MANIFEST["files"], "other": {"sha256": "", "bytes": 0}}}), "'other'"),  # type: ignore[dict-item]
    ],
)
def test_what_is_no_backup_is_refused(tmp_path: Path, text: str | None, words: str) -> None:
    (tmp_path / "kept").mkdir()
    if text is not None:
        (tmp_path / "kept" / "manifest.json").write_text(text)
    with pytest.raises(CorruptBackup, match=words):
        backups.restore(tmp_path / "kept", tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_a_backup_of_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "study.db").write_bytes(text := b"no database, but long enough to be looked at" * 100)
    files = {"study.db": {"sha256": hashlib.sha256(text).hexdigest(), "bytes": len(text)}}
    (tmp_path / "kept" / "manifest.json").write_text(json.dumps({**MANIFEST, "files": files}))
    with pytest.raises(CorruptBackup, match=r"study\.db cannot be read as a study"):
        backups.restore(tmp_path / "kept", tmp_path / "back")
    assert {path.name for path in tmp_path.iterdir()} == {"kept"}


def test_nothing_is_written_over(full: Database, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").write_text("mine")
    with pytest.raises(InvalidInput, match="not an empty folder"):
        backups.backup(full.folder, tmp_path / "taken")
    (tmp_path / "empty").mkdir()
    backups.backup(full.folder, tmp_path / "empty")
    with pytest.raises(InvalidInput, match="not an empty folder"):
        backups.restore(tmp_path / "empty", tmp_path / "taken")
    with pytest.raises(StudyExists, match="already holds a study"):
        backups.restore(tmp_path / "empty", full.folder)
    assert names_below(tmp_path / "taken") == {"file"}


def test_a_backup_lies_outside_of_what_it_copies(full: Database) -> None:
    for name in ("models/kept", "runs/kept", "kept", "."):
        with pytest.raises(InvalidInput, match=r"(among the files of the study|not an empty folder)"):
            backups.backup(full.folder, full.folder / name)
    first = backups.backup(full.folder, full.folder / "backups" / "first")
    assert backups.backup(full.folder, full.folder / "backups" / "second").files == first.files


def test_a_folder_without_a_study_has_no_backup(tmp_path: Path) -> None:
    with pytest.raises(StudyNotFound, match="No study in"):
        backups.backup(tmp_path, tmp_path / "kept")


def test_a_damaged_database_is_not_passed_off_as_a_backup(full: Database, tmp_path: Path) -> None:
    full.checkpoint()
    full.close()
    data = bytearray((full.folder / "study.db").read_bytes())
    data[4096 * 3 : 4096 * 12] = b"\xff" * (4096 * 9)
    (full.folder / "study.db").write_bytes(data)
    with pytest.raises(StoreError, match=r"(is damaged|cannot be copied)"):
        backups.backup(full.folder, tmp_path / "kept")
    assert {path.name for path in tmp_path.iterdir()} == {"study"}


def test_damaged_weights_do_not_keep_the_judgments_from_being_backed_up(full: Database, tmp_path: Path) -> None:
    (full.folder / "models" / "policy-1" / "card.json").write_text("other")
    made = backups.backup(full.folder, tmp_path / "kept")
    assert made.damaged == ["models/policy-1/card.json"]
    assert backups.restore(tmp_path / "kept", tmp_path / "back").damaged == made.damaged


def test_too_little_space_is_told_before_anything_is_written(
    full: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backups.backup(full.folder, tmp_path / "kept")
    monkeypatch.setattr(study_folder, "SPARE_BYTES", 10**18)
    with pytest.raises(StoreUnavailable, match="too little space for the backup"):
        backups.backup(full.folder, tmp_path / "another")
    with pytest.raises(StoreUnavailable, match="too little space for the restored study"):
        backups.restore(tmp_path / "kept", tmp_path / "back")
    assert {path.name for path in tmp_path.iterdir()} == {"study", "kept"}


def test_the_wait_for_a_locked_database_is_bounded_and_reported(
    full: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full.checkpoint()
    full.close()
    holder = sqlite3.connect(full.folder / "study.db", isolation_level=None)
    holder.execute("PRAGMA journal_mode = DELETE").fetchall()  # with WAL nobody keeps a reader waiting
    holder.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr(database, "BUSY_TIMEOUT_SECONDS", 0.1)
    with pytest.raises(StoreUnavailable, match="locked"):
        backups.backup(full.folder, tmp_path / "kept")
    holder.close()
    assert {path.name for path in tmp_path.iterdir()} == {"study"}


@pytest.mark.parametrize("act", ["backup", "restore"])
def test_a_disk_that_fails_half_way_leaves_nothing_behind(
    full: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    backups.backup(full.folder, tmp_path / "kept")
    copy = whole_folder.copy

    def fail_at_the_weights(source: Path, target: Path, *rest: Callable[[int], None]) -> str:
        if source.suffix == ".safetensors":
            raise OSError(28, "No space left on device")
        return copy(source, target, *rest)

    monkeypatch.setattr(whole_folder, "copy", fail_at_the_weights)
    source = full.folder if act == "backup" else tmp_path / "kept"
    with pytest.raises(OSError, match="No space left"):
        getattr(backups, act)(source, tmp_path / "another")
    assert {path.name for path in tmp_path.iterdir()} == {"study", "kept"}


KILLED = """
import os, signal, sys
from feedback_store import backups, whole_folder
sync = whole_folder.sync
whole_folder.sync = lambda path: os.kill(os.getpid(), signal.SIGKILL) if path.name == sys.argv[2] else sync(path)
getattr(backups, sys.argv[1])(*sys.argv[3:])
"""


@pytest.mark.parametrize("act", ["backup", "restore"])
def test_one_that_is_killed_leaves_nothing_under_its_name_and_can_be_made_again(
    full: Database, tmp_path: Path, act: str
) -> None:
    backups.backup(full.folder, tmp_path / "kept")
    source = full.folder if act == "backup" else tmp_path / "kept"
    words = [sys.executable, "-c", KILLED, act, "weights.safetensors", str(source), str(tmp_path / "another")]
    assert subprocess.run(words, cwd=REPOSITORY).returncode == -signal.SIGKILL
    (left,) = (path.name for path in tmp_path.iterdir() if path.name not in ("study", "kept"))
    assert left.startswith(".writing-another-")
    getattr(backups, act)(source, tmp_path / "another")
    assert HELD - {"manifest.json"} <= names_below(tmp_path / "another")


def test_progress_goes_from_nothing_to_all(full: Database, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []

    def note(name: str, done: int, total: int) -> None:
        seen.append((name, done, total))

    backups.backup(full.folder, tmp_path / "kept", on_progress=note)
    backups.restore(tmp_path / "kept", tmp_path / "back", on_progress=note)
    assert {name for name, _, _ in seen} == HELD - {"manifest.json"}
    restored = seen[len(seen) - [done for _, done, _ in reversed(seen)].index(0) - 1 :]
    assert [done for _, done, _ in restored] == sorted(done for _, done, _ in restored)
    assert restored[-1][1] == restored[-1][2]
