"""The rows behind the figures that pages show: what each number adds up from, part by part.

Every function returns rows with an id above `after`, in id order, at most `limit`: {id, amount, weight, kind, number,
text}. `kind` and `number` say which row of the study it is; the amounts add up (or average, by weight) to the figure.
"""

import json
from collections import Counter
from typing import Any

from feedback_store import clock
from feedback_store.askable import NOT_OVER
from feedback_store.database import Database

TEXT_CHARACTERS = 200

_TALLIED = "c.purpose NOT IN ('check', 'repeat') AND c.withdrawn = 0"
# Whether as many people hold a comparison now as it lacks answers.
_ALL_LEASED = """c.held_back = 0 AND (SELECT COUNT(*) FROM assignments a WHERE a.comparison_id = c.id
  AND a.ended_at IS NULL AND a.expires_at > :now) >= c.overlap - c.answers"""
STATES = {
    "judged": f"{_TALLIED} AND c.answers >= c.overlap",
    "leased": f"{_TALLIED} AND c.answers < c.overlap AND {_ALL_LEASED}",
    "ready": f"{_TALLIED} AND c.answers < c.overlap AND c.held_back = 0 AND NOT ({_ALL_LEASED}) AND {NOT_OVER}",
}
"""What makes a comparison one of each state of comparisons.counts."""


def prompts(db: Database, split: str, after: int, limit: int) -> list[dict[str, Any]]:
    """Return the prompts of a split."""
    rows = db.rows(
        "SELECT id, messages FROM prompts WHERE withdrawn = 0 AND split = ? AND id > ? ORDER BY id LIMIT ?",
        [split, after, limit],
    )
    return [_row(row["id"], "prompt", row["id"], _text(row["messages"])) for row in rows]


def comparisons(db: Database, state: str, after: int, limit: int) -> list[dict[str, Any]]:
    """Return the comparisons of a state (STATES)."""
    rows = db.rows(
        f"SELECT c.id, p.messages FROM comparisons c JOIN prompts p ON p.id = c.prompt_id"
        f" WHERE {STATES[state]} AND c.id > :after ORDER BY c.id LIMIT :limit",
        {"now": clock.now(), "after": after, "limit": limit},
    )
    return [_row(row["id"], "comparison", row["id"], _text(row["messages"])) for row in rows]


def training_judgments(db: Database, after: int, limit: int) -> list[dict[str, Any]]:
    """Return the judgments of training purpose that count, without skips."""
    rows = db.rows(
        "SELECT j.id, p.messages FROM counted_judgments j JOIN comparisons c ON c.id = j.comparison_id"
        " JOIN prompts p ON p.id = c.prompt_id"
        " WHERE j.id > ? AND c.purpose = 'training' AND j.skipped IS NULL ORDER BY j.id LIMIT ?",
        [after, limit],
    )
    return [_row(row["id"], "judgment", row["id"], _text(row["messages"])) for row in rows]


def latest_seen(db: Database, run_id: int) -> int:
    """Return the latest judgment that a run saw, 0 where it saw none."""
    return int(db.value("SELECT MAX(judgment_id) FROM run_judgments WHERE run_id = ?", [run_id]) or 0)


def judged_preferences(db: Database, run_id: int, after: int, limit: int) -> list[dict[str, Any]]:
    """Return the judgments that a run saw and that decided something: its label snapshot without skips."""
    rows = db.rows(
        "SELECT j.id, p.messages FROM run_judgments s JOIN judgments j ON j.id = s.judgment_id"
        " JOIN comparisons c ON c.id = j.comparison_id JOIN prompts p ON p.id = c.prompt_id"
        " WHERE s.run_id = ? AND j.id > ? AND j.ranks IS NOT NULL ORDER BY j.id LIMIT ?",
        [run_id, after, limit],
    )
    return [_row(row["id"], "judgment", row["id"], _text(row["messages"])) for row in rows]


def rounds(db: Database, after: int, limit: int) -> list[dict[str, Any]]:
    """Return the rounds."""
    rows = db.rows("SELECT id, number FROM rounds WHERE id > ? ORDER BY id LIMIT ?", [after, limit])
    return [_row(row["id"], "round", row["number"], "") for row in rows]


def agreements(db: Database, judgments: Any) -> list[dict[str, Any]]:
    """Return, for a frame of shared judgments (shared_judgments.frame), each pair of completions of a comparison that
    several people judged: the share of two people who said the same of it, and its weight (agreement.agreement).
    """
    from feedback_store.agreement import PAIR, verdicts

    said = verdicts(judgments)
    found: list[dict[str, Any]] = []
    for (_, comparison, first, second), part in said.groupby(PAIR):
        people = len(part)
        if people < 2:
            continue
        same = sum(n * (n - 1) for n in Counter(part["verdict"]).values()) / (people * (people - 1))
        key = f"{comparison}, completions {first + 1} and {second + 1}"
        found.append(_row(len(found) + 1, "comparison", int(comparison), key, same, float(part["weight"].iloc[0])))
    return found


def texts(db: Database, completion_ids: list[int]) -> dict[int, str]:
    """Return the beginnings of completions by their id."""
    rows = db.rows(
        "SELECT id, substr(text, 1, ?) AS text FROM completions WHERE id IN (SELECT value FROM json_each(?))",
        [TEXT_CHARACTERS, json.dumps(completion_ids)],
    )
    return {row["id"]: row["text"] for row in rows}


def prompts_of_judgments(db: Database, judgment_ids: list[int]) -> dict[int, tuple[str, str]]:
    """Return the group and the beginning of the prompt of each judgment."""
    rows = db.rows(
        "SELECT j.id, p.group_name, p.messages FROM judgments j JOIN comparisons c ON c.id = j.comparison_id"
        " JOIN prompts p ON p.id = c.prompt_id WHERE j.id IN (SELECT value FROM json_each(?))",
        [json.dumps(judgment_ids)],
    )
    return {row["id"]: (row["group_name"], _text(row["messages"])) for row in rows}


def _row(row_id: int, kind: str, number: int, text: str, amount: float = 1.0, weight: float = 1.0) -> dict[str, Any]:
    return {"id": row_id, "amount": amount, "weight": weight, "kind": kind, "number": number, "text": text}


def _text(messages: str) -> str:
    """The beginning of a prompt as people wrote it."""
    said = [turn["content"] for turn in json.loads(messages) if turn.get("role") != "system"]
    return "\n\n".join(map(str, said))[:TEXT_CHARACTERS]
