"""An import that is taken back leaves nothing of it in front of people: what was made of its prompts and texts goes
too, and comes back with it.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from feedback_store import (
    annotators,
    check_questions,
    comparisons,
    completions,
    import_list,
    policies,
    preferences,
    prompts,
    questions,
    repeats,
)
from feedback_store.comparisons import NewComparison
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.drawing import Asking
from feedback_store.exchange import import_file, undo_import
from tests.feedback_store.test_hot_queries import ANSWERS, RECOUNT

NOW = "2026-11-23T10:00:00.000Z"


@pytest.fixture
def said(tmp_path: Path) -> Path:
    """A file of three pairs that nobody judged."""
    rows = [
        {
            "id": f"pair {n}",
            "prompt": f"Imported {n}?",
            "split": "train",
            "completions": [{"id": f"{n}{side}", "text": side} for side in "ab"],
        }
        for n in range(3)
    ]
    path = tmp_path / "said.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def make_pair(db: Database, prompt_id: int, name: str) -> int:
    author = policies.external(db, "author").id
    ids = completions.add(db, [NewCompletion(prompt_id, author, f"{name} {side}") for side in "ab"])
    return comparisons.add(db, [NewComparison(prompt_id, ids)])[0]


def shown_to(db: Database, name: str, **asking: float) -> list[str]:
    """The prompts of what somebody is asked."""
    found = questions.next_questions(
        db, annotators.ensure(db, name).id, limit=20, asking=Asking(**asking), now=NOW
    ).questions
    return sorted(one.prompt[-1]["content"] for one in found)


def counts_are_right(db: Database) -> bool:
    stored = db.rows("SELECT id, answers, decided FROM comparisons ORDER BY id")
    kept = [row for row in db.rows("SELECT * FROM tallies") if row["comparisons"]]
    return stored == db.rows(ANSWERS) and kept == db.rows(RECOUNT)


def test_pairs_that_the_study_made_of_imported_prompts_go_and_come_back_with_them(
    db: Database, compare: Callable, judge: Callable, tmp_path: Path
) -> None:
    [own] = compare(db)
    path = tmp_path / "prompts.txt"
    path.write_text("One?\nTwo?")
    brought = import_file(db, path, "prompts", holdout_share=0).import_id or 0
    one, two = (row["id"] for row in db.rows("SELECT id FROM prompts WHERE id > 1"))
    judged, open_pair = make_pair(db, one, "judged"), make_pair(db, two, "open")
    judge(db, judged, [1, 2])
    assert shown_to(db, "bob") == ["Two?", "train prompt 0?"]
    effect = import_list.undo_effect(db, brought)
    assert (effect.goes, effect.stays, effect.answers_here) == ({"prompt": 2, "comparison": 2}, {}, 1)

    undo_import(db, brought)
    assert shown_to(db, "bob") == ["train prompt 0?"], "not even what bob held"
    assert preferences.derive(db) == []
    assert [one.id for one in comparisons.listing(db)] == [own]
    late = make_pair(db, two, "made by a run that had read the prompt before")
    assert shown_to(db, "bob") == ["train prompt 0?"] and counts_are_right(db)

    import_file(db, path, "prompts")
    assert [one.id for one in comparisons.listing(db)] == [own, judged, open_pair, late]
    assert [one.comparison_id for one in preferences.derive(db)] == [judged]
    assert shown_to(db, "bob") == ["Two?", "Two?", "train prompt 0?"] and counts_are_right(db)


def test_check_questions_and_repeats_of_an_imported_pair_go_and_come_back_with_it(
    db: Database, judge: Callable, said: Path
) -> None:
    brought = import_file(db, said, "comparisons").import_id or 0
    check_questions.make(db, "pair 0", [1, 2], by="lead")
    ann = annotators.ensure(db, "ann").id
    judge(db, comparisons.get(db, "pair 1").id, [1, 2])
    assert repeats.next_repeat(db, ann, after=0, now=NOW) is not None, "one waits for ann"
    for name in ("ann", "bob"):
        assert "Imported 0?" in shown_to(db, name, check_share=1.0)
    effect = import_list.undo_effect(db, brought)
    assert (effect.goes["comparison"], effect.answers_here) == (5, 1)
    undo_import(db, brought)
    assert shown_to(db, "ann", check_share=1.0) == shown_to(db, "bob", check_share=1.0) == []
    assert repeats.next_repeat(db, ann, after=0, now=NOW) is None
    assert counts_are_right(db)
    import_file(db, said, "comparisons")
    assert "Imported 0?" in shown_to(db, "eve", check_share=1.0)
    waiting = repeats.next_repeat(db, ann, after=0, now=NOW)
    assert waiting is not None and waiting["purpose"] == "repeat" and counts_are_right(db)


def test_pairs_of_a_prompt_that_another_import_brought_as_well_stay(db: Database, tmp_path: Path) -> None:
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.write_text("One?\nTwo?")
    second.write_text("Two?\nThree?")
    import_file(db, first, "prompts", holdout_share=0)
    brought = import_file(db, second, "prompts", holdout_share=0).import_id or 0
    for prompt in prompts.listing(db):
        make_pair(db, prompt.id, "pair")
    assert import_list.undo_effect(db, brought).goes == {"prompt": 1, "comparison": 1}
    undo_import(db, brought)
    assert shown_to(db, "ann") == ["One?", "Two?"]


def test_what_a_lead_kept_out_does_not_come_back(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_text("One?")
    brought = import_file(db, path, "prompts", holdout_share=0).import_id or 0
    kept_out = make_pair(db, 1, "names its writer")
    db.execute("UPDATE comparisons SET held_back = 1, withdrawn = 1 WHERE id = ?", [kept_out])
    undo_import(db, brought)
    import_file(db, path, "prompts")
    assert comparisons.listing(db) == []
