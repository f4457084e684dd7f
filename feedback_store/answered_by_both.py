"""Held-out prompts that two policies answered, and their answers, to be looked at beside each other: texts that stand
under their policy's name, so none that is sealed (seals.py).

Prompts are found by indexes, and texts are read of those alone that are shown: the completions of a policy may be
millions.
"""

import json
from collections.abc import Sequence

from feedback_store import completions, seals
from feedback_store.completions import Completion
from feedback_store.database import Database


def held_out_prompts(db: Database, policy_id: int, other_id: int) -> list[int]:
    """Return the held-out prompts, in id order, on which both policies have a completion that is not sealed."""
    older, newer = sorted([policy_id, other_id])
    rows = db.rows(HELD_OUT_PROMPTS, {"older": older, "newer": newer})
    return [row["id"] for row in rows]


def texts(db: Database, policy_id: int, prompt_ids: Sequence[int]) -> dict[int, list[Completion]]:
    """Return the completions of a policy on these prompts that are not sealed, by prompt, in id order."""
    rows = db.rows(TEXTS, {"policy": policy_id, "prompts": json.dumps(list(prompt_ids))})
    found: dict[int, list[Completion]] = {}
    for one in completions.get(db, [row["id"] for row in rows]):
        found.setdefault(one.prompt_id, []).append(one)
    return found


_ANSWERED = f"""EXISTS (SELECT 1 FROM completions t WHERE t.prompt_id = p.id AND t.policy_id = :{{policy}}
  AND t.withdrawn = 0 AND NOT {seals.condition("t.id")})"""
# The newer policy first: it has answered fewer prompts, and those that it has not are not asked of further.
HELD_OUT_PROMPTS = f"""
SELECT p.id FROM prompts p WHERE p.withdrawn = 0 AND p.split = 'holdout'
  AND {_ANSWERED.format(policy="newer")} AND {_ANSWERED.format(policy="older")} ORDER BY p.id"""
TEXTS = f"""
SELECT t.id FROM json_each(:prompts) asked CROSS JOIN completions t ON t.prompt_id = asked.value
WHERE t.policy_id = :policy AND t.withdrawn = 0 AND NOT {seals.condition("t.id")} ORDER BY t.id"""
