"""The two texts of a pair of an evaluation by the sides that wrote them: for what is not sealed any more."""

import json
from dataclasses import dataclass
from typing import Any

from feedback_store import seals
from feedback_store.database import Database
from feedback_store.errors import InvalidInput


@dataclass(frozen=True)
class SideText:
    """What a side wrote. `cut_off` where the length limit ended it."""

    text: str
    cut_off: bool


@dataclass(frozen=True)
class PairOfSides:
    """A pair of an evaluation: its public id, its prompt, and a text by side."""

    public_id: str
    prompt: list[dict[str, Any]]
    texts: dict[int, SideText]


def of_pair(db: Database, comparison_id: int) -> PairOfSides:
    """Return who wrote what in a pair. Raises InvalidInput for what is no pair of an evaluation, or is sealed, by its
    own evaluation or by another one that a text of it stands in.
    """
    row = db.row(
        "SELECT c.public_id, p.messages, e.first_side, e.second_side, v.unsealed_at FROM evaluation_pairs e"
        " JOIN evaluations v ON v.id = e.evaluation_id JOIN comparisons c ON c.id = e.comparison_id"
        " JOIN prompts p ON p.id = c.prompt_id WHERE e.comparison_id = ?",
        [comparison_id],
    )
    if row is None or row["unsealed_at"] is None or seals.among(db, [comparison_id]):
        raise InvalidInput(f"Nobody is told who wrote what in comparison {comparison_id}.")
    written = db.rows(
        "SELECT m.text, m.finish_reason FROM candidates k JOIN completions m ON m.id = k.completion_id"
        " WHERE k.comparison_id = ? ORDER BY k.position",
        [comparison_id],
    )
    texts = [SideText(one["text"], one["finish_reason"] == "length") for one in written]
    sides = dict(zip((row["first_side"], row["second_side"]), texts, strict=True))
    return PairOfSides(row["public_id"], json.loads(row["messages"]), sides)
