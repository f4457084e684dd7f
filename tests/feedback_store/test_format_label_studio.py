"""Label Studio: the side is the label, a skip is a skip, and seconds become milliseconds."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from feedback_store import annotators, comparisons, completions, judgments, prompts
from feedback_store.database import Database
from feedback_store.exchange import import_file

FOREIGN = Path(__file__).parent / "foreign"


def test_what_the_sdk_wrote_is_read(db: Database) -> None:
    report = import_file(db, FOREIGN / "label_studio.json", "label-studio")
    assert (report.rows, report.added) == (3, 2)
    assert [problem.reason for problem in report.problems] == ["Item 3: The task has no annotation."]
    names = {one.id: one.name for one in annotators.listing(db)}
    assert [
        (names[one.annotator_id], one.ranks, one.shown, one.milliseconds, one.skipped) for one in judgments.live(db)
    ] == [
        ("label-studio-2", [1, 2], [0, 1], 37400, None),
        ("label-studio-3", [2, 1], [0, 1], 5000, None),
        ("label-studio-2", None, None, 0, "cancelled in Label Studio"),
        ("label-studio-3", [1, 2], [0, 1], 1250, None),
    ]
    assert judgments.live(db)[0].at == "2026-11-20T09:30:00.000000Z"
    assert judgments.live(db)[1].extra["label-studio"]["ground_truth"] is True
    first = comparisons.listing(db)[0]
    assert [one.text for one in completions.get(db, first.completion_ids)] == ["Because 1.", "Näin on.\n"]
    assert prompts.get(db, first.prompt_id).messages[0]["content"] == "Why 1?"
    assert first.extra["label-studio"] == {
        "id": 1, "predictions": [], "project": 1, "data": {"source": "book"}, "names": ["answer1", "answer2"],
    }  # fmt: skip


def annotation(side: str | None = "left", names: str = "a,b", **fields: Any) -> dict[str, Any]:
    result = [{"type": "pairwise", "to_name": names, "value": {"selected": side}}]
    return {"completed_by": 1, "result": result if side else [], **fields}


def task(*annotations: dict[str, Any], **data: Any) -> dict[str, Any]:
    return {"id": 1, "data": {"prompt": "?", "a": "x", "b": "y", **data}, "annotations": list(annotations)}


def taken(db: Database, tmp_path: Path, row: dict[str, Any]) -> str | None:
    """Import one task; return why it was not taken, or None."""
    (tmp_path / "tasks.json").write_text(json.dumps([row]))
    report = import_file(db, tmp_path / "tasks.json", "label-studio")
    return report.problems[0].reason if report.problems else None


def test_sides_that_were_changed_name_the_same_text(db: Database, tmp_path: Path) -> None:
    assert taken(db, tmp_path, task(annotation(), annotation(names="b,a", completed_by=2))) is None
    assert [(one.ranks, one.shown) for one in judgments.live(db)] == [([1, 2], [0, 1]), ([2, 1], [1, 0])]


def test_a_task_that_everybody_skipped_is_taken_where_its_texts_are_clear(db: Database, tmp_path: Path) -> None:
    assert taken(db, tmp_path, task(annotation(None, was_cancelled=True), annotation(None, completed_by=2))) is None
    assert [one.skipped for one in judgments.live(db)] == [
        "cancelled in Label Studio",
        "nothing selected in Label Studio",
    ]


def test_a_person_may_be_an_object_and_other_results_are_kept(db: Database, tmp_path: Path) -> None:
    one = annotation(completed_by={"id": 4, "email": "ann@example.org"})
    note = {"type": "textarea", "to_name": "a", "value": {"text": ["Shorter."]}}
    one["result"].append(note)
    assert taken(db, tmp_path, task(one)) is None
    assert [one.name for one in annotators.listing(db)] == ["ann@example.org"]
    assert judgments.live(db)[0].extra == {"label-studio": {"result": [note]}}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (task(annotation("middle")), "`selected` is .*allowed are left and right"),
        (task(annotation(names="a,c")), "`to_name` names 'c', which is no text in `data`"),
        (task(annotation(names="comparison")), "it has to name two texts"),
        (task(annotation(), annotation(names="a,prompt")), "compare different texts"),
        (task(annotation(completed_by=None)), "`completed_by` is null"),
        (task(annotation(lead_time=-1)), "`lead_time` is -1"),
        (task(annotation(lead_time="slow")), "`lead_time` is"),
        (task(annotation(None), c="z"), "Everybody skipped this task"),
        (task(annotation(), prompt=7, c="z", d="w"), "Which text is the prompt"),
        ({"id": 1, "data": [], "annotations": []}, "`data` is"),
        ({"id": 1, "data": {}, "annotations": "none"}, "`annotations` is"),
        (task({"completed_by": 1, "result": "left"}), "`result` is"),
        (task({**annotation(), "result": annotation()["result"] * 2}), "two pairwise results"),
    ],
)
def test_what_cannot_be_taken_is_said(db: Database, tmp_path: Path, row: dict[str, Any], words: str) -> None:
    assert re.search(words, taken(db, tmp_path, row) or "")
