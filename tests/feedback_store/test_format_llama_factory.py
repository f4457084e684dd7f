"""The format `llama-factory`: three shapes, and the dataset_info.json that names them."""

import json
from pathlib import Path

import pytest

from feedback_store.database import Database
from feedback_store.exchange import export
from judged_studies import LONG, Study, fill

SYSTEM = [{"role": "system", "content": "Be brief."}]


def rows_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_alpaca_takes_one_question(db: Database, tmp_path: Path) -> None:
    study = Study(db)
    study.judge(study.compare(texts=["a", "b"]), [2, 1])
    study.judge(study.compare(LONG), [2, 1])
    report = export(db, "llama-factory", tmp_path / "out")
    assert rows_of(tmp_path / "out/train.jsonl") == [
        {"instruction": "Question 1?", "input": "", "chosen": "b", "rejected": "a"}
    ]
    assert report.dropped == {"several messages in the prompt (use the shape sharegpt)": 1}


def test_sharegpt_keeps_the_conversation(db: Database, tmp_path: Path) -> None:
    study = Study(db)
    study.judge(study.compare([*SYSTEM, *LONG], texts=["a", "b"]), [2, 1])
    study.judge(study.compare(LONG[:2]), [2, 1])
    report = export(db, "llama-factory", tmp_path / "out", shape="sharegpt")
    [row] = rows_of(tmp_path / "out/train.jsonl")
    assert row["conversations"] == [
        {"from": "system", "value": "Be brief."}, {"from": "human", "value": "First?"},
        {"from": "gpt", "value": "Yes."}, {"from": "human", "value": "Then?"},
    ]  # fmt: skip
    assert (row["chosen"], row["rejected"]) == ({"from": "gpt", "value": "b"}, {"from": "gpt", "value": "a"})
    assert report.dropped == {"the conversation does not go from human to gpt by turns": 1}


def test_kto_never_likes_what_was_both_bad(db: Database, tmp_path: Path) -> None:
    study = Study(db)
    study.judge(study.compare(texts=["good", "poor"]), [1, 2])
    study.judge(study.compare(texts=["bad", "worse"]), [1, 1], both_bad=True)
    study.judge(study.compare(texts=["one", "two"]), [1, 2], improved={"position": 0, "text": "three"})
    export(db, "llama-factory", tmp_path / "out", shape="kto")
    rows = rows_of(tmp_path / "out/train.jsonl")
    assert [(row["conversations"][-1]["value"], row["kto_tag"]) for row in rows] == [  # type: ignore[index]
        ("good", True), ("poor", False), ("bad", False), ("worse", False), ("one", True), ("two", False),
        ("three", True),
    ]  # fmt: skip


@pytest.mark.parametrize("shape", ["alpaca", "sharegpt", "kto"])
def test_dataset_info_names_the_files_and_their_columns(db: Database, tmp_path: Path, shape: str) -> None:
    fill(db)
    export(db, "llama-factory", tmp_path / "out", shape=shape)
    info = json.loads((tmp_path / "out/dataset_info.json").read_text())
    assert list(info) == ["tastemaker_train", "tastemaker_test"]
    entry = info["tastemaker_train"]
    [first, *_] = rows_of(tmp_path / "out" / entry["file_name"])
    assert sorted(entry["columns"].values()) == sorted(first)
    assert entry.get("ranking", False) == (shape != "kto")
