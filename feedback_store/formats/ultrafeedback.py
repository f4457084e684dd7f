"""UltraFeedback, binarized: a chosen and a rejected conversation with scores (JSON lines, JSON list or Parquet).

Source: https://huggingface.co/datasets/HuggingFaceH4/ultrafeedback_binarized. `chosen` and `rejected` are messages, the
user's turn included, and differ in the last one only. A language model gave the scores, so there is no person; where
both scores are equal the row is a tie, because the rejected one was then drawn by lot. The names of the writers are
not in these files. The other keys are kept under `ultrafeedback`.
"""

from collections.abc import Iterator
from pathlib import Path

from feedback_store import exchange_keys, foreign_rows
from feedback_store.exchange_records import Problem
from feedback_store.foreign_rows import Row

KEYS = ("chosen", "rejected")
REPEATED = ("prompt", "messages")  # what they say stands in chosen and rejected as well


def read(path: Path) -> Iterator[tuple[int, Row | Problem]]:
    """Yield (line number, row of the format `comparisons`) of a file."""
    yield from foreign_rows.rows_of(path, to_comparison)


def to_comparison(row: Row) -> Row:
    """Turn a row into one of the format `comparisons`. Raises InvalidInput."""
    foreign_rows.require_keys(row, KEYS)
    parted = [foreign_rows.last_answer(foreign_rows.messages_at(row, key), key) for key in KEYS]
    prompt = foreign_rows.shared_prompt(parted[0][0], parted[1][0], "chosen and rejected")
    scores = [row.get("score_chosen"), row.get("score_rejected")]
    tie = scores[0] is not None and scores[0] == scores[1]
    completions = [(text, "unknown") for _, text in parted]
    extra = exchange_keys.unknown(row, KEYS + REPEATED)
    judgments = [foreign_rows.vote([1, 1] if tie else [1, 2])]
    return foreign_rows.comparison("ultrafeedback", prompt, completions, judgments, extra)
