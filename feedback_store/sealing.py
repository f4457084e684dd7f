"""Which completions are sealed: they stand in a blind evaluation that is not judged to its end.

Nobody may learn which policy wrote such a text, nor what would tell it (the run that drew it), before the last pair of
its set was judged. A set is what one run put to people; a comparison that came with a file is a set of its own.
"""

import json
from collections.abc import Sequence

from feedback_store.database import Database


def condition(completion: str) -> str:
    """Return the SQL condition that a completion is sealed; `completion` is how its id is written in the query."""
    return (
        "EXISTS (SELECT 1 FROM candidates sealed_k JOIN comparisons sealed_c ON sealed_c.id = sealed_k.comparison_id"
        f" WHERE sealed_k.completion_id = {completion} AND sealed_c.purpose = 'evaluation' AND sealed_c.withdrawn = 0"
        " AND (sealed_c.answers < sealed_c.overlap OR EXISTS (SELECT 1 FROM comparisons sealed_o"
        " WHERE sealed_o.run_id = sealed_c.run_id AND sealed_o.purpose = 'evaluation' AND sealed_o.withdrawn = 0"
        " AND sealed_o.answers < sealed_o.overlap)))"
    )


def any_sealed(db: Database) -> bool:
    """Tell whether the study has a blind evaluation that is not judged to its end."""
    found = "SELECT 1 FROM comparisons WHERE purpose = 'evaluation' AND withdrawn = 0 AND answers < overlap LIMIT 1"
    return db.value(found) is not None


def sealed(db: Database, completion_ids: Sequence[int]) -> set[int]:
    """Return those of some completions that are sealed."""
    rows = db.rows(
        f"SELECT value AS id FROM json_each(?) WHERE {condition('value')}", [json.dumps(list(completion_ids))]
    )
    return {row["id"] for row in rows}
