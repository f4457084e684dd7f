"""CHEESE: indices from 0, the best one first, become ranks."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from feedback_store import comparisons, judgments
from feedback_store.database import Database
from feedback_store.exchange import import_file

FOREIGN = Path(__file__).parent / "foreign"


@pytest.mark.parametrize("name", ["cheese.jsonl", "cheese.json"])
def test_what_datasets_wrote_is_read(db: Database, name: str) -> None:
    assert import_file(db, FOREIGN / name, "cheese").problems == []
    # Pressed in the order 4, 0, 1, 3, 2: completion 4 is the best one, completion 2 the worst.
    assert [one.ranks for one in judgments.live(db)] == [[2, 3, 5, 4, 1], [1, 2, 3, 4, 5]]
    assert comparisons.counts(db).ready == 1  # nobody ranked the third one


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"rankings": [1, 2, 3, 4, 5]}, "`rankings` is .*it has to name each of"),
        ({"rankings": [4, 0]}, "it has to name each of"),
        ({"rankings": [0, 0, 1, 2, 3]}, "it has to name each of"),
        ({"rankings": ["0", "1", "2", "3", "4"]}, "a list of whole numbers from 0"),
        ({"rankings": [True, 0, 2, 3, 4]}, "a list of whole numbers from 0"),
        ({"completions": "abcde"}, "`completions` is"),
        ({"completions": ["a"], "rankings": [0]}, "2 to 9 different completions"),
        ({"query": None}, "`query` is null"),
    ],
)
def test_what_cannot_be_taken_is_said(db: Database, tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    row = {"query": "?", "completions": list("abcde"), "rankings": [0, 1, 2, 3, 4], **changed}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    report = import_file(db, tmp_path / "rows.jsonl", "cheese")
    assert re.search(words, report.problems[0].reason)
