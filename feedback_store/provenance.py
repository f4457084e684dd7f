"""From a policy back to the judgments that made it, and from a judgment on to all that it trained.

A policy is made by its run and, up the tree, by the runs of its parents; a policy's run is paid by a reward model,
which its result names; a reward model is made by its run, which wrote down the judgments that it saw (run_judgments).
Each question is one query.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from feedback_store import policies
from feedback_store.database import Database, Row


@dataclass(frozen=True)
class Origin:
    """What made a policy: itself and its parents up to the base, the reward models that paid them, the runs that made
    these (oldest first), and the judgments that those saw (ids). Names where people know them by name.
    """

    policies: list[str]
    reward_models: list[str]
    runs: list[int]
    judgments: list[int]


@dataclass(frozen=True)
class Trained:
    """What judgments trained: the runs that saw them, the reward models that these made, and the policies that those
    paid, with all policies that were trained from these.
    """

    runs: list[int]
    reward_models: list[str]
    policies: list[str]


def origin(db: Database, policy: int | str) -> Origin:
    """Return which judgments made a policy, by its id or name, and on which way. Raises InvalidInput."""
    row = policies.get(db, policy) if isinstance(policy, int) else policies.by_name(db, policy)
    found = _by_kind(db.rows(_ORIGIN, [row.id]))
    return Origin(found["policy"], found["reward model"], found["run"], found["judgment"])


def judges_of(db: Database, judgment_ids: Sequence[int]) -> list[int]:
    """Return the ids of those who made these judgments, each once, in order."""
    rows = db.rows(
        "SELECT DISTINCT annotator_id FROM judgments WHERE id IN (SELECT value FROM json_each(?)) ORDER BY 1",
        [json.dumps(list(judgment_ids))],
    )
    return [int(row["annotator_id"]) for row in rows]


def trained_by(db: Database, judgment_ids: Sequence[int]) -> Trained:
    """Return what these judgments helped to train; nothing where no run saw one of them."""
    return _trained("SELECT value FROM json_each(?)", db, json.dumps(list(judgment_ids)))


def trained_by_person(db: Database, annotator_id: int) -> Trained:
    """Return what the judgments of a person helped to train, superseded ones included."""
    return _trained("SELECT id FROM judgments WHERE annotator_id = ?", db, annotator_id)


def trained_by_import(db: Database, import_id: int) -> Trained:
    """Return what the judgments that an import brought helped to train."""
    return _trained("SELECT item_id FROM import_items WHERE import_id = ? AND kind = 'judgment'", db, import_id)


_ORIGIN = """
WITH RECURSIVE line (id, parent_id, run_id) AS (
    SELECT id, parent_id, run_id FROM policies WHERE id = ?
    UNION
    SELECT p.id, p.parent_id, p.run_id FROM line JOIN policies p ON p.id = line.parent_id
),
paying (id, run_id) AS (
    SELECT DISTINCT m.id, m.run_id FROM line JOIN runs r ON r.id = line.run_id
    JOIN reward_models m ON m.name = json_extract(r.result, '$.reward_model')
),
making (run_id) AS (SELECT run_id FROM line WHERE run_id IS NOT NULL UNION SELECT run_id FROM paying)
SELECT 'policy' AS kind, p.id AS id, p.name AS known_as FROM line JOIN policies p ON p.id = line.id
UNION ALL SELECT 'reward model', m.id, m.name FROM paying JOIN reward_models m ON m.id = paying.id
UNION ALL SELECT 'run', run_id, run_id FROM making
UNION ALL SELECT DISTINCT 'judgment', j.judgment_id, j.judgment_id FROM making
    JOIN run_judgments j ON j.run_id = making.run_id
ORDER BY kind, id
"""

_TRAINED = """
WITH RECURSIVE seeing (run_id) AS (SELECT DISTINCT run_id FROM run_judgments WHERE judgment_id IN ({judgments})),
made (id, name) AS (SELECT m.id, m.name FROM seeing JOIN reward_models m ON m.run_id = seeing.run_id),
paid (id) AS (
    SELECT p.id FROM policies p JOIN runs r ON r.id = p.run_id
    JOIN made ON made.name = json_extract(r.result, '$.reward_model')
    UNION
    SELECT p.id FROM policies p JOIN seeing ON seeing.run_id = p.run_id
    UNION
    SELECT p.id FROM paid JOIN policies p ON p.parent_id = paid.id
)
SELECT 'run' AS kind, run_id AS id, run_id AS known_as FROM seeing
UNION ALL SELECT 'reward model', id, name FROM made
UNION ALL SELECT 'policy', p.id, p.name FROM paid JOIN policies p ON p.id = paid.id
ORDER BY kind, id
"""


def _trained(judgments: str, db: Database, given: int | str) -> Trained:
    found = _by_kind(db.rows(_TRAINED.format(judgments=judgments), [given]))
    return Trained(found["run"], found["reward model"], found["policy"])


def _by_kind(rows: list[Row]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {"policy": [], "reward model": [], "run": [], "judgment": []}
    for row in rows:
        found[row["kind"]].append(row["known_as"])
    return found
