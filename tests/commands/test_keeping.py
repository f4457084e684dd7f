"""`backup`, `restore` and `check` as people and programs meet them."""

import shutil

import pytest

from feedback_store import study_folder
from feedback_store.database import Database


@pytest.fixture(autouse=True)
def _wherever_the_tests_run(monkeypatch):
    monkeypatch.setattr(study_folder, "MEMORY", frozenset())


def test_a_study_goes_into_a_backup_and_comes_back(tastemaker, study, tmp_path):
    made = tastemaker("backup", study, tmp_path / "kept", "--json").json
    assert (made["judgments"], made["files"], made["damaged"]) == (0, 1, [])
    assert tastemaker("restore", tmp_path / "kept", tmp_path / "back", "--json").json["made_at"] == made["made_at"]
    assert tastemaker("check", tmp_path / "back").out == "Sound.\n"
    with Database.open(study) as before, Database.open(tmp_path / "back") as after:
        assert after.rows("SELECT * FROM prompts") == before.rows("SELECT * FROM prompts") != []


def test_people_are_told_in_a_sentence(tastemaker, study, tmp_path):
    assert tastemaker("backup", study, tmp_path / "kept").out.startswith(f"Wrote {tmp_path / 'kept'}: 0 judgments, 1 ")
    restored = tastemaker("restore", tmp_path / "kept", tmp_path / "back")
    assert restored.out.startswith(f"Restored {tmp_path / 'back'} as it was at 2")
    assert restored.err.startswith("What was revoked, disabled, withdrawn or erased after 2")


def test_what_cannot_be_done_is_one_line(refused, tastemaker, study, tmp_path):
    assert "No study" in refused("backup", tmp_path / "nowhere", tmp_path / "kept")
    assert "not an empty folder" in refused("backup", study, study)
    assert "is no backup" in refused("restore", study, tmp_path / "back")
    (tmp_path / "emptied").mkdir()
    (tmp_path / "emptied" / "models").mkdir()
    (tmp_path / "emptied" / "study.db").write_bytes(b"")
    assert "holds no study: it was emptied" in refused(
        "export", tmp_path / "emptied", "--format", "trl", "--to", tmp_path / "out"
    )
    assert "No study" in refused("check", tmp_path / "nowhere")
    tastemaker("backup", study, tmp_path / "kept")
    assert "already holds a study" in refused("restore", tmp_path / "kept", study)
    (tmp_path / "kept" / "study.db").chmod(0o600)
    (tmp_path / "kept" / "study.db").write_bytes(b"other")
    assert "kept/study.db differs from its sha256" in refused("restore", tmp_path / "kept", tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_check_says_what_is_wrong_and_what_to_do(tastemaker, study):
    assert (tastemaker("check", study).code, tastemaker("check", study, "--json").json) == (
        0,
        {"sound": True, "findings": []},
    )
    study.chmod(0o755)
    note = tastemaker("check", study)
    assert (note.code, note.out.startswith("--  .: Others on this machine")) == (0, True)
    with Database.open(study) as db:
        db.execute("DROP TABLE run_logs")
        db.execute("DROP INDEX runs_by_kind")
        db.execute("DELETE FROM _sqlite_migrations WHERE name <> 'm001_initial'")
    wrong = tastemaker("check", study)
    assert wrong.code == 1
    assert wrong.out.startswith("!!  study.db: ")
    assert wrong.out.endswith("Not sound: see the lines that begin with !!\n")
    assert tastemaker("check", study, "--json").code == 1
    assert tastemaker("check", study, "--json").json["sound"] is False


def test_damaged_weights_are_told_of_while_the_backup_is_made(tastemaker, study, tmp_path):
    (study / "models" / "policy-1").mkdir()
    (study / "models" / "policy-1" / "manifest.json").write_text('{"sha256": {"weights": "0"}}')
    made = tastemaker("backup", study, tmp_path / "kept")
    assert made.code == 0
    assert "models/policy-1/weights is damaged" in made.err
    shutil.rmtree(study)


def test_a_backup_tells_which_runs_checkpoints_it_leaves_behind(tastemaker, study, tmp_path):
    assert "checkpoints" not in tastemaker("backup", study, tmp_path / "without").err
    for run, step in ((11, 4), (2, 1), (2, 2)):
        (study / "runs" / str(run) / "checkpoints" / f"step-{step}").mkdir(parents=True)
    made = tastemaker("backup", study, tmp_path / "kept")
    assert made.code == 0
    assert "checkpoints (here those of run 2, 11)" in made.err
    assert not list((tmp_path / "kept").rglob("step-*"))
    shutil.rmtree(study)


def test_a_bar_shows_how_far_it_is_on_a_terminal_only(tastemaker, study, tmp_path, monkeypatch):
    assert tastemaker("backup", study, tmp_path / "one").err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert tastemaker("backup", study, tmp_path / "two", "--json").err == ""
    assert "Backing up" in tastemaker("backup", study, tmp_path / "three").err
