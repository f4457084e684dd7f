"""Rows of the format `comparisons` in which any one value is another: each is taken or told, none ends the import."""

import copy
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from feedback_store import comparisons, exchange, judgments
from feedback_store.database import Database

ODD: list[Any] = [
    2**70, 2**63, -(2**63), -1, 1e300, 1.5, -0.0, "", "x", "\u2028", "2026-13-45", "x" * 2000, True, None, [], [[]],
    [None], [{"x": 1}], {}, {"a": {"b": [1]}},
]  # fmt: skip
MOMENT = "2026-11-23T10:00:00.000Z"


def row_of(number: int) -> dict[str, Any]:
    """A row with something in every place; numbers tell it and what is in it from all others."""
    completions = [
        {
            "text": text, "policy": "p", "id": f"{text}{number}", "seed": 1, "sample_index": place,
            "sampling": {"t": 1}, "token_count": 2, "finish_reason": "stop",
        }
        for place, text in enumerate("ab")
    ]  # fmt: skip
    judgment = {
        "annotator": "ann", "shown": [0, 1], "ranks": [1, 2], "strength": 1, "both_bad": False, "skipped": None,
        "rationale": "r", "milliseconds": 5, "at": MOMENT, "criteria": {"c": 1}, "improved": {"position": 0,
        "text": "i"}, "input_device": "keyboard", "view": "raw", "late": False, "key": f"k{number}",
        "supersedes": None, "annotator_kind": "person", "marks": ["x"], "guideline": {"version": 1, "language": "en"},
        "asked": {"a": 1},
    }  # fmt: skip
    flag = {
        "completion": f"a{number}", "annotator": "ann", "note": "n", "created_at": MOMENT, "resolved_at": None,
        "resolved_by": None,
    }  # fmt: skip
    return {
        "prompt": [{"role": "user", "content": f"Question {number}?"}], "group": "g", "split": "train",
        "expert": [1, 2], "completions": completions, "judgments": [judgment], "id": f"c{number}",
        "purpose": "training", "chosen_by": "random", "is_random": True, "score": 0.5, "probability": 0.5,
        "priority": 1, "overlap": 1, "round": 1, "language": "en", "tags": ["t"], "reference": "ref",
        "prompt_extra": {"e": 1}, "created_at": MOMENT, "qualification": "q", "repeats": "other",
        "reserved_for": "ann", "flags": [flag], "own": "kept",
    }  # fmt: skip


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, held in inside:
        yield (*place, key)
        yield from places(held, (*place, key))


def mutated() -> Iterator[dict[str, Any]]:
    for number, (place, odd) in enumerate((place, odd) for place in places(row_of(0)) for odd in ODD):
        row = row_of(number)
        *way, last = place
        inner: Any = row
        for key in way:
            inner = inner[key]
        inner[last] = copy.deepcopy(odd)
        yield row


@pytest.fixture
def take(db: Database, tmp_path: Path) -> Callable[..., Any]:
    def take(rows: list[dict[str, Any]], name: bytes = b"rows.jsonl", **options: Any) -> Any:
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return exchange.import_file(db, path, "comparisons", **options)

    return take


def test_each_is_taken_or_told_in_our_words(take: Callable[..., Any]) -> None:
    rows = list(mutated())
    report = take(rows, dry_run=True)
    assert report.rows == len(rows) == report.added + report.known + report.left_out > 1000
    assert report.known == 0 and report.added > len(rows) / 4
    assert {one.reason for one in report.problems if "The store does not take" in one.reason} == set()
    assert all(one.reason.endswith(".") for one in report.problems)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"score": 2**63}, "`score` is 9223372036854775808; a whole number has to have less than 64 bits"),
        ({"judgments": [{"annotator": ["x"], "ranks": [1, 2]}]}, "The `annotator` of a judgment is ['x']"),
        ({"qualification": " "}, "The qualification that a comparison needs has an empty name"),
    ],
)  # fmt: skip
def test_a_bad_row_is_told_and_the_others_are_taken(
    db: Database, take: Callable[..., Any], bad: dict[str, Any], words: str
) -> None:
    report = take([row_of(1), {**row_of(2), **bad}, row_of(3)])
    assert (report.added, [one.line for one in report.problems]) == (2, [2])
    assert report.problems[0].reason.startswith(words)
    assert (comparisons.counts(db).total, judgments.count(db)) == (2, 2)


def test_a_file_may_have_a_name_that_is_no_utf8(db: Database, take: Callable[..., Any]) -> None:
    report = take([row_of(1)], b"caf\xe9.jsonl", by="lead")
    assert (report.added, db.value("SELECT file_name FROM imports")) == (1, "caf\N{REPLACEMENT CHARACTER}.jsonl")
    exchange.undo_import(db, Path("elsewhere") / os.fsdecode(b"caf\xe9.jsonl"))
    assert comparisons.counts(db).total == 0
