"""What several people judged: the frame that agreement is computed from, and where they disagree most."""

import json
from collections import Counter
from typing import TYPE_CHECKING

from feedback_store.database import Database
from feedback_store.preferences import outcome

if TYPE_CHECKING:
    import pandas

LATEST = 20_000
"""Judgments that agreement looks at, at most: the latest, so that it tells how people agree now, in bounded memory."""


def frame(db: Database, *, latest: int = LATEST) -> "pandas.DataFrame":
    """Return the latest judgments that count on comparisons with two or more answers, as agreement.agreement reads
    them (prompt_id, comparison_id, annotator, ranks, strength, skipped).
    """
    import pandas

    rows = [
        {**row, "ranks": json.loads(row["ranks"]) if row["ranks"] else None, "skipped": None}
        for row in db.rows(_SHARED, {"latest": latest})
    ]
    columns = ["prompt_id", "comparison_id", "annotator", "ranks", "strength", "skipped"]
    return pandas.DataFrame(rows[::-1], columns=columns)


def disagreements(db: Database, *, most: int = 50) -> list[dict[str, object]]:
    """Return comparisons of two on which people preferred different sides, the latest first: its public id and how
    many preferred the first candidate, the second, or neither.
    """
    found = []
    for row in db.rows(_DIVIDED, {"most": most}):
        said = Counter(outcome(*json.loads(ranks)) for ranks in json.loads(row["ranks"]))
        found.append({"comparison": row["public_id"], "votes": [said["first"], said["second"], said["tie"]]})
    return found


_SHARED = """
SELECT c.prompt_id, j.comparison_id, j.annotator_id AS annotator, j.ranks, j.strength
FROM comparisons c JOIN counted_judgments j ON j.comparison_id = c.id
WHERE c.id IN (SELECT id FROM comparisons WHERE decided > 1 AND withdrawn = 0 AND purpose IN ('training', 'evaluation')
               ORDER BY id DESC LIMIT :latest)
  AND j.ranks IS NOT NULL ORDER BY j.comparison_id DESC, j.id DESC LIMIT :latest"""
_DIVIDED = """
SELECT c.public_id, json_group_array(j.ranks) AS ranks FROM comparisons c
JOIN counted_judgments j ON j.comparison_id = c.id
WHERE c.decided > 1 AND c.withdrawn = 0 AND c.purpose IN ('training', 'evaluation') AND json_array_length(j.ranks) = 2
GROUP BY c.id
HAVING SUM(json_extract(j.ranks, '$[0]') < json_extract(j.ranks, '$[1]')) > 0
   AND SUM(json_extract(j.ranks, '$[0]') > json_extract(j.ranks, '$[1]')) > 0
ORDER BY c.id DESC LIMIT :most"""
