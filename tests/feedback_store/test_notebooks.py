"""The examples of docs/notebooks.md run as they stand there."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from feedback_store.database import Database

PAGE = Path(__file__).parents[2] / "docs" / "notebooks.md"


@pytest.mark.parametrize("number", [0, 3])
def test_the_examples_run(
    based: Database, compare: Callable, judge: Callable, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    for comparison in compare(based, number, split="holdout"):
        for name in ("ann", "bob"):
            judge(based, comparison, [1, 2], name=name, milliseconds=900)
    based.folder.rename(based.folder.with_name("STUDY"))
    monkeypatch.chdir(based.folder.parent)
    code = "\n".join(re.findall(r"^    (.*)$", PAGE.read_text(encoding="utf-8"), re.M))
    names: dict[str, Any] = {}
    exec(compile(code, PAGE.name, "exec"), names)
    assert len(names["judgments"]) == 2 * number
    assert len(names["fair"]) == 2 * number
