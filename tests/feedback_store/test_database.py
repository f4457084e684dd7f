"""The study's file: its schema, its guards, and its use by many threads."""

import os
import signal
import sqlite3 as plain_sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlite_utils.utils

from feedback_store import annotators, database, migrations, schema_version, study_settings
from feedback_store.database import Database, corrupts_wal
from feedback_store.errors import StoreError, StoreUnavailable, StudyExists, StudyNotFound, StudyTooNew
from feedback_store.sqlite import sqlite3

REPOSITORY = Path(__file__).parents[2]
TABLES = {
    "accounts", "annotators", "api_tokens", "assignments", "audit", "candidates", "comparisons", "completions",
    "consents", "criteria", "erasures", "evaluation_judgments", "evaluation_pairs", "evaluation_sides",
    "evaluations", "exclusions", "feature_sets", "flags", "guidelines", "import_items", "import_rows", "imports",
    "information_texts", "invitations", "judgments", "policies", "policy_pairs", "prompts", "qualifications",
    "reward_models", "rounds", "run_dependencies", "run_judgments", "run_logs", "run_metrics", "runs", "sessions",
    "study_settings", "tallies", "text_features", "throttles", "withdrawn_judgments", "work_days",
}  # fmt: skip


def test_a_study_is_a_private_folder_with_its_sub_folders(db: Database) -> None:
    assert stat.S_IMODE(db.folder.stat().st_mode) == 0o700
    assert {path.name for path in db.folder.iterdir() if path.is_dir()} == {"models", "runs", "exports", "backups"}


def test_every_table_is_strict(db: Database) -> None:
    tables = {row["name"]: row["strict"] for row in db.rows("PRAGMA table_list") if row["schema"] == "main"}
    assert {name for name, strict in tables.items() if strict} == TABLES


def test_commits_are_synced_and_the_log_is_not_folded_back_inside_them(db: Database) -> None:
    settings = ("journal_mode", "synchronous", "foreign_keys", "wal_autocheckpoint", "recursive_triggers")
    assert [db.value(f"PRAGMA {name}") for name in settings] == ["wal", 2, 1, 0, 1]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE judgments SET rationale = 'x'",
        "DELETE FROM judgments",
        "INSERT OR REPLACE INTO judgments SELECT * FROM judgments",
    ],
)
def test_judgments_can_only_be_added_to(db: Database, compare: Callable, judge: Callable, statement: str) -> None:
    judge(db, compare(db)[0], [1, 2])
    with pytest.raises(sqlite3.IntegrityError, match="judgments can only be added to"):
        db.execute(statement)


@pytest.mark.parametrize("statement", ["UPDATE study_settings SET value = '1'", "DELETE FROM study_settings"])
def test_study_settings_can_only_be_added_to(db: Database, statement: str) -> None:
    study_settings.put(db, "study", {"seed": 0})
    with pytest.raises(sqlite3.IntegrityError, match="study_settings can only be added to"):
        db.execute(statement)


def test_settings_keep_their_history(db: Database) -> None:
    for value in (1, 2, 2, 3):
        study_settings.put(db, "overlap", value, by="ann")
    assert study_settings.get(db, "overlap") == 3
    assert [change.value for change in study_settings.history(db, "overlap")] == [1, 2, 3]
    assert study_settings.get(db, "unheard of", 7) == 7
    assert study_settings.all(db) == {"overlap": 3}


def test_every_value_of_a_setting_is_a_version_of_its_name(db: Database) -> None:
    assert study_settings.latest(db, "overlap") is None
    for value in (1, 1, 3):
        study_settings.put(db, "overlap", value, by="ann")
    study_settings.put(db, "asked", {"candidates": 4}, by="bob")
    first, last = study_settings.history(db, "overlap")
    assert study_settings.latest(db, "overlap") == last
    assert study_settings.version(db, "overlap", first.id) == first
    assert (first.value, first.set_by, last.value) == (1, "ann", 3)
    assert study_settings.version(db, "asked", first.id) is None, "a version of another name"
    assert study_settings.version(db, "overlap", 99) is None


def test_rows_that_point_nowhere_are_refused(db: Database) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        db.execute("INSERT INTO run_judgments VALUES (1, 1)")


def test_the_connections_of_threads_that_ended_do_not_pile_up(db: Database) -> None:
    for _ in range(20):
        thread = threading.Thread(target=db.connection)
        thread.start()
        thread.join()
    assert len(db._connections) <= 2


