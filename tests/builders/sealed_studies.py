"""Blind evaluations as a run begins them: sealed, with pairs to judge."""

from feedback_store import evaluations, policies, runs
from feedback_store.comparisons import NewComparison
from feedback_store.database import Database
from feedback_store.evaluations import Evaluation
from web_studies import claim


def seal(
    db: Database, prompt_id: int, pairs: list[list[int]], lease: runs.Lease | None = None
) -> tuple[Evaluation, list[int]]:
    """An evaluation of two policies whose pairs are these completions of a held-out prompt; returns it and the ids of
    its comparisons.
    """
    if lease is None:
        runs.enqueue(db, "evaluate", {})
        lease = claim(db)
    sides = [(policies.external(db, name).id, 1) for name in ("author", "another author")]
    made = evaluations.start(
        db, sides, run_id=lease.run_id, wanted=len(pairs), stop_rule="count", error=0.05, seed=0, by="test"
    )
    new = [NewComparison(prompt_id, ids, purpose="evaluation") for ids in pairs]
    evaluations.add_pairs(db, lease, made.id, [(0, 1, one) for one in new])
    rows = db.rows("SELECT comparison_id FROM evaluation_pairs WHERE evaluation_id = ? ORDER BY 1", [made.id])
    return made, [row["comparison_id"] for row in rows]
