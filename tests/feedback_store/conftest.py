"""A fresh study, and comparisons to put into it."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from feedback_store import annotators, comparisons, completions, policies, prompts
from feedback_store.comparisons import NewComparison
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.judgments import NewJudgment, submit
from feedback_store.prompts import NewPrompt

NOW = "2026-11-23T10:00:00.000Z"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.create(tmp_path / "study") as database:
        yield database


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Callable[[], Database]]:
    """Makes further studies."""
    opened: list[Database] = []

    def make() -> Database:
        opened.append(Database.create(tmp_path / f"study-{len(opened) + 2}"))
        return opened[-1]

    yield make
    for database in opened:
        database.close()


@pytest.fixture
def based(db: Database) -> Database:
    """A study with a base."""
    policies.add_base(db, source="tiny:", sha256="a" * 64, tokenizer_sha256="b" * 64, template_sha256="c" * 64)
    return db


@pytest.fixture
def compare() -> Callable[..., list[int]]:
    """Adds n comparisons, each of a prompt of its own; returns their ids."""

    def add(
        db: Database,
        n: int = 1,
        candidates: int = 2,
        split: str = "train",
        first: int = 0,
        language: str = "en",
        tags: Sequence[str] = (),
        **fields: Any,
    ) -> list[int]:
        with db.transaction():
            author = policies.external(db, "author").id
            added = []
            for number in range(first, first + n):
                messages = prompts.from_text(f"{split} prompt {number}?")
                prompt_id = prompts.add_one(
                    db, NewPrompt(messages, split=split, language=language, tags=list(tags)), holdout_share=0.2, seed=0
                )[0]
                texts = [f"Answer {place} to {number}." for place in range(candidates)]
                ids = completions.add(db, [NewCompletion(prompt_id, author, text) for text in texts])
                added += comparisons.add(db, [NewComparison(prompt_id, ids, **fields)])
        return added

    return add


@pytest.fixture
def judge() -> Callable[..., int]:
    """Submits a judgment by a person's name; returns its id."""
    sent = iter(range(10**6))

    def send(db: Database, comparison: int, ranks: list[int] | None, name: str = "ann", **fields: Any) -> int:
        places = list(range(len(comparisons.get(db, comparison).completion_ids)))
        values = {"shown": places, "key": f"key-{next(sent)}", **fields}
        annotator_id = annotators.ensure(db, name).id
        return submit(db, NewJudgment(comparison, annotator_id, ranks, **values)).id

    return send
