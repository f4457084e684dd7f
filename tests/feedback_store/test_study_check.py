"""What `check` finds: every harm by its place and what to do, and nothing in a sound study."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from feedback_store import (
    annotators,
    content_check,
    database,
    erasure,
    exchange,
    judgments,
    policies,
    pseudonyms,
    reward_models,
    runs,
    study_check,
    study_folder,
    study_settings,
    throttles,
)
from feedback_store.database import Database
from feedback_store.errors import StudyNotFound
from feedback_store.sqlite import sqlite3
from feedback_store.study_check import Finding

NOW = "2026-11-23T10:00:00.000Z"


def write_weights(study: Path, name: str, run_id: int) -> str:
    """A folder of weights as the loop writes it; returns the sha256 of its manifest."""
    folder = study / "models" / name
    (folder / "adapter").mkdir(parents=True)
    (folder / "adapter" / "weights.safetensors").write_bytes(b"weights of " + name.encode())
    (folder / "card.json").write_text(json.dumps({"run_id": run_id}))
    files = [path for path in folder.rglob("*") if path.is_file()]
    sums = {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    (folder / "manifest.json").write_text(json.dumps({"sha256": sums}))
    return hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()


def claim(db: Database, kind: str) -> runs.Lease:
    runs.enqueue(db, kind, {}, now=NOW)
    lease = runs.claim(db, "worker", lease_seconds=600, now=NOW)
    assert lease is not None
    (db.folder / "runs" / str(lease.run_id)).mkdir()
    return lease


@pytest.fixture
def sound(db: Database, compare: Callable, judge: Callable, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A study with a judgment, a reward model, a policy, and one run under way."""
    monkeypatch.setattr(study_folder, "MEMORY", frozenset())  # wherever the tests run
    base = policies.add_base(
        db, source="tiny:", sha256="a" * 64, tokenizer_sha256="b" * 64, template_sha256="c" * 64, now=NOW
    )
    judge(db, compare(db, 2)[0], [1, 2])
    judge(db, 2, None, skipped="unclear")
    judge(db, 2, [2, 1])
    judgments.undo(db, 1, "undo-1")
    lease = claim(db, "train-reward")
    reward_models.publish(
        db, lease, folder="models/reward-1", base_sha256="a" * 64,
        manifest_sha256=write_weights(db.folder, "reward-1", lease.run_id), metrics={}, now=NOW,
    )  # fmt: skip
    lease = claim(db, "train-policy")
    policies.publish(
        db, lease, parent_id=base.id, folder="models/policy-1", base_sha256="a" * 64,
        manifest_sha256=write_weights(db.folder, "policy-1", lease.run_id), metrics={}, now=NOW,
    )  # fmt: skip
    claim(db, "sample")
    return db


def found(db: Database) -> list[Finding]:
    return study_check.check(db.folder, now=NOW)


def the_only(db: Database, *, fault: bool, what: str, where: str) -> None:
    """There is one finding: this one, and it says what to do."""
    (finding,) = found(db)
    assert finding.fault is fault
    assert what in finding.what
    assert finding.where == where
    assert finding.advice


def test_a_sound_study_has_nothing_to_be_found(sound: Database) -> None:
    assert found(sound) == []


def test_a_study_can_be_checked_while_it_is_used_and_is_not_changed(sound: Database) -> None:
    with sound.transaction():
        before = {path: path.stat().st_mtime_ns for path in sound.folder.rglob("*") if path.suffix != ".db-shm"}
        assert found(sound) == []
        assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_folder_without_a_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyNotFound, match="No study in"):
        study_check.check(tmp_path)


@pytest.mark.parametrize(
    ("harm", "what", "where"),
    [
        (lambda models: shutil.rmtree(models / "policy-1"), "weights of policy-1 are missing", "models/policy-1"),
        (
            lambda models: (models / "reward-1" / "adapter" / "weights.safetensors").write_bytes(b"other"),
            "differs from its sha256", "models/reward-1/adapter/weights.safetensors",
        ),
        (
            lambda models: (models / "policy-1" / "card.json").unlink(),
            "is missing", "models/policy-1/card.json",
        ),
        (
            lambda models: (models / "policy-1" / "more").write_text(""),
            "the manifest does not name", "models/policy-1/more",
        ),
        (lambda models: (models / "policy-1" / "manifest.json").unlink(), "have no manifest.json", "models/policy-1"),
        (
            lambda models: (models / "policy-1" / "manifest.json").write_text(
                (models / "policy-1" / "manifest.json").read_text() + "\n"
            ),
            "not the one that was published", "models/policy-1/manifest.json",
        ),
    ],
    ids=["folder", "flipped", "missing", "added", "manifest", "other manifest"],
)  # fmt: skip
def test_harm_to_weights_is_found(sound: Database, harm: Callable[[Path], object], what: str, where: str) -> None:
    harm(sound.folder / "models")
    the_only(sound, fault=True, what=what, where=where)


