"""TRL's shapes, as TRL itself made them: taken where people compared two completions, else refused in words."""

from pathlib import Path

import pytest

from feedback_store import comparisons, completions, judgments, prompts
from feedback_store.database import Database
from feedback_store.exchange import import_file

FOREIGN = Path(__file__).parent / "foreign"


@pytest.mark.parametrize(
    ("name", "asked", "texts"),
    [
        ("trl-explicit.jsonl", "The sky is", [" blue.", " green."]),
        ("trl-conversational.jsonl", "What colour is the sky?", ["Blue.\n", "Grün."]),
        ("trl-conversational.parquet", "What colour is the sky?", ["Blue.\n", "Grün."]),
        ("trl-implicit-conversational.jsonl", "What colour is the sky?", ["Blue.\n", "Grün."]),
    ],
)
def test_rows_with_a_prompt_that_can_be_told_are_taken(db: Database, name: str, asked: str, texts: list[str]) -> None:
    report = import_file(db, FOREIGN / name, "trl")
    assert (report.added, report.problems) == (1, [])
    assert prompts.listing(db)[0].messages == [{"role": "user", "content": asked}]
    assert [one.text for one in completions.get(db, comparisons.listing(db)[0].completion_ids)] == texts
    assert judgments.live(db)[0].ranks == [1, 2]


@pytest.mark.parametrize(
    ("name", "words"), [("trl-implicit.jsonl", "The row is implicit"), ("trl-unpaired.jsonl", "The row is unpaired")]
)
def test_other_shapes_are_refused_by_line_and_say_what_is_taken(db: Database, name: str, words: str) -> None:
    report = import_file(db, FOREIGN / name, "trl")
    assert report.added == 0
    assert [problem.line for problem in report.problems] == list(range(1, report.rows + 1))
    assert all(
        words in problem.reason and "Taken are rows with prompt" in problem.reason for problem in report.problems
    )
