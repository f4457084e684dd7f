"""A file that is scored: how its texts ended, and what its judgments say."""

import json
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reward_training.human_ceiling import human_ceiling, said_of
from rounds.kinds import score
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
    found = list(judged_pairs(said, texts))
    assert [(one.outcome, one.annotator, one.group) for one in found] == [
        ("second", "ann", '"Is it?"'),
        ("second", "ann", '"Is it?"'),
        ("tie", "ann", '"Is it?"'),
    ]
    assert sum(one.weight for one in found) == 2, "a ranking of three counts as two comparisons"
    grouped = list(judged_pairs({**said, "group": "debate"}, texts))
    assert {one.group for one in grouped} == {"debate"}


def test_lines_of_one_prompt_are_one_group_and_people_on_the_same_texts_meet() -> None:
    class Context(SimpleNamespace):
        def log(self, *_: object, **__: object) -> None: ...

    lines = [record([{"key": name, "ranks": [1, 2, 3], "annotator": name}]) for name in ("ann", "bo", "cy")]
    lines.append({**record([{"key": "x", "ranks": [1, 2, 2], "annotator": "ann"}]), "prompt": "And that?"})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "input.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        rows, problems = score._read(Context(file=lambda _: path, study=StudySettings(base="tiny:")))
    assert problems == []
    pairs = [pair for _, line, texts in rows for pair in judged_pairs(line, texts)]
    assert len({pair.group for pair in pairs}) == 2
    assert human_ceiling(said_of(pairs))["pairs"] == 3


class Cancelled(Exception):
    """The run was cancelled."""


def test_a_run_that_is_cancelled_reads_no_text_before_it_looks(tmp_path, monkeypatch) -> None:
    """Texts are counted and read some at a time: 100,000 were tokenised for half a minute first."""
    looks: list[int] = []

    class Model:
        tokens_per_text = 10

        def read_in_part(self, texts: list) -> int:
            assert looks and len(texts) <= score.BATCH, "it was looked whether the work is still wanted"
            return len(texts)

        def all_features(self, texts: list) -> list:
            return []

        def score_features(self, features: list) -> list:
            return [0.0] * score.BATCH

        def standard(self, features: list) -> list:
            return features

    def between_steps(phase: str, *, step: int, steps: int) -> None:
        looks.append(step)
        if step:
            raise Cancelled

    lines = [(number, {}, [SimpleNamespace()]) for number in range(3 * score.BATCH)]
    monkeypatch.setattr(score, "_read", lambda _: (lines, []))
    models = SimpleNamespace(
        reward_row=lambda _: SimpleNamespace(folder="r"), reward=lambda _: Model(), folder=lambda _: tmp_path
    )
    context = SimpleNamespace(settings=SimpleNamespace(reward_model=None), models=models, between_steps=between_steps)
    with pytest.raises(Cancelled):
        score.run(context)
    assert looks == [0, score.BATCH]
