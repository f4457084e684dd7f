"""The imports of a study as a list, and what taking one back would do."""

import json
from dataclasses import dataclass
from typing import Any

from feedback_store import importing, provenance, taking_back
from feedback_store.database import Database
from feedback_store.provenance import Trained

KINDS = ("prompt", "completion", "comparison", "judgment")


@dataclass(frozen=True)
class ListedImport:
    """An import. `state` is stands, taken_back, under_way (its rows are still being counted), or cut_off (it was killed
    on the way: what it brought is taken back by the next import, or by undoing it). `was_cut_off`: taken back for that
    reason. What was wrong with its rows stands in its report alone: the reasons can name people.
    """

    id: int
    format: str
    file_name: str
    rows: int
    added: int
    known: int
    left_out: int
    created_at: str
    undone_at: str | None
    state: str
    was_cut_off: bool


@dataclass(frozen=True)
class UndoEffect:
    """What taking an import back does. By kind, `goes` is asked, trained on and exported no more (comparisons that the
    study made of its prompts and completions are among them); `stays` is what another import brought as well.
    `answers_here`: answers of this study's people to comparisons that go; they are kept and count no more. What its
    judgments `trained` stays as it is.
    """

    goes: dict[str, int]
    stays: dict[str, int]
    answers_here: int
    trained: Trained


def listing(db: Database, *, before: int | None = None, limit: int = 25) -> list[ListedImport]:
    """Return imports, the newest first; go further back by `before`."""
    going = importing.under_way(db)
    rows = db.rows(
        "SELECT * FROM imports WHERE (:before IS NULL OR id < :before) ORDER BY id DESC LIMIT :most",
        {"before": before, "most": limit},
    )
    # Asked before and after: it may have ended, or begun, while the rows were read.
    unfinished = "under_way" if going or importing.under_way(db) else "cut_off"
    return [_listed(row, unfinished) for row in rows]


def is_there(db: Database, import_id: int) -> bool:
    """Tell whether the study has an import of this id."""
    return db.value("SELECT 1 FROM imports WHERE id = ?", [import_id]) is not None


def undo_effect(db: Database, import_id: int) -> UndoEffect:
    """Return what taking back an import that stands or was cut off would do. Raises InvalidInput."""
    importing.import_row(db, import_id)
    counted = "SELECT kind, COUNT(*) AS n FROM import_items WHERE import_id = ? GROUP BY kind"
    brought = {row["kind"]: int(row["n"]) for row in db.rows(counted, [import_id])}
    goes = {
        kind: int(db.value(f"SELECT COUNT(*) FROM {taking_back.brought_alone(kind)}", {"id": import_id}))
        for kind in KINDS
        if kind in brought
    }
    stays = {kind: brought[kind] - count for kind, count in goes.items() if brought[kind] > count}
    going = int(db.value(f"SELECT COUNT(*) FROM {taking_back.GOING_COMPARISONS}", {"id": import_id}))
    here = (
        f"SELECT COUNT(*) FROM judgments j WHERE j.comparison_id IN (SELECT value FROM {taking_back.GOING_COMPARISONS})"
        " AND j.import_id IS NULL AND j.skipped IS NOT 'undone'"
    )
    return UndoEffect(
        goes=goes | ({"comparison": going} if going else {}),
        stays=stays,
        answers_here=int(db.value(here, {"id": import_id})),
        trained=provenance.trained_by_import(db, import_id),
    )


def _listed(row: dict[str, Any], unfinished: str) -> ListedImport:
    reasons = {problem["reason"] for problem in json.loads(row["problems"])}
    return ListedImport(
        id=row["id"],
        format=row["format"],
        file_name=row["file_name"],
        rows=row["row_count"],
        added=row["added"],
        known=row["known"],
        left_out=row["row_count"] - row["added"] - row["known"],
        created_at=row["created_at"],
        undone_at=row["undone_at"],
        state="taken_back" if row["undone_at"] else unfinished if row["row_count"] == 0 else "stands",
        was_cut_off=importing.CUT_OFF in reasons,
    )