def test_a_base_that_the_study_keeps_is_checked_too(sound: Database) -> None:
    write_weights(sound.folder, "base", 0)
    sound.execute("UPDATE policies SET source = 'models/base' WHERE kind = 'base'")
    assert found(sound) == []
    (sound.folder / "models" / "base" / "card.json").write_text("other")
    the_only(sound, fault=True, what="differs from its sha256", where="models/base/card.json")


def test_weights_that_no_row_knows_are_no_fault(sound: Database) -> None:
    write_weights(sound.folder, "policy-2", 2)
    the_only(sound, fault=False, what="No row knows these weights", where="models/policy-2")


def test_weights_on_their_way_to_their_row_are_left_in_peace(sound: Database) -> None:
    write_weights(sound.folder, "policy-2", 3)
    assert found(sound) == []


def test_counts_that_are_not_those_of_the_judgments_are_found(sound: Database) -> None:
    sound.execute("UPDATE comparisons SET answers = 7 WHERE id = 1")
    the_only(sound, fault=True, what="7 answers (1 decided); there are 1 (1)", where="study.db, comparisons 1")
    sound.execute("UPDATE comparisons SET answers = 1, decided = 0 WHERE id = 1")
    the_only(sound, fault=True, what="1 answers (0 decided)", where="study.db, comparisons 1")
    sound.execute("UPDATE comparisons SET decided = 1 WHERE id = 1")
    sound.execute("UPDATE tallies SET answers = answers + 1")
    the_only(sound, fault=True, what="tally of round 1, train, training", where="study.db, tallies")
    sound.execute("UPDATE tallies SET answers = answers - 1")
    sound.execute("UPDATE work_days SET answers = answers + 1")
    the_only(sound, fault=True, what="answers of annotator 1 on ", where="study.db, work_days")


def test_rows_that_point_nowhere_are_found(sound: Database) -> None:
    sound.close()
    other = sqlite3.connect(sound.folder / "study.db", isolation_level=None)  # without foreign keys
    other.execute("INSERT INTO run_logs (id, run_id, at, text) VALUES (5, 99, '', '')")
    other.close()
    the_only(sound, fault=True, what="run_logs points to a row of runs", where="study.db, run_logs 5")


def test_a_damaged_database_is_found(sound: Database) -> None:
    sound.checkpoint()
    sound.close()
    data = bytearray((sound.folder / "study.db").read_bytes())
    data[4096 * 20 : 4096 * 30] = b"\xff" * (4096 * 10)
    (sound.folder / "study.db").write_bytes(data)
    findings = found(sound)
    assert findings
    assert all(one.fault and one.where == "study.db" and "backup" in one.advice for one in findings)


def test_a_file_that_is_no_database_is_found(tmp_path: Path) -> None:
    (tmp_path / "study.db").write_bytes(b"no database at all " * 500)
    findings = study_check.check(tmp_path)
    assert findings[0].fault
    assert "cannot be read" in findings[0].what


def test_an_emptied_database_is_a_fault(sound: Database) -> None:
    sound.close()
    (sound.folder / "study.db").write_bytes(b"")
    the_only(sound, fault=True, what="holds no study: it was emptied", where="study.db")
    assert (sound.folder / "study.db").read_bytes() == b""


