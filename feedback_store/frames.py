"""A study as pandas frames, for notebooks:

from feedback_store import database, frames
study = database.Database.open("my-study", readonly=True)
frames.judgments(study)
"""

import json
from typing import TYPE_CHECKING

from feedback_store import runs
from feedback_store.database import Database

if TYPE_CHECKING:
    import pandas


def judgments(db: Database) -> "pandas.DataFrame":
    """Return one row a judgment that counts, skips included, with the annotator's name, the split and the purpose."""
    rows = db.rows(
        "SELECT j.id, j.comparison_id, c.public_id AS comparison, c.prompt_id, p.group_name AS prompt_group, p.split, "
        "c.purpose,"
        " a.name AS annotator, a.kind AS annotator_kind, j.ranks, j.shown, j.both_bad, j.skipped, j.strength, "
        "j.rationale,"
        " j.milliseconds, j.input_device, j.view, j.late, j.at, j.created_at FROM live_judgments j"
        " JOIN comparisons c ON c.id = j.comparison_id JOIN prompts p ON p.id = c.prompt_id"
        " JOIN annotators a ON a.id = j.annotator_id ORDER BY j.id"
    )
    return _frame(rows, decoded=("ranks", "shown"), flags=("both_bad", "late"))


def comparisons(db: Database) -> "pandas.DataFrame":
    """Return one row a comparison: its prompt, split, purpose, round, how it was chosen, candidates and number of
    answers.
    """
    rows = db.rows(
        "SELECT c.id, c.public_id, c.prompt_id, p.group_name AS prompt_group, p.split, p.language, c.purpose, r.number "
        "AS round,"
        " c.chosen_by, c.is_random, c.score, c.probability, c.answers, c.run_id, c.created_at,"
        " (SELECT json_group_array(completion_id) FROM (SELECT completion_id FROM candidates"
        "   WHERE comparison_id = c.id ORDER BY position)) AS completion_ids"
        " FROM comparisons c JOIN prompts p ON p.id = c.prompt_id LEFT JOIN rounds r ON r.id = c.round_id"
        " WHERE c.withdrawn = 0 ORDER BY c.id"
    )
    return _frame(rows, decoded=("completion_ids",), flags=("is_random",))


def metrics(db: Database, run_id: int) -> "pandas.DataFrame":
    """Return one row a step and series of a run, with a column for each reading."""
    points = runs.metrics(db, run_id)
    return _frame([{"series": point.series, "step": point.step, "at": point.at, **point.values} for point in points])


def _frame(
    rows: list[dict[str, object]], decoded: tuple[str, ...] = (), flags: tuple[str, ...] = ()
) -> "pandas.DataFrame":
    import pandas  # here, so that the store itself stays light

    for row in rows:
        for name in decoded:
            text = row[name]
            row[name] = json.loads(text) if isinstance(text, str) else None
        for name in flags:
            row[name] = bool(row[name])
    return pandas.DataFrame(rows)