def test_eight_threads_share_a_database(db: Database) -> None:
    together = threading.Barrier(8)

    def work(worker: int) -> None:
        together.wait()
        for number in range(10):
            annotators.ensure(db, f"person {worker} {number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert len(annotators.listing(db)) == 80


def add_and_raise(db: Database, name: str) -> None:
    with db.transaction():
        annotators.ensure(db, name)
        raise RuntimeError


def test_an_inner_transaction_takes_back_only_its_own_writes(db: Database) -> None:
    with db.transaction():
        annotators.ensure(db, "outer")
        with pytest.raises(RuntimeError):
            add_and_raise(db, "inner")
        annotators.ensure(db, "after")
    assert [one.name for one in annotators.listing(db)] == ["outer", "after"]


def test_a_transaction_that_raises_stores_nothing(db: Database) -> None:
    with pytest.raises(RuntimeError):
        add_and_raise(db, "nobody")
    assert annotators.listing(db) == []


def test_a_missing_study_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(StudyNotFound, match=r"No study in .*there is no file study\.db"):
        Database.open(tmp_path)


def test_a_study_is_not_made_over_another(db: Database) -> None:
    with pytest.raises(StudyExists, match="already holds a study"):
        Database.create(db.folder)


def test_a_file_that_is_no_database_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "study.db").write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(StoreError, match="cannot be read as a study"):
        Database.open(tmp_path)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def drop_all(path: Path) -> None:
    path.unlink()
    with plain_sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 1")  # writes a page, and no table


def write_another_programs(path: Path) -> None:
    path.unlink()
    with plain_sqlite3.connect(path) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")


@pytest.mark.parametrize("harm", [empty, drop_all, write_another_programs])
@pytest.mark.parametrize("readonly", [False, True])
def test_nothing_is_built_over_a_file_that_was_emptied(
    db: Database, harm: Callable[[Path], None], readonly: bool
) -> None:
    annotators.ensure(db, "ann")
    db.checkpoint()
    db.close()
    harm(db.folder / "study.db")
    with pytest.raises(StoreError, match=r"study\.db holds no study: it was emptied.*Restore .* from a backup"):
        Database.open(db.folder, readonly=readonly)
    tables = plain_sqlite3.connect(db.folder / "study.db").execute("SELECT name FROM sqlite_master").fetchall()
    assert ("judgments",) not in tables


def test_the_log_beside_an_emptied_file_stays(db: Database) -> None:
    log = db.folder / "study.db-wal"
    annotators.ensure(db, "ann")
    held = log.read_bytes()
    db.close()
    empty(db.folder / "study.db")
    log.write_bytes(held)
    for readonly in (False, True):
        with pytest.raises(StoreError, match="holds no study"):
            Database.open(db.folder, readonly=readonly)
    assert log.read_bytes() == held


KILLED = """
import os, signal, sys
from feedback_store import schema_version
from feedback_store.database import Database
apply = schema_version.apply
def killed(connection):
    if sys.argv[2] == "after":
        apply(connection)
    os.kill(os.getpid(), signal.SIGKILL)
schema_version.apply = killed
Database.create(sys.argv[1])
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_study_whose_making_was_killed_is_completed(tmp_path: Path, when: str) -> None:
    folder = tmp_path / "study"
    ended = subprocess.run([sys.executable, "-c", KILLED, str(folder), when], cwd=REPOSITORY)
    assert ended.returncode == -signal.SIGKILL
    with pytest.raises(StoreError, match="holds no study"):
        Database.open(folder, readonly=True)
    with Database.open(folder) as db:
        annotators.ensure(db, "ann")
    assert (folder / "models").is_dir()


def test_a_study_that_is_taken_away_leaves_no_empty_one(db: Database) -> None:
    db.close()
    (db.folder / "study.db").rename(db.folder / "elsewhere.db")
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        annotators.ensure(db, "ann")
    assert not (db.folder / "study.db").exists()


def test_a_study_of_a_newer_version_is_refused(db: Database) -> None:
    db.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('feedback_store', 'm999_x', '')"
    )
    db.close()
    for readonly in (False, True):
        with pytest.raises(StudyTooNew, match=r"newer version .*m999_x"):
            Database.open(db.folder, readonly=readonly)


def test_a_read_only_study_reads_and_refuses_writes(db: Database) -> None:
    annotators.ensure(db, "ann")
    with Database.open(db.folder, readonly=True) as reader:
        assert [one.name for one in annotators.listing(reader)] == ["ann"]
        with pytest.raises(StoreUnavailable, match="read-only"):
            annotators.ensure(reader, "bob")


def test_a_lock_held_by_another_is_waited_for_and_then_said(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_SECONDS", 0.1)
    other = Database.open(db.folder)
    with db.transaction(), pytest.raises(StoreUnavailable, match="locked"):
        annotators.ensure(other, "ann")
    other.close()


def to_delete_mode(db: Database) -> sqlite3.Connection:
    """As a copy by other means may be; returns another program's connection to it."""
    db.close()
    other = sqlite3.connect(db.folder / "study.db", isolation_level=None)
    other.execute("PRAGMA journal_mode = DELETE").fetchall()
    return other


