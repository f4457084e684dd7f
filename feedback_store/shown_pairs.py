"""A comparison's texts for somebody who looks after people: the prompt and the completions in the candidates' order,
and nothing that tells who wrote them.
"""

import json
from dataclasses import dataclass
from typing import Any

from feedback_store.database import Database


@dataclass(frozen=True)
class ShownPair:
    """`texts` in the candidates' order, `cut_off` where the length limit ended one."""

    public_id: str
    purpose: str
    prompt: list[dict[str, Any]]
    texts: list[str]
    cut_off: list[bool]


def get(db: Database, comparison: int | str) -> ShownPair | None:
    """Return a comparison by id or public id as it may be shown, or None."""
    column = "public_id" if isinstance(comparison, str) else "id"
    row = db.row(
        "SELECT c.id, c.public_id, c.purpose, p.messages FROM comparisons c JOIN prompts p ON p.id = c.prompt_id"
        f" WHERE c.{column} = ? AND c.withdrawn = 0",
        [comparison],
    )
    if row is None:
        return None
    written = db.rows(
        "SELECT m.text, m.finish_reason FROM candidates k JOIN completions m ON m.id = k.completion_id"
        " WHERE k.comparison_id = ? ORDER BY k.position",
        [row["id"]],
    )
    return ShownPair(
        public_id=row["public_id"],
        purpose=row["purpose"],
        prompt=json.loads(row["messages"]),
        texts=[one["text"] for one in written],
        cut_off=[one["finish_reason"] == "length" for one in written],
    )
