"""Any text that goes in by a format is the text that is stored: prompt, completions, and which one was better."""

import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedback_store import comparisons, completions, exchange, judgments, prompts
from feedback_store.database import Database
from feedback_store.exchange import import_file
from feedback_store.formats.arena import CSV_KEYS

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)
filled = texts.filter(lambda text: text.strip() != "")
Told = tuple[str, str, str]  # prompt, the better completion, the other one


def turns(prompt: str, answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]


def arena(told: Told) -> dict[str, Any]:
    sides = {"conversation_a": turns(told[0], told[2]), "conversation_b": turns(told[0], told[1])}
    return {"model_a": "m", "model_b": "n", "winner": "model_b", **sides}


def argilla(told: Told) -> dict[str, Any]:
    said = {"better.responses": ["answer_b"], "better.responses.users": ["u"], "better.responses.status": ["submitted"]}
    return {"id": "1", "prompt": told[0], "answer_a": told[2], "answer_b": told[1], **said}


def cheese(told: Told) -> dict[str, Any]:
    return {"query": told[0], "completions": [told[2], told[1]], "rankings": [1, 0]}


def label_studio(told: Told) -> dict[str, Any]:
    result = {"type": "pairwise", "to_name": "a,b", "value": {"selected": "right"}}
    data = {"a": told[2], "b": told[1], "prompt": told[0]}
    return {"id": 1, "data": data, "annotations": [{"completed_by": 1, "result": [result]}]}


def oasst(told: Told) -> dict[str, Any]:
    replies = [{"role": "assistant", "text": text, "rank": rank} for rank, text in ((1, told[2]), (0, told[1]))]
    return {"message_tree_id": told[0] or "t", "prompt": {"role": "prompter", "text": told[0], "replies": replies}}


MAKERS: dict[str, Callable[[Told], dict[str, Any]]] = {
    "arena": arena,
    "argilla": argilla,
    "cheese": cheese,
    "comparisons": lambda told: {
        "prompt": told[0],
        "completions": [{"text": told[2]}, {"text": told[1]}],
        "judgments": [{"annotator": "a", "ranks": [2, 1]}],
    },
    "helpsteer3": lambda told: {
        "context": turns(told[0], "")[:1],
        "response1": told[2],
        "response2": told[1],
        "overall_preference": 2,
    },
    "label-studio": label_studio,
    "oasst": oasst,
    "trl": lambda told: {"prompt": told[0], "chosen": told[1], "rejected": told[2]},
    "ultrafeedback": lambda told: {"chosen": turns(told[0], told[1]), "rejected": turns(told[0], told[2])},
}
# `hh` has texts in one string, so that not every text can be told apart again: it has tests of its own.
NOT_HERE = {"hh", "prompts"}
LINES = {"comparisons"}  # never one JSON list


@contextmanager
def study() -> Iterator[tuple[Database, Path]]:
    with tempfile.TemporaryDirectory() as name, Database.create(Path(name) / "study") as db:
        yield db, Path(name)


def stored(db: Database) -> list[Told]:
    """What the study holds of each comparison, in the order of the comparisons."""
    found = []
    for judgment in judgments.live(db):
        comparison = comparisons.get(db, judgment.comparison_id)
        one, other = (completions.get(db, comparison.completion_ids)[place].text for place in (0, 1))
        asked = prompts.get(db, comparison.prompt_id).messages
        assert [message["role"] for message in asked] == ["user"]
        better, worse = (one, other) if judgment.ranks == [1, 2] else (other, one)
        found.append((asked[0]["content"], better, worse))
    return found


def test_every_format_that_can_be_read_has_a_maker_here() -> None:
    assert set(exchange.formats_that("read")) - NOT_HERE == set(MAKERS)


@pytest.mark.parametrize(
    ("name", "as_list"), [(name, False) for name in MAKERS] + [(name, True) for name in MAKERS if name not in LINES]
)
@given(rows=st.lists(st.tuples(filled, texts, texts), min_size=1, max_size=6))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_texts_are_stored_as_they_came(name: str, as_list: bool, rows: list[Told]) -> None:
    made = [MAKERS[name](told) for told in rows]
    with study() as (db, folder):
        path = folder / "rows.json"
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in made)
        path.write_text(json.dumps(made, indent=1) if as_list else lines, "utf-8", newline="")
        report = import_file(db, path, name, strict=True)
        assert report.problems == []
        assert stored(db) == rows


@given(rows=st.lists(st.tuples(filled, texts, texts), min_size=1, max_size=6))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_texts_of_the_kaggle_csv_are_stored_as_they_came(rows: list[Told]) -> None:
    with study() as (db, folder):
        buffer = io.StringIO(newline="")
        table = csv.writer(buffer)
        table.writerow(["id", *CSV_KEYS])
        for number, told in enumerate(rows):
            cells = [json.dumps([text], ensure_ascii=number % 2 == 0) for text in told]
            table.writerow([number, "m", "n", *cells, 1, 0, 0])
        (folder / "rows.csv").write_bytes(buffer.getvalue().encode())
        assert import_file(db, folder / "rows.csv", "arena", strict=True).problems == []
        assert stored(db) == rows


@given(asked=st.lists(filled, min_size=1, max_size=6, unique=True))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_prompts_of_a_csv_are_stored_as_they_came(asked: list[str]) -> None:
    with study() as (db, folder):
        buffer = io.StringIO(newline="")
        table = csv.DictWriter(buffer, ["id", "prompt"])
        table.writeheader()
        table.writerows({"id": number, "prompt": text} for number, text in enumerate(asked))
        (folder / "rows.csv").write_bytes(buffer.getvalue().encode())
        assert import_file(db, folder / "rows.csv", "prompts", strict=True).problems == []
        assert [one.messages[0]["content"] for one in prompts.listing(db)] == asked
