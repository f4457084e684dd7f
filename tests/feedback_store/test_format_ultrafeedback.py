"""UltraFeedback: the prompt is what both conversations share; equal scores are a tie."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from feedback_store import comparisons, completions, judgments, prompts
from feedback_store.database import Database
from feedback_store.exchange import import_file

FOREIGN = Path(__file__).parent / "foreign"


@pytest.mark.parametrize("name", ["ultrafeedback.jsonl", "ultrafeedback.parquet"])
def test_what_datasets_wrote_is_read(db: Database, name: str) -> None:
    assert import_file(db, FOREIGN / name, "ultrafeedback").problems == []
    assert [one.ranks for one in judgments.live(db)] == [[1, 2], [1, 1]]
    first = comparisons.listing(db)[0]
    assert [one.text for one in completions.get(db, first.completion_ids)] == ["Because 1.", "Näin on.\n"]
    assert prompts.get(db, first.prompt_id).messages == [{"role": "user", "content": "Why 1?"}]
    assert first.extra == {"ultrafeedback": {"prompt_id": f"{1:064x}", "score_chosen": 8.5, "score_rejected": 7.0}}


def test_the_lines_and_the_parquet_file_are_the_same_rows(db: Database) -> None:
    import_file(db, FOREIGN / "ultrafeedback.jsonl", "ultrafeedback")
    report = import_file(db, FOREIGN / "ultrafeedback.parquet", "ultrafeedback")
    assert (report.added, report.known) == (0, 2)


def turns(*texts: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"rejected": turns("other?", "b")}, "chosen and rejected differ before"),
        ({"rejected": turns("?")}, "`rejected` has to end with an answer"),
        ({"chosen": "text"}, "The chosen has to be a list of messages"),
        ({"chosen": [{"role": "user", "content": None}]}, "A message of the chosen"),
    ],
)
def test_what_cannot_be_taken_is_said(db: Database, tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    (tmp_path / "rows.jsonl").write_text(
        json.dumps({"chosen": turns("?", "a"), "rejected": turns("?", "b"), **changed})
    )
    report = import_file(db, tmp_path / "rows.jsonl", "ultrafeedback")
    assert re.search(words, report.problems[0].reason)


def test_a_damaged_parquet_file_is_told(db: Database, tmp_path: Path) -> None:
    whole = (FOREIGN / "ultrafeedback.parquet").read_bytes()
    for number, content in enumerate((whole[:-100], whole[:200] + b"x" * 300 + whole[500:], b"", b"PAR1")):
        path = tmp_path / f"rows{number}.parquet"
        path.write_bytes(content)
        report = import_file(db, path, "ultrafeedback")
        assert report.added == 0
        assert "The Parquet file cannot be read" in report.problems[0].reason
