"""How far people can be relied on, until there is a model of annotators: how often they agree with the others."""

from collections import Counter

from feedback_store import judgments, majority
from feedback_store.database import Database
from feedback_store.incoming import PSEUDO_ANNOTATOR

COMPARISONS_AT_ONCE = 2000


def of_people(db: Database, run_id: int | None = None) -> dict[int, float]:
    """Return, by annotator id, the share of their answers that say what most of the others said to the same question.

    Over the judgments that count, or over those that a run saw. Who never answered what others answered is not in it,
    nor are the pseudo-annotators of imports without people.
    """
    named = db.rows("SELECT id FROM annotators WHERE name = :it OR name LIKE :it || ' %'", {"it": PSEUDO_ANNOTATOR})
    nobody = {row["id"] for row in named}
    agreed: Counter[int] = Counter()
    asked: Counter[int] = Counter()
    after = 0
    while ids := _shared(db, after):
        after = ids[-1]
        said: dict[int, list[judgments.Judgment]] = {one: [] for one in ids}
        for judgment in judgments.of_comparisons(db, ids, run_id=run_id):
            if judgment.annotator_id not in nobody:
                said[judgment.comparison_id].append(judgment)
        for own in said.values():
            for person, is_agreed in majority.with_the_others(own):
                asked[person] += 1
                agreed[person] += is_agreed
    return {person: agreed[person] / count for person, count in asked.items()}


def _shared(db: Database, after: int) -> list[int]:
    """The next comparisons that may have more than one answer."""
    rows = db.rows(
        "SELECT comparison_id AS id FROM judgments WHERE comparison_id > ? GROUP BY comparison_id HAVING COUNT(*) > 1"
        " ORDER BY comparison_id LIMIT ?",
        [after, COMPARISONS_AT_ONCE],
    )
    return [row["id"] for row in rows]
