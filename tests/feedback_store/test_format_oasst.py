"""OpenAssistant trees: ranked replies at every depth become comparisons of one group."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from feedback_store import comparisons, completions, judgments, policies, prompts
from feedback_store.database import Database
from feedback_store.exchange import import_file

FOREIGN = Path(__file__).parent / "foreign"


def tree() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOREIGN / "oasst.jsonl").read_text("utf-8").splitlines()[0])
    return found


def taken(db: Database, tmp_path: Path, row: object) -> list[str]:
    """Import one tree; return why something was left out."""
    (tmp_path / "trees.jsonl").write_text(json.dumps(row))
    return [problem.reason for problem in import_file(db, tmp_path / "trees.jsonl", "oasst").problems]


def test_ranked_replies_at_every_depth_are_compared(db: Database) -> None:
    report = import_file(db, FOREIGN / "oasst.jsonl", "oasst")
    assert (report.rows, report.added) == (4, 2)
    assert [(problem.line, problem.reason) for problem in report.problems] == [
        (1, "Of 3 replies to message t1, 1 have no rank or were deleted."),
        (2, "The tree t2 has no message with two ranked replies: nothing in it was compared."),
    ]
    assert [one.ranks for one in judgments.live(db)] == [[2, 1], [1, 3, 2]]
    first, second = comparisons.listing(db)
    author = [policies.get(db, one.policy_id).name for one in completions.get(db, first.completion_ids)]
    assert author == ["human", "a-model"]
    asked = prompts.get(db, second.prompt_id)
    assert [message["role"] for message in asked.messages] == ["user", "assistant", "user"]
    assert (asked.group, asked.language, prompts.get(db, first.prompt_id).group) == ("t1", "en", "t1")
    assert [reply["rank"] for reply in second.extra["oasst"]["replies"]] == [0, 2, 1]


def test_gaps_in_the_ranks_are_closed_and_equal_ranks_are_ties(db: Database, tmp_path: Path) -> None:
    row = tree()
    for reply, rank in zip(row["prompt"]["replies"], (7, 3, 7), strict=True):
        reply.update(rank=rank, replies=[])
    assert taken(db, tmp_path, row) == []
    assert judgments.live(db)[0].ranks == [2, 1, 2]


def test_more_than_nine_replies_are_left_out_with_the_reason(db: Database, tmp_path: Path) -> None:
    row = tree()
    reply = {"role": "assistant", "text": "x", "replies": []}
    row["prompt"]["replies"] = [{**copy.deepcopy(reply), "rank": rank} for rank in range(10)]
    assert taken(db, tmp_path, row)[0] == "10 replies to message t1 have a rank; at most 9 can be compared."


def test_a_deep_tree_is_no_problem(db: Database, tmp_path: Path) -> None:
    node = tree()["prompt"]["replies"][0]
    for depth in range(150):
        node = {"role": ("prompter", "assistant")[depth % 2], "text": f"{depth}", "rank": 0, "replies": [node]}
    root = {**tree()["prompt"], "replies": [*tree()["prompt"]["replies"][:2], {**node, "role": "assistant", "rank": 5}]}
    assert taken(db, tmp_path, {"message_tree_id": "t", "prompt": root}) == []
    assert judgments.live(db)[0].ranks == [2, 1, 3]


@pytest.mark.parametrize(
    ("place", "changed", "words"),
    [
        ("prompt", {"role": "system"}, "it needs a text and a role"),
        ("prompt", {"text": None}, "`text` is null"),
        ("prompt", {"replies": "none"}, "`replies` is"),
        ("reply", {"rank": "first"}, "`rank` is"),
        ("reply", {"rank": True}, "`rank` is true"),
        ("reply", {"text": 3}, "`text` is 3"),
    ],
)
def test_what_cannot_be_taken_is_said(
    db: Database, tmp_path: Path, place: str, changed: dict[str, Any], words: str
) -> None:
    row = tree()
    (row["prompt"] if place == "prompt" else row["prompt"]["replies"][0]).update(changed)
    assert re.search(words, taken(db, tmp_path, row)[0])
    assert comparisons.counts(db).total == 0  # a tree is taken as its file has it, or not at all
