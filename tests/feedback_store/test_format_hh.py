"""The format `hh`: split at the last turn of the assistant, records that break the rule reported."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from feedback_store import comparisons, completions, judgments, prompts
from feedback_store.database import Database
from feedback_store.errors import InvalidInput
from feedback_store.exchange import export, import_file
from feedback_store.formats import hh
from judged_studies import HOSTILE, LONG, Study, fill

LAST = "\n\nAssistant:"


def test_conversations_are_split_at_the_last_turn_of_the_assistant() -> None:
    before = "\n\nHuman: Hello\n\nAssistant: Hi.\n\nHuman: Name a colour\nplease"
    row = hh.to_comparison({"chosen": f"{before}{LAST} Red.", "rejected": f"{before}{LAST} Why?\n\nReally", "id": 7})
    assert row["prompt"] == [
        {"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "Name a colour\nplease"},
    ]  # fmt: skip
    assert [one["text"] for one in row["completions"]] == ["Red.", "Why?\n\nReally"]
    assert row["judgments"] == [{"annotator": "imported", "ranks": [1, 2]}]
    assert row["hh"] == {"id": 7}


@pytest.mark.parametrize(
    ("chosen", "rejected", "words"),
    [
        (f"\n\nHuman: a{LAST} x", f"\n\nHuman: b{LAST} y", "differ before their last"),
        (f"\n\nHuman: a{LAST} x{LAST} y", f"\n\nHuman: a{LAST} z", "differ before their last"),
        (f"\n\nHuman: a{LAST} x\n\nHuman: b", f"\n\nHuman: a{LAST} y", "`chosen` ends with"),
        ("\n\nHuman: a", f"\n\nHuman: a{LAST} y", "has no"),
        (f"Human: a{LAST} x", f"Human: a{LAST} y", "has to begin with"),
        (f"{LAST} x", f"{LAST} y", "has to begin with"),
        (3, "y", "has to be text"),
    ],
)
def test_a_record_that_breaks_the_rule_is_reported_not_guessed_at(chosen: object, rejected: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        hh.to_comparison({"chosen": chosen, "rejected": rejected})


def test_a_compressed_file_is_imported_and_bad_records_told_by_line(db: Database, tmp_path: Path) -> None:
    good = {"chosen": f"\n\nHuman: a{LAST} x", "rejected": f"\n\nHuman: a{LAST} y"}
    lines = [good, {**good, "chosen": f"\n\nHuman: other{LAST} x"}, {**good, "rejected": f"\n\nHuman: a{LAST} z"}]
    path = tmp_path / "train.jsonl.gz"
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in lines).encode()))
    report = import_file(db, path, "hh")
    assert (report.added, [problem.line for problem in report.problems]) == (2, [2])
    [first, _] = comparisons.listing(db)
    assert [one.text for one in completions.get(db, first.completion_ids)] == ["x", "y"]
    assert [one.ranks for one in judgments.live(db)] == [[1, 2], [1, 2]]


def test_decided_pairs_are_written_as_conversations(db: Database, tmp_path: Path) -> None:
    study = Study(db)
    study.judge(study.compare(LONG, texts=["No.", "Yes."]), [2, 1])
    report = export(db, "hh", tmp_path / "out")
    assert json.loads((tmp_path / "out/train.jsonl").read_text()) == {
        "chosen": "\n\nHuman: First?\n\nAssistant: Yes.\n\nHuman: Then?\n\nAssistant: Yes.",
        "rejected": "\n\nHuman: First?\n\nAssistant: Yes.\n\nHuman: Then?\n\nAssistant: No.",
    }
    assert report.counts["rows"] == 1


def test_what_the_form_cannot_hold_is_dropped_with_its_reason(db: Database, tmp_path: Path) -> None:
    fill(db)
    report = export(db, "hh", tmp_path / "out")
    assert report.dropped["a system message in the prompt"] == 1
    # The pair whose text holds "\n\nAssistant:" and the edit of that text.
    assert report.dropped["a turn mark inside a text"] == 2
    assert HOSTILE not in (tmp_path / "out/train.jsonl").read_text()


@pytest.mark.parametrize("file_type", ["jsonl", "jsonl.gz", "parquet"])
def test_what_was_exported_comes_back(db: Database, fresh: Callable, tmp_path: Path, file_type: str) -> None:
    fill(db)
    first = export(db, "hh", tmp_path / "out", file_type=file_type)
    copy = fresh()
    for name in ("train", "test"):
        report = import_file(copy, tmp_path / f"out/{name}.{file_type}", "hh")
        assert (report.added, report.problems) == (first.counts[name], [])
    again = export(copy, "hh", tmp_path / "again")
    assert again.counts["rows"] == first.counts["rows"]
    assert {row.messages[0]["content"] for row in prompts.listing(copy)} <= {
        row.messages[0]["content"] for row in prompts.listing(db)
    }


@pytest.mark.parametrize("file_type", ["jsonl", "parquet"])
def test_what_the_library_datasets_writes_is_read(db: Database, tmp_path: Path, file_type: str) -> None:
    from datasets import Dataset

    rows = [{"chosen": f"\n\nHuman: {n}{LAST} x", "rejected": f"\n\nHuman: {n}{LAST} y"} for n in range(3)]
    path = tmp_path / f"train.{file_type}"
    written = Dataset.from_list(rows)
    written.to_json(path) if file_type == "jsonl" else written.to_parquet(path)
    report = import_file(db, path, "hh")
    assert (report.added, report.problems) == (3, [])
