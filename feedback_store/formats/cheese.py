"""CHEESE: a query, its completions, and a ranking of them (JSON lines, a JSON list or Parquet).

Source: https://github.com/CarperAI/cheese, examples/instruct_hf_pipeline.py: `query`, `completions`, and `rankings`,
the indices of the completions from 0 in the order in which they were pressed, the best one first. It writes a data set
of the library `datasets`; that library's to_json and to_parquet make the files read here. A row without a ranking is a
comparison that nobody judged yet. CHEESE keeps neither people nor models. Left out: rankings of only some completions,
which are refused. Other keys are kept under `cheese`.
"""

from collections.abc import Iterator
from pathlib import Path

from feedback_store import exchange_keys, foreign_rows
from feedback_store.errors import InvalidInput
from feedback_store.exchange_records import Problem
from feedback_store.foreign_rows import Row

KEYS = ("query", "completions", "rankings")


def read(path: Path) -> Iterator[tuple[int, Row | Problem]]:
    """Yield (line number, row of the format `comparisons`) of a file."""
    yield from foreign_rows.rows_of(path, to_comparison)


def to_comparison(row: Row) -> Row:
    """Turn a row into one of the format `comparisons`. Raises InvalidInput."""
    foreign_rows.require_keys(row, KEYS)
    texts, order = row["completions"], row["rankings"]
    if not isinstance(texts, list) or any(not isinstance(text, str) for text in texts):
        raise InvalidInput(f"`completions` is {foreign_rows.quoted(texts)}; it has to be a list of texts.")
    judgments = [] if order is None else [foreign_rows.vote(_ranks(order, len(texts)))]
    completions = [(text, "unknown") for text in texts]
    extra = exchange_keys.unknown(row, KEYS)
    return foreign_rows.comparison("cheese", foreign_rows.text_at(row, "query"), completions, judgments, extra)


def _ranks(order: object, count: int) -> list[int]:
    if not isinstance(order, list) or any(isinstance(place, bool) or not isinstance(place, int) for place in order):
        raise InvalidInput(f"`rankings` is {foreign_rows.quoted(order)}; it has to be a list of whole numbers from 0.")
    return foreign_rows.ranks_of(order, list(range(count)), "`rankings`")
