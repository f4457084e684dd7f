"""The format `helpsteer3`: every judge is kept, both ways."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from feedback_store import annotators, judgments, prompts, reliability
from feedback_store.database import Database
from feedback_store.errors import InvalidInput
from feedback_store.exchange import export, import_file
from feedback_store.formats import helpsteer3
from judged_studies import LONG, Study, fill

ROW = {
    "domain": "code", "language": "english", "context": LONG, "response1": "one", "response2": "two",
    "overall_preference": -2,
    "individual_preference": [
        {"score": -3, "reasoning": "Clearer.", "feedback1": "good", "feedback2": "bad"},
        {"score": 1, "reasoning": "", "feedback1": "", "feedback2": ""},
        {"score": 0, "reasoning": "Same.", "feedback1": "a", "feedback2": "b"},
    ],
}  # fmt: skip


def imported(db: Database, folder: Path, *rows: object) -> Any:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return import_file(db, path, "helpsteer3", holdout_share=0.0)


def test_every_judge_becomes_a_judgment(db: Database, tmp_path: Path) -> None:
    assert imported(db, tmp_path, ROW).problems == []
    found = judgments.live(db)
    assert [(one.ranks, one.strength, one.rationale) for one in found] == [
        ([1, 2], 3, "Clearer."), ([2, 1], 1, None), ([1, 1], None, "Same."),
    ]  # fmt: skip
    assert found[0].extra == {"feedback1": "good", "feedback2": "bad"}
    [prompt] = prompts.listing(db)
    assert (prompt.language, prompt.extra) == ("en", {"domain": "code"})
    # They are nobody's: no judge is counted as one person over several rows.
    assert {annotators.get(db, one.annotator_id).name for one in found} == {"imported", "imported 2", "imported 3"}
    assert reliability.of_people(db) == {}


def test_rows_come_back_as_they_were(db: Database, tmp_path: Path) -> None:
    other = {**ROW, "response1": "three", "overall_preference": 1, "individual_preference": [
        {"score": 1, "reasoning": "r", "feedback1": "", "feedback2": ""}]}  # fmt: skip
    imported(db, tmp_path, {**ROW, "overall_preference": -1}, other)
    export(db, "helpsteer3", tmp_path / "out")
    rows = [json.loads(line) for line in (tmp_path / "out/train.jsonl").read_text().splitlines()]
    # The mean of -3, 1 and 0 is -2/3.
    assert rows == [{**ROW, "overall_preference": -1}, other]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"overall_preference": 4}, "from -3 to 3"), ({"overall_preference": "1"}, "from -3 to 3"),
        ({"response1": None}, "has to be text"), ({"context": []}, "list of messages"),
        ({"individual_preference": [3]}, "list of objects"),
        ({"individual_preference": [{"score": 0.5}]}, "whole number"),
    ],
)  # fmt: skip
def test_a_bad_row_is_reported(db: Database, tmp_path: Path, change: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        helpsteer3.to_comparison({**ROW, **change})
    report = imported(db, tmp_path, {**ROW, **change}, ROW)
    assert (report.added, [problem.line for problem in report.problems]) == (1, [1])


def test_ties_strengths_and_rankings_are_scores(db: Database, tmp_path: Path) -> None:
    study = Study(db)
    three = study.compare(candidates=3)
    study.judge(three, [2, 1, 2], strength=3)
    study.judge(three, [1, 2, 3], "bob")
    study.judge(three, None, "cleo", skipped="unclear")
    export(db, "helpsteer3", tmp_path / "out")
    rows = [json.loads(line) for line in (tmp_path / "out/train.jsonl").read_text().splitlines()]
    scores = [[one["score"] for one in row["individual_preference"]] for row in rows]
    # Pairs (0, 1), (0, 2), (1, 2); bob was not asked for a strength.
    assert scores == [[3, -2], [0, -2], [-3, -2]]
    assert [row["overall_preference"] for row in rows] == [1, -1, -3]


def test_nothing_that_was_ranked_for_training_is_dropped(db: Database, fresh: Callable, tmp_path: Path) -> None:
    fill(db)
    report = export(db, "helpsteer3", tmp_path / "out")
    assert report.dropped == {
        "skipped by all": 1, "not judged": 2, "not for training: evaluation": 1, "not for training: check": 1,
        "not for training: repeat": 1,
    }  # fmt: skip
    copy = fresh()
    for name in ("train", "test"):
        assert import_file(copy, tmp_path / f"out/{name}.jsonl", "helpsteer3").problems == []


@pytest.mark.parametrize("file_type", ["jsonl", "parquet"])
def test_what_the_library_datasets_writes_is_read(db: Database, tmp_path: Path, file_type: str) -> None:
    from datasets import Dataset

    path = tmp_path / f"train.{file_type}"
    written = Dataset.from_list([ROW, {**ROW, "response1": "three"}])
    written.to_json(path) if file_type == "jsonl" else written.to_parquet(path)
    report = import_file(db, path, "helpsteer3")
    assert (report.added, report.problems) == (2, [])
    assert len(judgments.live(db)) == 6
