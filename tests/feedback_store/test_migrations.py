"""Studies of every released version open in this one, losing nothing; a crash inside a migration leaves old or new."""

import gzip
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from feedback_store import canonical, exchange, migrations, schema_version, sqlite
from feedback_store.database import FILE_NAME, Database
from feedback_store.errors import StoreError, StudyTooNew

STUDIES = Path(__file__).parent / "studies"
RELEASED = sorted(path.name.removesuffix(".db.gz") for path in STUDIES.glob("*.db.gz"))
# What every version had; a row has to come through with the values that it had.
OLD_TABLES = ("prompts", "policies", "completions", "comparisons", "candidates", "judgments", "annotators", "runs")


def unpacked(name: str, folder: Path) -> Path:
    folder.mkdir()
    with gzip.open(STUDIES / f"{name}.db.gz") as packed, (folder / FILE_NAME).open("wb") as file:
        shutil.copyfileobj(packed, file)
    return folder


def rows_of(path: Path, table: str) -> list[dict[str, object]]:
    connection = sqlite.sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        cursor = connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    finally:
        connection.close()


@pytest.mark.parametrize("name", RELEASED)
def test_a_study_of_a_released_version_keeps_every_row(name: str, tmp_path: Path) -> None:
    folder = unpacked(name, tmp_path / "study")
    before = {table: rows_of(folder / FILE_NAME, table) for table in OLD_TABLES}
    with Database.open(folder) as db:
        assert db.value("PRAGMA integrity_check") == "ok"
        assert db.rows("PRAGMA foreign_key_check") == []
    for table, rows in before.items():
        now = rows_of(folder / FILE_NAME, table)
        assert [{key: new[key] for key in old} for old, new in zip(rows, now, strict=True)] == rows, table


@pytest.mark.parametrize("name", RELEASED)
def test_what_people_said_comes_out_as_the_old_version_wrote_it(name: str, tmp_path: Path) -> None:
    with Database.open(unpacked(name, tmp_path / "study")) as db:
        exchange.export(db, "comparisons", tmp_path / "out")
    now = [canonical.loads(line) for line in (tmp_path / "out" / "comparisons.jsonl").read_text().splitlines()]
    old = [canonical.loads(line) for line in (STUDIES / f"{name}.comparisons.jsonl").read_text().splitlines()]
    for before, after in zip(old, now, strict=True):
        said = before.pop("judgments"), after.pop("judgments")
        assert {key: after[key] for key in before} == before
        assert [{key: new[key] for key in one} for one, new in zip(*said, strict=True)] == said[0]


@pytest.mark.parametrize("name", RELEASED)
def test_an_old_study_is_copied_before_it_is_changed(name: str, tmp_path: Path) -> None:
    folder = unpacked(name, tmp_path / "study")
    judged = rows_of(folder / FILE_NAME, "judgments")
    Database.open(folder).close()
    kept = folder / "backups" / f"before-{schema_version.STEP_NAMES[-1]}.db"
    assert rows_of(kept, "judgments") == judged
    assert [row["name"] for row in rows_of(kept, "_sqlite_migrations")] == ["m001_initial"]
    assert list((folder / "backups").iterdir()) == [kept]
    Database.open(folder).close()
    assert list((folder / "backups").iterdir()) == [kept], "an up-to-date study is not copied again"


def test_a_new_study_needs_no_copy(db: Database) -> None:
    assert list((db.folder / "backups").iterdir()) == []


@pytest.mark.parametrize("name", RELEASED)
def test_the_counts_of_an_old_study_are_those_of_its_rows(name: str, tmp_path: Path) -> None:
    with Database.open(unpacked(name, tmp_path / "study")) as db:
        counted = db.rows(
            "SELECT COALESCE(round_id, 0) AS round_id, split, purpose, COUNT(*) AS comparisons,"
            " SUM(answers >= overlap) AS judged, SUM(answers) AS answers, SUM(decided) AS decided"
            " FROM comparisons WHERE withdrawn = 0 GROUP BY 1, 2, 3"
        )
        assert counted
        assert db.rows("SELECT * FROM tallies") == counted
        assert db.value("SELECT COUNT(*) FROM comparisons WHERE split IS NULL OR language IS NULL") == 0


KILLED_AT = len(migrations.schema_full_record.STATEMENTS)


@pytest.mark.parametrize("after", [0, 1, KILLED_AT // 2, KILLED_AT - 1])
def test_kill_9_inside_a_migration_leaves_the_old_schema(after: int, tmp_path: Path) -> None:
    folder = unpacked(RELEASED[0], tmp_path / "study")
    program = f"""
import os, signal
from feedback_store import schema_full_record
from feedback_store.database import Database

class Deadly(list):
    def __iter__(self):
        for number, statement in enumerate(list.__iter__(self)):
            if number == {after}:
                os.kill(os.getpid(), signal.SIGKILL)
            yield statement

schema_full_record.STATEMENTS = Deadly(schema_full_record.STATEMENTS)
Database.open({str(folder)!r})
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert [row["name"] for row in rows_of(folder / FILE_NAME, "_sqlite_migrations")] == ["m001_initial"]
    assert "guidelines" not in {row["name"] for row in rows_of(folder / FILE_NAME, "sqlite_master")}
    with Database.open(folder) as db:  # and the next start brings it up to date
        assert db.value("SELECT COUNT(*) FROM judgments") == 9
        assert db.value("PRAGMA integrity_check") == "ok"


def test_a_study_of_a_newer_version_is_refused_in_words(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    with Database.create(folder) as db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES (?, 'm999_later', '2030')",
            [schema_version.MIGRATION_SET],
        )
    with pytest.raises(StudyTooNew, match=r"newer version.*m999_later.*Install the newer version"):
        Database.open(folder)


@pytest.mark.parametrize("name", RELEASED)
def test_an_old_study_opened_read_only_says_what_to_do(name: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"older version\. Open it once for writing"):
        Database.open(unpacked(name, tmp_path / "study"), readonly=True)
