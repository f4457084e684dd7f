"""How long a page of the tables of prompts, completions and judgments takes, at 1,000 and 1,000,000 judgments.

Each look is one that a filter of the page Data asks for: what an index finds, what most rows fit, what few or none fit
(then a page says how far it came; `requests` are how many pages it takes until everything was looked through).
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks import large_study
from benchmarks.figures import milliseconds
from benchmarks.setting import Setting
from feedback_store import completion_table, judgment_table, prompt_table
from feedback_store.completion_table import CompletionFilters
from feedback_store.database import Database
from feedback_store.judgment_table import JudgmentFilters
from feedback_store.prompt_table import PromptFilters
from feedback_store.row_pages import Page

SIZES = (1_000, 1_000_000)
TRIALS = 10
Look = Callable[..., Page]
LOOKS: dict[str, tuple[Look, Any]] = {
    "judgments": (judgment_table.page, JudgmentFilters()),
    "judgments of a person": (judgment_table.page, JudgmentFilters(person=7)),
    "judgments of the first round": (judgment_table.page, JudgmentFilters(round=1)),
    "judgments that were replaced": (judgment_table.page, JudgmentFilters(state="superseded")),
    "judgments, both bad (none)": (judgment_table.page, JudgmentFilters(verdict="both_bad")),
    "judgments that a run saw": (judgment_table.page, JudgmentFilters(run=1)),
    "judgments on a prompt": (judgment_table.page, JudgmentFilters(prompt=3)),
    "prompts": (prompt_table.page, PromptFilters()),
    "prompts with a common word": (prompt_table.page, PromptFilters(search="garden")),
    "prompts with no such word": (prompt_table.page, PromptFilters(search="zzzz")),
    "completions": (completion_table.page, CompletionFilters()),
    "completions of the base": (completion_table.page, CompletionFilters(policy="base")),
    "completions with no such word": (completion_table.page, CompletionFilters(search="zzzz")),
}


def pages(size: int, setting: Setting) -> dict[str, Any]:
    """The first page of each look, and how many requests it takes to see everything that fits where that is little."""
    size = min(size, 200) if setting.short else size
    with setting.folder() as folder:
        large_study.copy(setting.work, size, setting.seed, folder / "large")
        with Database.open(folder / "large") as db:
            found = {name: _look(db, *asked, setting.trials(TRIALS, 2)) for name, asked in LOOKS.items()}
            return {"judgments": size, "looks": found}


def _look(db: Database, page: Look, narrowed: Any, trials: int) -> dict[str, Any]:
    times, first = [], Page([], None)
    for _ in range(trials):
        began = time.perf_counter()
        first = page(db, narrowed)
        times.append((time.perf_counter() - began) * 1000)
    requests, latest = 1, first
    while not latest.filled:
        requests += 1
        latest = page(db, narrowed, before=latest.before)
    return {**milliseconds(times), "rows": len(first.rows), "requests": requests}


CELLS: dict[str, Callable[[Setting], dict[str, Any]]] = {str(size): partial(pages, size) for size in SIZES}
