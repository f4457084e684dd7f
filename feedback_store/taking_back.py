"""What goes from the study with an import that is taken back, and what comes back where the file is imported again."""

from feedback_store import comparisons
from feedback_store.database import Database


def withdraw(db: Database, import_id: int, now: str) -> None:
    """Withdraw what an import brought, but for what another import that stands brought as well, and with a prompt or a
    completion every comparison of it: those that the study made itself, check questions and repeats too.
    """
    db.execute(
        f"INSERT INTO withdrawn_judgments (judgment_id, at) SELECT item_id, :now FROM {brought_alone('judgment')}",
        {"id": import_id, "now": now},
    )
    touched = f"SELECT DISTINCT comparison_id AS id FROM judgments WHERE id IN {brought_alone('judgment')}"
    changed = db.rows(f"{touched} UNION SELECT value FROM {GOING_COMPARISONS}", {"id": import_id})
    db.execute(
        f"UPDATE comparisons SET withdrawn = 1 WHERE id IN (SELECT value FROM {GOING_COMPARISONS})", {"id": import_id}
    )
    for kind in ("prompt", "completion"):
        db.execute(f"UPDATE {kind}s SET withdrawn = 1 WHERE id IN {brought_alone(kind)}", {"id": import_id})
    for row in changed:
        comparisons.recount(db, row["id"])


def brought_alone(kind: str) -> str:
    """Return the query, in brackets, of the ids of what the import :id brought and no other import that stands."""
    return (
        f"(SELECT item_id FROM import_items t WHERE import_id = :id AND kind = '{kind}' AND NOT EXISTS (SELECT 1 FROM"
        " import_items o JOIN imports i ON i.id = o.import_id WHERE o.kind = t.kind AND o.item_id = t.item_id"
        " AND o.import_id <> :id AND i.undone_at IS NULL))"
    )


GOING_COMPARISONS = f"""(
  SELECT item_id AS value FROM {brought_alone("comparison")}
  UNION SELECT id FROM comparisons WHERE withdrawn = 0 AND prompt_id IN {brought_alone("prompt")}
  UNION SELECT c.id FROM candidates k JOIN comparisons c ON c.id = k.comparison_id
    WHERE c.withdrawn = 0 AND k.completion_id IN {brought_alone("completion")})"""
"""The comparisons that go with the import :id: what it brought, and what was made of its prompts and completions."""


def bring_back(db: Database, kind: str, item_id: int) -> None:
    """Let the comparisons of a prompt or a completion that came again come back; of other kinds none went with one."""
    for row in db.rows(_WENT_WITH[kind], {"item": item_id}) if kind in _WENT_WITH else ():
        db.execute("UPDATE comparisons SET withdrawn = 0 WHERE id = ?", [row["id"]])
        comparisons.recount(db, row["id"])


# The comparisons of a prompt or a completion that went with it and come back with it. What an import brought comes back
# with its own row; what a lead kept out, and what an evaluation did not need any more, does not come back.
_COMES_BACK = """
SELECT c.id FROM comparisons c JOIN prompts p ON p.id = c.prompt_id
WHERE {of} AND c.withdrawn = 1 AND c.held_back = 0 AND p.withdrawn = 0
  AND NOT EXISTS (SELECT 1 FROM import_items t WHERE t.kind = 'comparison' AND t.item_id = c.id)
  AND NOT EXISTS (SELECT 1 FROM candidates k JOIN completions m ON m.id = k.completion_id
    WHERE k.comparison_id = c.id AND m.withdrawn = 1)
  AND (EXISTS (SELECT 1 FROM judgments j WHERE j.comparison_id = c.id)
    OR NOT EXISTS (SELECT 1 FROM evaluation_pairs e JOIN evaluations v ON v.id = e.evaluation_id
      WHERE e.comparison_id = c.id AND v.unsealed_at IS NOT NULL))"""
_WENT_WITH = {
    "prompt": _COMES_BACK.format(of="c.prompt_id = :item"),
    "completion": _COMES_BACK.format(of="c.id IN (SELECT comparison_id FROM candidates WHERE completion_id = :item)"),
}
