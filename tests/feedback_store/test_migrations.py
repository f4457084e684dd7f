"""Studies of every released version open in this one, losing nothing; a crash inside a migration leaves old or new."""

import gzip
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from feedback_store import (
    accounts,
    annotators,
    canonical,
    consents,
    exchange,
    exclusions,
    guidelines,
    migrations,
    schema_version,
    sqlite,
    study_check,
    withdrawal,
)
from feedback_store.database import FILE_NAME, Database
from feedback_store.errors import StoreError, StudyTooNew
from feedback_store.provenance import Trained

STUDIES = Path(__file__).parent / "studies"
RELEASED = sorted(path.name.removesuffix(".db.gz") for path in STUDIES.glob("*.db.gz"))
# How many steps of the schema each had.
STEPS_OF = {"study-0.1.0": 1, "study-0.2.0": 2}


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


def tables_of(path: Path) -> list[str]:
    """The tables of a study, but those of SQLite and of the migrations themselves."""
    rows = rows_of(path, "sqlite_master")
    names = [str(row["name"]) for row in rows if row["type"] == "table"]
    return [name for name in names if not name.startswith(("sqlite_", "_sqlite_"))]


def steps_of(path: Path) -> list[object]:
    return [row["name"] for row in rows_of(path, "_sqlite_migrations")]


def test_every_step_that_was_released_has_its_study() -> None:
    assert list(STEPS_OF) == RELEASED
    assert max(STEPS_OF.values()) == len(schema_version.STEP_NAMES) - 6  # six steps come with the next release


@pytest.mark.parametrize("name", RELEASED)
def test_a_study_of_a_released_version_keeps_every_row(name: str, tmp_path: Path) -> None:
    folder = unpacked(name, tmp_path / "study")
    before = {table: rows_of(folder / FILE_NAME, table) for table in tables_of(folder / FILE_NAME)}
    assert all(before[table] for table in ("judgments", "comparisons", "runs", "annotators", "imports"))
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
    assert steps_of(kept) == list(schema_version.STEP_NAMES[: STEPS_OF[name]])
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
        assert db.rows("SELECT * FROM tallies WHERE comparisons > 0 ORDER BY 1, 2, 3") == counted
        assert db.value("SELECT COUNT(*) FROM comparisons WHERE split IS NULL OR language IS NULL") == 0


@pytest.mark.parametrize("name", RELEASED)
def test_an_old_study_is_sound_once_it_is_up_to_date(name: str, tmp_path: Path) -> None:
    with Database.open(unpacked(name, tmp_path / "study")) as db:
        kept = (
            policy["folder"] for policy in db.rows("SELECT folder FROM policies UNION SELECT folder FROM reward_models")
        )
        weights = {folder for folder in kept if folder}
        assert [one for one in study_check.check(db.folder) if one.fault and one.where not in weights] == []


@pytest.mark.parametrize("share", [0, 0.5, 1])
@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("study-0.1.0", migrations.schema_full_record),
        ("study-0.1.0", migrations.schema_people),
        ("study-0.2.0", migrations.schema_people),
        ("study-0.2.0", migrations.schema_policies),
        ("study-0.2.0", migrations.schema_features),
    ],
)
def test_kill_9_inside_a_migration_leaves_the_old_schema(
    name: str, module: ModuleType, share: float, tmp_path: Path
) -> None:
    folder = unpacked(name, tmp_path / "study")
    tables, judged = tables_of(folder / FILE_NAME), rows_of(folder / FILE_NAME, "judgments")
    program = f"""
import os, signal
import {module.__name__} as module
from feedback_store.database import Database

class Deadly(list):
    def __iter__(self):
        for number, statement in enumerate(list.__iter__(self)):
            if number == {int(share * (len(module.STATEMENTS) - 1))}:
                os.kill(os.getpid(), signal.SIGKILL)
            yield statement

module.STATEMENTS = Deadly(module.STATEMENTS)
Database.open({str(folder)!r})
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert steps_of(folder / FILE_NAME) == list(schema_version.STEP_NAMES[: STEPS_OF[name]])
    assert tables_of(folder / FILE_NAME) == tables
    with Database.open(folder) as db:  # and the next start brings it up to date
        assert db.value("SELECT COUNT(*) FROM judgments") == len(judged)
        assert db.value("PRAGMA integrity_check") == "ok"
    assert steps_of(folder / FILE_NAME) == list(schema_version.STEP_NAMES)


def test_what_an_old_study_knew_of_people_goes_on(tmp_path: Path) -> None:
    """The counts, rules and histories of 0.2.0 are read by today's code, and today's acts work on them."""
    with Database.open(unpacked("study-0.2.0", tmp_path / "study")) as db:
        ann, bo, cleo, dan = (annotators.get(db, number) for number in (1, 2, 3, 4))
        assert (ann.languages, bo.tags, bo.daily_quota) == (["en", "zh"], ["odd"], 20)
        assert (cleo.paused_at is not None, cleo.paused_why) == (True, None)
        assert dan.erased_at is not None
        assert [one.version for one in guidelines.listing(db)] == [1, 2, 1]
        assert consents.needed(db, ann.id) is None
        assert [one.annotator_id for one in exclusions.current(db)] == [cleo.id, None]
        assert not accounts.any_there(db)
        accounts.create(db, ann.id, "admin", "hash", by="test")
        assert annotators.answers(db, ann.id) == 4
        assert withdrawal.withdraw(db, ann.id, by="test").trained == Trained([1], ["reward-1"], [])
        assert db.value("SELECT COUNT(*) FROM judgments WHERE annotator_id = 1 AND rationale IS NOT NULL") == 0


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
