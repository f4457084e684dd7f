"""`tastemaker import` on a study that is served: nobody waits for it, and what it says is the same."""

import json

import pytest

import evaluation_studies
from feedback_store import evaluations, importing, prompts
from feedback_store.database import Database
from rounds.supervisor import StudyLock


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "prompts.jsonl"
    path.write_text("\n".join([json.dumps({"prompt": "One?"}), "{oops", json.dumps({"prompt": "Two?"})]) + "\n")
    return path


def asked(study) -> list[str]:
    with Database.open(study) as db:
        return [prompt.messages[-1]["content"] for prompt in prompts.listing(db)]


def test_on_a_served_study_it_is_taken_a_few_rows_at_a_time_and_tried_on_a_copy(
    tastemaker, study, file, monkeypatch, tmp_path
):
    parts: list[str] = []
    take = importing.take

    def noted(db, *given, **more):
        parts.append("study" if db.folder == study else "copy")
        return take(db, *given, **more)

    monkeypatch.setattr(importing, "take", noted)
    before, report = asked(study), tmp_path / "report.csv"
    how = ("import", study, file, "--format", "prompts")
    with StudyLock(study):
        assert "2 would be added" in tastemaker(*how, "--dry-run").out
        refused = tastemaker(*how, "--strict", "--report", report)
        assert refused.code == 2 and "Nothing is taken with --strict" in refused.err
        assert [line.split(",")[1] for line in report.read_text().splitlines()[1:]] == ["added", "left_out", "added"]
        assert asked(study) == before and parts == ["copy", "copy"]
        assert "2 added" in tastemaker(*how).out
        assert parts == ["copy", "copy"], "in parts, and never in one transaction"
    assert sorted(asked(study)) == sorted([*before, "One?", "Two?"])
    assert "2 known already" in tastemaker(*how).out and parts[-1] == "study", "nobody is at the study any more"


def test_a_file_that_completes_a_sealed_evaluation_unseals_it(tastemaker, study, tmp_path):
    with Database.open(study) as db:
        evaluation_studies.fill(db)
        evaluation = evaluation_studies.start(db, wanted=4, pairs=4)
        said = evaluation_studies.answers_file(db, evaluation, tmp_path / "said.jsonl", most=4)
    assert "would be added" in tastemaker("import", study, said, "--format", "comparisons", "--dry-run").out
    with Database.open(study) as db:
        assert evaluations.get(db, evaluation.id).sealed
    assert "4 added" in tastemaker("import", study, said, "--format", "comparisons").out
    with Database.open(study) as db:
        assert evaluations.get(db, evaluation.id).unsealed_why == "count"
