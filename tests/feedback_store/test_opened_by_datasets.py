"""Exports that `datasets` reads in parts: a column that is empty in the first part and filled later stops nothing."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from feedback_store import dataset_card, exchange
from feedback_store.database import Database

LATE = {"rationale": "why", "strength": 2, "criteria": {"honest": {"ranks": [1, 2]}}, "view": "raw", "own": "word"}


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from datasets import load_dataset

    return lambda folder: load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))


def take(db: Database, tmp_path: Path, rows: list[dict[str, Any]], format: str = "comparisons") -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert exchange.import_file(db, path, format).problems == []


def compared(number: int, late: bool, text: str = "An answer") -> dict[str, Any]:
    """A row of which the later ones hold what the first ones lack."""
    own = {"seed": 1, "sample_index": number, "sampling": {"temperature": 0.7}} if late else {}
    judgment = {"annotator": "ann", "ranks": [1, 2], **(LATE if late else {})}
    return {
        "prompt": f"Question {number}?", "split": "train", "expert": [1, 2] if late else None,
        "completions": [{"text": f"{text} {number}.", **own}, {"text": "Another."}], "judgments": [judgment],
        **({"source": "a book"} if late else {}),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("judgments", {}), ("trl", {}), ("trl", {"shape": "conversational"}), ("trl", {"shape": "unpaired"}),
        ("hh", {"file_type": "jsonl.gz"}),
    ],
)  # fmt: skip
def test_columns_have_their_types_from_the_card(db: Database, tmp_path: Path, load, format: str, options: dict):
    take(db, tmp_path, [compared(number, late=number > 25) for number in range(30)])
    made = exchange.export(db, format, tmp_path / "out", **options)
    card = tmp_path / "out" / "README.md"
    parts = "- config_name: default\n  chunksize: 10"  # rows, or bytes: many parts of a small file
    card.write_text(card.read_text().replace("- config_name: default", parts))
    [opened] = load(tmp_path / "out").values()
    assert opened.num_rows == made.counts["rows"] >= 30
    if format == "judgments":
        assert {"rationale": "why", "strength": 2, "criteria": json.dumps(LATE["criteria"], separators=(",", ":")),
                "both_bad": False, "ranks": "[1,2]", "view": "raw"}.items() <= opened[29].items()  # fmt: skip
        assert (opened[0]["rationale"], opened[0]["strength"]) == (None, None)


@pytest.mark.parametrize("format", ["comparisons", "prompts"])
def test_rows_of_free_shape_are_read_at_once(db: Database, tmp_path: Path, load, format: str):
    long, late = "x" * 700_000, range(17, 20)
    if format == "comparisons":
        take(db, tmp_path, [compared(number, number in late, long) for number in range(20)])
    else:
        take(db, tmp_path, [{"prompt": f"{number} {long}", "split": "train", **({"reference": "r", "own": 1} if number
                             in late else {})} for number in range(20)], "prompts")  # fmt: skip
    exchange.export(db, format, tmp_path / "out")
    [opened] = load(tmp_path / "out").values()
    assert opened.num_rows == 20
    if format == "comparisons":
        assert opened[19]["judgments"][0]["rationale"] == "why" and opened[19]["expert"] == [1, 2]
        assert opened[0]["judgments"][0]["rationale"] is None and opened[0]["expert"] is None
    else:
        assert (opened[0]["reference"], opened[19]["reference"]) == (None, "r")


def test_a_file_that_is_read_in_one_part_anyway_has_a_plain_card(db: Database, tmp_path: Path):
    take(db, tmp_path, [compared(0, late=False)])
    exchange.export(db, "comparisons", tmp_path / "out")
    head = (tmp_path / "out" / "README.md").read_text().split("---")[1]
    assert not re.search("chunksize|dataset_info", head)
    assert dataset_card.READ_AT_ONCE.stop < 2**31
