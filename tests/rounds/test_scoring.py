"""A file that is scored: how its texts ended, and what its judgments say."""

from typing import Any

from rounds.kinds.score import judged_pairs, texts_of
from rounds.settings import StudySettings


def record(judgments: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    texts = [{"text": "So it is", "finish_reason": end} for end in ("stop", "length", None)]
    return {"prompt": "Is it?", "completions": texts, "judgments": judgments, **more}


def test_a_text_that_was_cut_off_is_read_as_one() -> None:
    assert [text.finished for text in texts_of(record([]), StudySettings(base="tiny:"))] == [True, False, None]


def test_what_counts_is_what_was_said_last_and_a_skip_is_no_tie() -> None:
    said = record(
        [
            {"key": "a", "ranks": [1, 2, 3], "annotator": "ann"},
            {"key": "b", "ranks": [2, 1, 1], "annotator": "ann", "supersedes": "a"},
            {"key": "c", "ranks": None, "skipped": "both are fine", "annotator": "bo"},
            {"key": "d", "ranks": [1, 1, 1], "skipped": "cannot tell", "annotator": "bo"},
        ]
    )
    texts = texts_of(said, StudySettings(base="tiny:"))
    found = list(judged_pairs(said, texts, group="7"))
    assert [(one.outcome, one.annotator, one.group) for one in found] == [
        ("second", "ann", "7"),
        ("second", "ann", "7"),
        ("tie", "ann", "7"),
    ]
    assert sum(one.weight for one in found) == 2, "a ranking of three counts as two comparisons"
    grouped = list(judged_pairs({**said, "group": "debate"}, texts, group="7"))
    assert {one.group for one in grouped} == {"debate"}
