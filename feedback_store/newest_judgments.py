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


def training(db: Database, most: int, split: str = "train") -> list[int]:
    """Return the ids of the newest judgments of training purpose on prompts of a split that amount to preferences, in
    id order.
    """
    rows = db.rows(f"{_TRAINING} ORDER BY j.id DESC LIMIT :most", {"split": split, "most": most})
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
