"""What a person said of a check question: the first answer to it counts, for whoever is told the expert's knows it.

A skip is no answer. Whoever counts check questions takes these conditions, so that all count the same.
"""

import json

from feedback_store.database import Row
from feedback_store.preferences import pairs_of

IN_USE = "(c.purpose = 'check' AND c.withdrawn = 0 AND c.held_back = 0 AND c.expert IS NOT NULL)"
"""A comparison `c` is a check question that is asked and counts."""

_STANDS = "NOT EXISTS (SELECT 1 FROM withdrawn_judgments w WHERE w.judgment_id = {id})"
FIRST = (
    f"(j.ranks NOT NULL AND {_STANDS.format(id='j.id')}"
    " AND NOT EXISTS (SELECT 1 FROM judgments f WHERE f.annotator_id = j.annotator_id"
    f" AND f.comparison_id = j.comparison_id AND f.id < j.id AND f.ranks NOT NULL AND {_STANDS.format(id='f.id')}))"
)
"""A judgment `j` is the first by which its author ranked the comparison, also where it was changed or undone since."""
NEVER_RANKED = (
    "NOT EXISTS (SELECT 1 FROM judgments r WHERE r.annotator_id = :annotator AND r.comparison_id = c.id"
    f" AND r.ranks NOT NULL AND {_STANDS.format(id='r.id')})"
)
"""A person (:annotator) has no such answer to the comparison `c`."""


def is_right(row: Row) -> bool:
    """Tell whether the `ranks` of a row have the order of its `expert`, each two alike."""
    return pairs_of(json.loads(row["ranks"])) == pairs_of(json.loads(row["expert"]))
