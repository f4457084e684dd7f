"""The large studies of the scale benchmark have the shape that the store itself would have given them."""

import pytest

from benchmarks import judging, large_study, scale
from benchmarks.setting import Setting
from feedback_store import comparisons, judgments, questions
from feedback_store.database import Database


@pytest.mark.parametrize("size", [0, 84])
def test_a_large_study_is_whole_and_has_its_pool(tmp_path, size):
    large_study.make(tmp_path / "study", size, seed=0)
    with Database.open(tmp_path / "study") as db:
        assert judging.faults(db) == []
        counts = comparisons.counts(db)
        assert (judgments.count(db, skips=True), counts.ready) == (size, large_study.POOL)
        assert judgments.count(db) == size - db.value(
            "SELECT COUNT(*) FROM live_judgments WHERE skipped IS NOT NULL"
        )  # by the tallies and by the rows
        assert len(questions.next_questions(db, 1, limit=3).questions) == 3
        days = db.value("SELECT SUM(answers) FROM work_days")
        assert (days or 0) == size


def test_a_study_is_made_once_for_each_size_and_seed(tmp_path, monkeypatch):
    large_study.copy(tmp_path, 20, 0, tmp_path / "one")
    monkeypatch.setattr(large_study, "make", None)
    large_study.copy(tmp_path, 20, 0, tmp_path / "two")
    assert [(tmp_path / name / "study.db").exists() for name in ("one", "two")] == [True, True]
    with pytest.raises(TypeError):
        large_study.copy(tmp_path, 20, 1, tmp_path / "three")


def test_what_people_wait_for_is_measured(tmp_path):
    row = scale.people(1_000, Setting(short=True, work=tmp_path))
    assert (row["judgments"], row["faults"]) == (200, [])
    for what in ("next", "submit"):
        assert row[what]["ratio_of_medians"] > 0
        assert row[what]["p50_ms"] <= row[what]["p95_ms"]
    assert set(row["counts"]) == {"comparisons.counts", "judgments.count", "loop_state"}


def test_exports_and_the_import_of_them_are_measured(tmp_path):
    row = scale.files(1_000, Setting(short=True, work=tmp_path))
    for name in ("export_comparisons", "export_trl", "import_comparisons"):
        assert row[name]["comparisons_a_second"] > 0
        assert row[name]["peak_megabytes"] >= row[name]["of_which_program"] > 0
    comparisons = row["export_comparisons"]["comparisons"]
    assert row["import_comparisons"]["counts"] == {"rows": comparisons, "added": comparisons, "problems": 0}