def test_a_study_that_is_locked_is_not_called_damaged(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_SECONDS", 0.1)
    other = to_delete_mode(db)
    other.execute("BEGIN")
    other.execute("SELECT COUNT(*) FROM judgments").fetchall()
    with pytest.raises(StoreUnavailable, match="locked"):
        Database.open(db.folder)
    other.close()


def test_a_study_that_must_not_be_written_is_not_called_damaged(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    to_delete_mode(db).close()
    address = database.address
    monkeypatch.setattr(database, "address", lambda path, readonly: address(path, readonly=True))
    with pytest.raises(StoreUnavailable, match=r"cannot be written.*`tastemaker restore` makes a study of a backup"):
        Database.open(db.folder)


def test_a_study_in_a_folder_that_must_not_be_written_can_be_read(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    annotators.ensure(db, "ann")
    assert "immutable" not in database.address(db.folder / "study.db", readonly=True)
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    assert "immutable" not in database.address(db.folder / "study.db", readonly=True), "its log holds the newest rows"
    db.close()
    assert not (db.folder / "study.db-wal").exists()
    with Database.open(db.folder, readonly=True) as reader:
        assert [one.name for one in annotators.listing(reader)] == ["ann"]
        assert not (db.folder / "study.db-shm").exists(), "nothing was written beside it"


def test_a_known_bad_sqlite_is_told_from_a_repaired_one() -> None:
    bad = [(3, 7, 0), (3, 44, 5), (3, 45, 0), (3, 50, 6), (3, 51, 2)]
    good = [(3, 6, 23), (3, 44, 6), (3, 50, 7), (3, 51, 3), (3, 53, 0)]
    assert [corrupts_wal(version) for version in bad + good] == [True] * 5 + [False] * 5


def test_a_known_bad_sqlite_falls_back_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "corrupts_wal", lambda version: True)
    with Database.create(tmp_path / "study") as db:
        assert db.value("PRAGMA journal_mode") == "delete"
        assert db.warning is not None
        assert "DELETE mode" in db.warning


def test_a_checkpoint_folds_the_log_back(db: Database) -> None:
    annotators.ensure(db, "ann")
    db.checkpoint()
    (copy := db.folder / "copy.db").write_bytes((db.folder / "study.db").read_bytes())
    assert plain_sqlite3.connect(copy).execute("SELECT name FROM annotators").fetchall() == [("ann",)]


@pytest.mark.timeout(30)
def test_a_checkpoint_waits_for_no_reader_even_where_the_log_is_long(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "TRUNCATE_WAL_BYTES", 0)
    monkeypatch.setattr(database, "BUSY_TIMEOUT_SECONDS", 40.0)  # longer than the test may take
    db.close()
    with Database.open(db.folder, readonly=True) as reader:
        reader.execute("BEGIN")
        assert annotators.listing(reader) == []
        annotators.ensure(db, "ann")
        db.checkpoint()
        assert db.value("PRAGMA busy_timeout") == 40_000
        assert (db.folder / "study.db-wal").stat().st_size > 0
        reader.execute("COMMIT")
    db.checkpoint()
    assert (db.folder / "study.db-wal").stat().st_size == 0


def test_closing_leaves_what_another_thread_is_doing_to_its_end(db: Database) -> None:
    counting = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) SELECT count(*) FROM n"
    under_way, enough = threading.Event(), threading.Event()
    counted: list[int] = []
    failed: list[BaseException] = []

    def count() -> None:
        try:
            while not enough.is_set():
                counted.append(db.value(counting))
                under_way.set()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert under_way.wait(20)
    for _ in range(100):
        db.close()
    enough.set()
    for thread in threads:
        thread.join()
    assert failed == []
    assert set(counted) == {300}


def test_a_closed_database_opens_again_on_use(db: Database) -> None:
    annotators.ensure(db, "ann")
    db.close()
    assert len(annotators.listing(db)) == 1


def test_the_store_uses_the_sqlite_that_sqlite_utils_picks() -> None:
    assert sqlite3 is sqlite_utils.utils.sqlite3


def test_every_migration_is_named_in_order() -> None:
    assert tuple(step.name for step in migrations.STEPS._migrations) == schema_version.STEP_NAMES


def test_opening_a_study_loads_neither_pandas_nor_torch(db: Database) -> None:
    code = (
        "import sys; from feedback_store.database import Database; Database.open(sys.argv[1]).close();"
        "from feedback_store import comparisons, exchange, frames, judgments, questions, runs;"
        "print({'pandas', 'torch', 'gradio', 'sqlite_utils'} & set(sys.modules))"
    )
    printed = subprocess.run([sys.executable, "-c", code, str(db.folder)], capture_output=True, text=True, check=True)
    assert printed.stdout == "set()\n"