def test_a_database_that_is_locked_is_a_finding(sound: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_SECONDS", 0.1)
    sound.close()
    holder = sqlite3.connect(sound.folder / "study.db", isolation_level=None)
    holder.execute("PRAGMA journal_mode = DELETE").fetchall()  # with WAL nobody keeps a reader waiting
    holder.execute("BEGIN EXCLUSIVE")
    the_only(sound, fault=True, what="could not be checked: Another process kept", where="study.db")
    holder.close()


def test_a_study_in_a_folder_that_must_not_be_written_can_be_checked(
    sound: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound.close()
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    before = {path.name for path in sound.folder.iterdir()}
    assert found(sound) == []
    assert {path.name for path in sound.folder.iterdir()} == before, "nothing was written beside it"


def past_the_trigger(db: Database, statement: str) -> None:
    """Change rows that can only be added to, and leave no other trace."""
    kept = db.value("SELECT sql FROM sqlite_master WHERE name = 'judgments_no_update'")
    db.execute("DROP TRIGGER judgments_no_update")
    db.execute(statement)
    db.execute(kept)


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("UPDATE judgments SET ranks = '[2,1]' WHERE id = 1", "judgments 1"),
        ("UPDATE judgments SET rationale = 'never said' WHERE id = 2", "judgments 2"),
        ("UPDATE judgments SET annotator_id = 2 WHERE id = 3", "judgments 3"),
        ("UPDATE judgments SET milliseconds = 7 WHERE id = 4", "judgments 4"),
        ("UPDATE prompts SET messages = replace(messages, 'prompt 0', 'prompt O') WHERE id = 1", "prompts 1"),
    ],
)
def test_a_row_that_is_not_what_was_stored_is_found(sound: Database, statement: str, where: str) -> None:
    annotators.ensure(sound, "bob")
    past_the_trigger(sound, statement)
    (finding,) = (one for one in found(sound) if "sha256" in one.what)
    assert (finding.fault, finding.where) == (True, f"study.db, {where}")
    assert "backup" in finding.advice


def test_rows_are_held_against_their_hash_a_batch_at_a_time(sound: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content_check, "BATCH", 1)
    assert found(sound) == []
    past_the_trigger(sound, "UPDATE judgments SET strength = 3 WHERE id IN (2, 4)")
    assert list(content_check.changed_judgments(sound)) == [2, 4]


def test_every_field_that_an_answer_can_have_is_in_order(
    sound: Database, compare: Callable, judge: Callable, tmp_path: Path
) -> None:
    many: dict = {
        "strength": 2, "rationale": "na\u00efve \u6a21", "criteria": {"tone": [1, 2.5]}, "milliseconds": 30,
        "improved": {"position": 0, "text": "better"}, "input_device": "keyboard", "view": "raw", "at": NOW,
        "extra": {"deep": {"b": 1, "a": 1e-7}}, "signals": {"scrolled": [0.5, 1]},
        "asked_id": study_settings.put(sound, "asked", {"mode": "keys"}) or 1,
    }  # fmt: skip
    judge(sound, compare(sound, first=7)[0], [1, 1], both_bad=True, **many)
    exchange.export(sound, "comparisons", tmp_path / "out")
    with Database.create(tmp_path / "other") as other:
        exchange.import_file(other, tmp_path / "out" / "comparisons.jsonl", "comparisons")
        assert (judgments.count(other, skips=True) > 0, study_check.check(other.folder)) == (True, [])
    assert found(sound) == []


def test_an_erasure_is_no_harm(sound: Database, compare: Callable, judge: Callable) -> None:
    judge(sound, compare(sound, first=8)[0], [1, 2], rationale="because", name="bob")
    erasure.erase(sound, annotators.ensure(sound, "bob").id, by="test", reason="asked")
    assert sound.value("SELECT COUNT(*) FROM judgments WHERE rationale IS NOT NULL") == 0
    assert found(sound) == []


@pytest.mark.parametrize(
    ("statement", "what", "where"),
    [
        ("DROP TRIGGER judgments_no_update", "is missing", "trigger judgments_no_update"),
        ("DROP INDEX judgments_by_comparison", "is missing", "index judgments_by_comparison"),
        ("DROP VIEW sealed_completions", "is missing", "view sealed_completions"),
        (
            "CREATE TRIGGER ignored BEFORE INSERT ON flags BEGIN SELECT RAISE(IGNORE); END",
            "none of this program's", "trigger ignored",
        ),
        (
            "DROP TRIGGER audit_no_delete; CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT 1; END",
            "not as this program makes it", "trigger audit_no_delete",
        ),
    ],
)  # fmt: skip
def test_guards_that_are_not_those_of_a_new_study_are_found(
    sound: Database, statement: str, what: str, where: str
) -> None:
    sound.connection().executescript(statement)
    the_only(sound, fault=True, what=what, where=f"study.db, {where}")


def test_an_index_that_somebody_added_is_no_fault(sound: Database) -> None:
    sound.execute("CREATE INDEX mine ON prompts (language)")
    the_only(sound, fault=False, what="none of this program's", where="study.db, index mine")


