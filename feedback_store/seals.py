"""What is sealed: comparisons and completions of blind evaluations that are not finished.

Whoever shows or exports who wrote a text asks here first. A comparison is sealed by its texts, so that a repeat or a
check question that was made of a sealed one is sealed as well.
"""

import json
from collections.abc import Sequence

from feedback_store.database import Database

SEALED = """SELECT k.comparison_id FROM sealed_completions s JOIN candidates k ON k.completion_id = s.completion_id"""
"""The sealed comparisons, as a query."""


def condition(completion: str) -> str:
    """Return the SQL condition that a completion is sealed; `completion` is how its id is written in the query.

    Sealed is what stands in a pair of it, and all that its run or a retry of it drew: while pairs are being made, and
    texts that came into none. It looks at the completion's own rows alone, by their indexes: a view would be gone
    through for each. The runs are those of the few sealed evaluations, found once a query.
    """
    return (
        f"(EXISTS (SELECT 1 FROM completions sealed_t WHERE sealed_t.id = {completion}"
        f" AND sealed_t.run_id IN ({_SEALED_RUNS}))"
        " OR EXISTS (SELECT 1 FROM candidates sealed_k CROSS JOIN evaluation_pairs sealed_e"
        " ON sealed_e.comparison_id = sealed_k.comparison_id CROSS JOIN evaluations sealed_v"
        " ON sealed_v.id = sealed_e.evaluation_id"
        f" WHERE sealed_k.completion_id = {completion} AND sealed_v.unsealed_at IS NULL))"
    )


_SEALED_RUNS = (
    "WITH RECURSIVE sealed_runs (id) AS (SELECT run_id FROM evaluations WHERE unsealed_at IS NULL"
    " UNION SELECT r.id FROM sealed_runs CROSS JOIN runs r ON r.retries_id = sealed_runs.id) SELECT id FROM sealed_runs"
)


def any_there(db: Database) -> bool:
    """Tell whether an evaluation is sealed now."""
    return db.value("SELECT 1 FROM evaluations WHERE unsealed_at IS NULL LIMIT 1") is not None


def among(db: Database, comparison_ids: Sequence[int]) -> set[int]:
    """Return those of some comparisons that are sealed."""
    if not any_there(db):
        return set()
    rows = db.rows(AMONG, [json.dumps(list(comparison_ids))])
    return {row["id"] for row in rows}


def completions_among(db: Database, completion_ids: Sequence[int]) -> set[int]:
    """Return those of some completions that are sealed."""
    if not any_there(db):
        return set()
    rows = db.rows(COMPLETIONS_AMONG, [json.dumps(list(completion_ids))])
    return {row["id"] for row in rows}


AMONG = f"""
SELECT DISTINCT c.comparison_id AS id FROM candidates c
WHERE c.comparison_id IN (SELECT value FROM json_each(?)) AND {condition("c.completion_id")}"""
COMPLETIONS_AMONG = f"SELECT value AS id FROM json_each(?) WHERE {condition('value')}"
