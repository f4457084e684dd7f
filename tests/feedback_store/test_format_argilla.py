"""Argilla: rankings and labels by several people, of whom only the submitted answers count."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from feedback_store import annotators, comparisons, completions, erasure, judgments, prompts
from feedback_store.database import Database
from feedback_store.exchange import export, import_file
from feedback_store.formats import comparisons as comparisons_format

FOREIGN = Path(__file__).parent / "foreign"
ANN, BOB = (f"00000000-0000-0000-0000-00000000000{number}" for number in (1, 2))


def test_what_argilla_wrote_is_read(db: Database) -> None:
    report = import_file(db, FOREIGN / "argilla.json", "argilla")
    assert (report.rows, report.added) == (5, 3)
    assert [problem.reason for problem in report.problems] == [
        "Item 3: The record has no submitted response.", "Item 5: The record has no submitted response.",
    ]  # fmt: skip
    names = {one.id: one.name for one in annotators.listing(db)}
    assert [(names[one.annotator_id], one.ranks) for one in judgments.live(db)] == [
        (ANN, [2, 1]), (BOB, [1, 2]), (BOB, [2, 1]), (ANN, [2, 1]), (BOB, [1, 2]),
    ]  # fmt: skip
    first, drafted, labelled = comparisons.listing(db)
    assert [one.text for one in completions.get(db, first.completion_ids)] == ["Because 1.", "Näin on.\n"]
    assert prompts.get(db, first.prompt_id).messages[0]["content"] == "Why 1?"
    kept = first.extra["argilla"]
    assert (kept["source"], kept["question"], kept["fields"]) == ("book", "preference", ["response-1", "response-2"])
    assert (kept["why.responses"], kept["preference.suggestion.agent"]) == (["Shorter."], "a-model")
    assert drafted.extra["argilla"]["not_submitted"] == [
        {"user": ANN, "status": "draft", "value": ["response-1", "response-2"]}
    ]
    assert labelled.extra["argilla"] == {
        "id": "r4", "status": "pending", "source": "book", "question": "better", "fields": ["response-1", "response-2"],
    }  # fmt: skip


def test_the_nested_form_is_refused_with_what_to_do(db: Database) -> None:
    report = import_file(db, FOREIGN / "argilla-nested.json", "argilla")
    assert (report.added, report.left_out) == (0, 1)
    assert "to_list(flatten=True)" in report.problems[0].reason


GOOD: dict[str, Any] = {
    "id": "r", "status": "completed", "prompt": "?", "a-1": "x", "a-2": "y", "a-3": "z",
    "q.responses": [["a-2", "a-1", "a-3"]], "q.responses.users": ["u"], "q.responses.status": ["submitted"],
}  # fmt: skip


def taken(db: Database, tmp_path: Path, changed: dict[str, Any]) -> str | None:
    """Import one record; return why it was not taken, or None."""
    row = {key: value for key, value in {**GOOD, **changed}.items() if value != "gone"}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    report = import_file(db, tmp_path / "rows.jsonl", "argilla")
    return report.problems[0].reason if report.problems else None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"q.responses": [["a-2", "a-1", "a-9"]]}, "One question has to rank, or to name, text fields"),
        ({"q.responses": [["a-2", "a-1"], ["a-2", "a-3"]], "q.responses.users": ["u", "v"],
          "q.responses.status": ["submitted"] * 2}, "An answer to 'q' is .*it has to name each of"),
        ({"q.responses": [["a-2", "a-2"]]}, "it has to name each of"),
        ({"q.responses": ["a-2"]}, "names one of 3 fields"),
        ({"q.responses.users": []}, "have to be lists of one length"),
        ({"q.responses.status": "gone"}, "have to be lists of one length"),
        ({"q.responses.users": [None]}, "The users of 'q' are"),
        ({"q.responses.status": ["discarded"]}, "no submitted response"),
        ({"prompt": "gone", "b": "1", "c": "2"}, "Which field is the prompt"),
        ({"p.responses": ["a-1"], "p.responses.users": ["u"], "p.responses.status": ["submitted"]}, "q, p do"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_said(db: Database, tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    assert re.search(words, taken(db, tmp_path, changed) or "")


def test_three_are_ranked_and_the_only_other_text_is_the_prompt(db: Database, tmp_path: Path) -> None:
    assert taken(db, tmp_path, {"prompt": "gone", "task": "Say x."}) is None
    assert judgments.live(db)[0].ranks == [2, 1, 3]
    assert prompts.listing(db)[0].messages[0]["content"] == "Say x."


def test_a_chat_field_is_the_prompt(db: Database, tmp_path: Path) -> None:
    chat = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}, {"role": "user", "content": "?"}]
    assert taken(db, tmp_path, {"prompt": chat}) is None
    assert prompts.listing(db)[0].messages == chat


def test_a_draft_of_somebody_who_is_no_annotator_is_named_by_pseudonym_and_can_be_erased(
    db: Database, tmp_path: Path
) -> None:
    drafts = {
        "q.responses": [["a-2", "a-1", "a-3"], ["a-1", "a-2", "a-3"]], "q.responses.users": ["ursula", "viktor"],
        "q.responses.status": ["submitted", "draft"],
    }  # fmt: skip
    assert taken(db, tmp_path, drafts) is None
    export(db, "comparisons", tmp_path / "plain")
    export(db, "comparisons", tmp_path / "hidden", people="pseudonyms")
    assert "viktor" in (tmp_path / "plain" / "comparisons.jsonl").read_text()
    hidden = (tmp_path / "hidden" / "comparisons.jsonl").read_text()
    assert "viktor" not in hidden and "ursula" not in hidden
    viktor = annotators.ensure(db, "viktor")
    erasure.erase(db, viktor.id, by="lead", reason="asked for it")
    export(db, "comparisons", tmp_path / "erased")
    assert "viktor" not in (tmp_path / "erased" / "comparisons.jsonl").read_text()


def test_a_flag_that_names_nobody_of_the_study_is_named_by_pseudonym(db: Database) -> None:
    flag = {"annotator": "vera", "note": "odd", "resolved_by": "lena"}
    named = comparisons_format._named({"flags": [flag], "reserved_for": "wanda", "other": 1}, str.upper)
    assert named["flags"] == [{"annotator": "VERA", "note": "odd", "resolved_by": "LENA"}]
    assert (named["reserved_for"], named["other"]) == ("WANDA", 1)
