"""Studies to annotate under a benchmark: many pairs of answers as long as real ones, and people with sessions."""

import random
from pathlib import Path
from typing import Any

from benchmarks.large_study import WORDS
from feedback_store import (
    accounts,
    annotators,
    comparisons,
    completions,
    judgments,
    policies,
    prompts,
    questions,
    sessions,
)
from feedback_store.comparisons import NewComparison
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.judgments import NewJudgment
from feedback_store.prompts import NewPrompt
from rounds import studies
from ui.web.access import access_to
from ui.web.study import study_id

AHEAD = 3
"""Pairs that a person holds at a time."""


def make(folder: Path, pairs: int, seed: int, base: str = "tiny:", **settings: Any) -> None:
    """Make a study with `pairs` comparisons to ask; the prompt of each begins with its number ("Question 17: ...").
    `settings` are the study's.
    """
    draw = random.Random(seed)
    with studies.open_or_create(folder, base=base, create=True, refill=False, **settings) as db, db.transaction():
        author = policies.external(db, "author").id
        new = [NewPrompt(prompts.from_text(f"Question {number}: {_words(draw, 15)}?")) for number in range(pairs)]
        for prompt_id in prompts.add(db, new, holdout_share=0.2, seed=seed).ids:
            ids = completions.add(db, [NewCompletion(prompt_id, author, answer(draw)) for _ in range(2)])
            comparisons.add(db, [NewComparison(prompt_id, ids)])


def people(db: Database, number: int) -> list[str]:
    """Make accounts that are logged in; returns the Cookie header of each."""
    tokens = []
    with db.transaction():
        for place in range(number):
            person = annotators.ensure(db, f"person-{place}").id
            accounts.create(db, person, "annotator" if place else "admin", by="benchmark")
            tokens.append(sessions.begin(db, person, seconds=24 * 3600.0))
    name = access_to(db, study_id(db), "127.0.0.1", 7860).cookie_name
    return [f"{name}={token}" for token in tokens]


def judge(db: Database, number: int) -> None:
    """Let one person who is not among the others judge the first comparisons: something to train a reward on."""
    person = annotators.ensure(db, "first").id
    for place, question in enumerate(questions.next_questions(db, person, limit=number).questions):
        ranks = [1, 2] if place % 3 else [2, 1]
        new = NewJudgment(question.comparison_public_id, person, ranks, question.shown, f"first-{place:08}")
        judgments.submit(db, new)


def answer(draw: random.Random) -> str:
    """A text of 40 to 120 words in Markdown: two paragraphs, a list between them."""
    points = "\n".join(f"- {_words(draw, draw.randint(3, 8))}" for _ in range(draw.randint(2, 4)))
    first, last = (_words(draw, draw.randint(15, 40)) for _ in range(2))
    return f"{first.capitalize()}.\n\n{points}\n\n**{last.capitalize()}.**"


def _words(draw: random.Random, count: int) -> str:
    return " ".join(draw.choices(WORDS, k=count))