def test_a_key_that_is_missing_damaged_or_another_is_found(sound: Database) -> None:
    path = sound.folder / "secret.key"
    first = pseudonyms.secret_key(sound)
    assert first.hex() not in json.dumps(study_settings.all(sound))
    assert found(sound) == []
    path.unlink()
    the_only(sound, fault=True, what="key of the pseudonyms is missing", where="secret.key")
    path.write_text("zz")
    path.chmod(0o600)
    the_only(sound, fault=True, what="is damaged", where="secret.key")
    path.unlink()
    assert pseudonyms.secret_key(sound) != first
    the_only(sound, fault=True, what="not the one that the study began with", where="secret.key")
    path.write_text(first.hex())
    assert found(sound) == []


def test_a_key_of_before_keys_were_marked_is_missed_where_names_are_counted_by_it(sound: Database) -> None:
    (sound.folder / "secret.key").write_text("ab" * pseudonyms.KEY_BYTES)
    (sound.folder / "secret.key").chmod(0o600)
    with Database.open(sound.folder, readonly=True) as reader:
        pseudonyms.secret_key(reader)
    assert study_settings.get(sound, pseudonyms.MARK) is None, "a reader marks nothing"
    assert found(sound) == []
    key = throttles._key(sound, throttles.of_account("ann"))
    assert study_settings.get(sound, pseudonyms.MARK) == pseudonyms.mark_of(bytes.fromhex("ab" * 32))
    past_settings = "DROP TRIGGER study_settings_no_delete; DELETE FROM study_settings WHERE name = 'secret_key_mark'"
    kept = sound.value("SELECT sql FROM sqlite_master WHERE name = 'study_settings_no_delete'")
    sound.connection().executescript(f"{past_settings}; {kept}")
    sound.execute("INSERT INTO throttles (subject, failures, last_at) VALUES (?, 1, ?)", [key, NOW])
    (sound.folder / "secret.key").unlink()
    the_only(sound, fault=True, what="key of the pseudonyms is missing", where="secret.key")


def test_a_file_name_that_is_no_utf_8_can_be_printed(sound: Database) -> None:
    (sound.folder / "models" / "policy-1" / os.fsdecode(b"x\xe9")).write_text("")
    the_only(sound, fault=True, what="the manifest does not name", where="models/policy-1/x\\udce9")


def test_a_newer_and_an_older_schema_are_told(sound: Database) -> None:
    sound.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('feedback_store','m9','')")
    the_only(sound, fault=True, what="written by a newer version", where="study.db")
    sound.execute("DELETE FROM _sqlite_migrations WHERE name <> 'm001_initial'")
    the_only(sound, fault=True, what="written by an older version", where="study.db")


def test_what_runs_and_killed_writers_leave_is_told(sound: Database) -> None:
    for name in ("runs/99", "runs/1/checkpoints", "models/.writing-policy-2-12", "runs/3/checkpoints/.writing-step-1"):
        (sound.folder / name).mkdir(parents=True)
    told = {(one.where, one.fault) for one in found(sound)}
    names = ("runs/99", "runs/1/checkpoints", "models/.writing-policy-2-12", "runs/3/checkpoints/.writing-step-1")
    assert told == {(name, False) for name in names}


def test_checkpoints_of_a_cancelled_run_are_no_leftovers_for_it_may_be_gone_on_from(sound: Database) -> None:
    (sound.folder / "runs/1/checkpoints").mkdir(parents=True)
    assert "runs/1/checkpoints" in {one.where for one in found(sound)}
    sound.execute("UPDATE runs SET status = 'cancelled' WHERE id = 1")
    assert "runs/1/checkpoints" not in {one.where for one in found(sound)}


def test_a_run_whose_worker_is_gone_is_told(sound: Database) -> None:
    (finding,) = study_check.check(sound.folder, now="2026-11-23T10:10:00.000Z")
    assert (finding.fault, finding.where) == (False, "runs/3")
    assert "serve" in finding.advice


def test_a_log_that_grew_long_and_a_folder_open_to_others_are_told(
    sound: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_check, "TRUNCATE_WAL_BYTES", 1000)
    sound.folder.chmod(0o755)
    log, place = found(sound)
    assert (log.fault, log.where, "MB long" in log.what or "kB long" in log.what) == (False, "study.db-wal", True)
    assert (place.fault, place.where, place.advice) == (False, ".", "`chmod 700` closes the folder to them.")


def test_faults_come_first(sound: Database) -> None:
    sound.folder.chmod(0o755)
    (sound.folder / "models" / "policy-1" / "more").write_text("")
    assert [one.fault for one in found(sound)] == [True, False]
