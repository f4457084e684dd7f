"""The newest judgments that train a reward, and what came since: for whoever follows them one by one."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from feedback_store.database import Database


@dataclass(frozen=True)
class Since:
    """What came behind a judgment: up to which id, which judgments count, and which earlier ones count no more."""

    latest: int
    counting: list[int]
    replaced: list[int]


def latest(db: Database) -> int:
    """Return the id of the last judgment that was stored, 0 before the first."""
    return int(db.value("SELECT MAX(id) FROM judgments") or 0)


def changes_behind(db: Database) -> tuple[int, ...]:
    """Return numbers that differ once judgments that were stored before count otherwise: a person or an import was left
    out or counts again, an import was taken back or brought judgments back.
    """
    row = db.row(
        "SELECT (SELECT COUNT(*) + COUNT(ended_at) FROM exclusions) AS exclusions, COUNT(*) AS imports,"
        " COUNT(undone_at) AS undone, COALESCE(SUM(row_count), 0) AS read,"
        " (SELECT COUNT(*) FROM withdrawn_judgments) AS withdrawn FROM imports"
    )
    assert row is not None
    return tuple(row.values())


def training(db: Database, most: int, split: str = "train", *, until: int | None = None) -> list[int]:
    """Return the ids of the newest judgments of training purpose on prompts of a split that amount to preferences, in
    id order; up to the judgment `until`, where others may be stored meanwhile.
    """
    rows = db.rows(
        f"{_TRAINING} AND (:until IS NULL OR j.id <= :until) ORDER BY j.id DESC LIMIT :most",
        {"split": split, "most": most, "until": until},
    )
    return [row["id"] for row in reversed(rows)]


def since(db: Database, after: int, most: int) -> Since:
    """Return what was stored behind the judgment `after`, `most` judgments at most (the oldest of them)."""
    end = db.value("SELECT MAX(id) FROM (SELECT id FROM judgments WHERE id > ? ORDER BY id LIMIT ?)", [after, most])
    if end is None:
        return Since(after, [], [])
    stored = {"after": after, "end": end, "split": "train"}
    counting = db.rows(f"{_TRAINING} AND j.id > :after AND j.id <= :end ORDER BY j.id", stored)
    replaced = db.rows(
        "SELECT supersedes_id AS id FROM judgments WHERE id > :after AND id <= :end AND supersedes_id IS NOT NULL",
        {"after": after, "end": end},
    )
    return Since(int(end), [row["id"] for row in counting], [row["id"] for row in replaced])


def chosen_by(db: Database, comparison_ids: Sequence[int]) -> dict[int, str]:
    """Return what chose each of these comparisons."""
    rows = db.rows(
        "SELECT id, chosen_by FROM comparisons WHERE id IN (SELECT value FROM json_each(?))",
        [json.dumps(list(comparison_ids))],
    )
    return {row["id"]: row["chosen_by"] for row in rows}


_TRAINING = (
    "SELECT j.id FROM counted_judgments j CROSS JOIN comparisons c ON c.id = j.comparison_id"
    " WHERE c.purpose = 'training' AND c.split = :split AND j.ranks IS NOT NULL"
)
