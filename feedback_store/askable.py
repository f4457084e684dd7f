"""Which comparisons a person may be asked, as conditions on a comparison `c`, and why there may be none.

The conditions read indexes only: open comparisons in their order, this person's answers and leases on each, the other
comparisons of its completions.
"""

import json
from collections.abc import Sequence
from typing import Any, Literal

from feedback_store.annotators import Annotator
from feedback_store.check_answers import IN_USE, NEVER_RANKED
from feedback_store.database import Database, Row
from feedback_store.drawing import Asking

NoneLeft = Literal[
    "no_prompts", "none_yet", "none_started", "not_written", "held_back", "all_done", "others_hold",
    "none_in_your_languages", "no_match", "quota_reached",
]  # fmt: skip

_ANSWERED = "EXISTS (SELECT 1 FROM live_judgments j WHERE j.annotator_id = :annotator AND j.comparison_id = {id})"
_HELD = (
    "EXISTS (SELECT 1 FROM assignments a WHERE a.annotator_id = :annotator AND a.comparison_id = {id}"
    " AND a.ended_at IS NULL AND a.expires_at > :now)"
)
_ASKED = f"({_ANSWERED} OR {_HELD})"

# As the partial indexes say it. Check questions and repeats come by their shares.
_LACKS_ANSWERS = "c.answers < c.overlap AND c.withdrawn = 0 AND c.purpose <> 'check' AND c.purpose <> 'repeat'"
# Of an evaluation that was unsealed no answer counts any more: only who held a pair then is still asked it.
NOT_OVER = (
    "(c.purpose <> 'evaluation' OR NOT EXISTS (SELECT 1 FROM evaluation_pairs e JOIN evaluations v"
    " ON v.id = e.evaluation_id WHERE e.comparison_id = c.id AND v.unsealed_at IS NOT NULL))"
)
OPEN = f"{_LACKS_ANSWERS} AND {NOT_OVER}"
# Neither what a lead has to look at first, nor what another person alone is asked.
_FOR_PERSON = "c.held_back = 0 AND (c.reserved_for IS NULL OR c.reserved_for = :annotator)"
NOT_ANSWERED = "NOT " + _ANSWERED.format(id="c.id")
NOT_HELD = "NOT " + _HELD.format(id="c.id")
# Leases in force and answers together stay within the overlap.
ROOM = (
    "c.answers + (SELECT COUNT(*) FROM assignments a WHERE a.comparison_id = c.id AND a.ended_at IS NULL"
    " AND a.expires_at > :now) < c.overlap"
)
# Nobody sees the same two completions twice; a join in this order reads the few other comparisons of each completion.
NEW_PAIR = (
    "NOT EXISTS (SELECT 1 FROM candidates k CROSS JOIN candidates o ON o.completion_id = k.completion_id"
    " AND o.comparison_id <> k.comparison_id CROSS JOIN candidates l ON l.comparison_id = k.comparison_id"
    " AND l.position > k.position CROSS JOIN candidates p ON p.comparison_id = o.comparison_id"
    f" AND p.completion_id = l.completion_id WHERE k.comparison_id = c.id AND {_ASKED.format(id='o.comparison_id')})"
)
_QUALIFIED = (
    "(c.qualification IS NULL OR EXISTS (SELECT 1 FROM qualifications q"
    " WHERE q.annotator_id = :annotator AND q.name = c.qualification AND q.ended_at IS NULL))"
)
_SHARES_A_TAG = (
    "EXISTS (SELECT 1 FROM prompts p, json_each(p.tags) t WHERE p.id = c.prompt_id"
    " AND t.value IN (SELECT value FROM json_each(:tags)))"
)
_IN_LANGUAGE = "c.language IN (SELECT value FROM json_each(:languages))"
# Pairs of evaluations neither count nor are kept out: prompts are few there, and each has to be judged often enough.
_WITHIN_PROMPT_QUOTA = (
    "(c.purpose = 'evaluation' OR (SELECT COUNT(*) FROM comparisons s WHERE s.prompt_id = c.prompt_id"
    f" AND s.purpose NOT IN ('repeat', 'evaluation') AND {_ASKED.format(id='s.id')}) < :prompt_quota)"
)

UNSEEN = f"{OPEN} AND {_FOR_PERSON} AND {NOT_ANSWERED} AND {NEW_PAIR}"
COLUMNS = "c.id, c.public_id, c.prompt_id, c.priority, c.purpose, c.split"


def ordinary(
    db: Database,
    person: Annotator,
    asking: Asking,
    now: str,
    most: int,
    comparison_ids: Sequence[int] | None = None,
) -> list[Row]:
    """Return at most `most` comparisons of the ordinary stream: by priority, then by id; `comparison_ids` narrows the
    choice and gives the order.
    """
    values = {**_values(person, asking, now), "most": most}
    if comparison_ids is not None:
        query = (
            f"SELECT {COLUMNS} FROM json_each(:chosen) e JOIN comparisons c ON c.id = e.value"
            f" WHERE {_ready(person, asking)} AND {_language(person)} ORDER BY e.key LIMIT :most"
        )
        return db.rows(query, {**values, "chosen": json.dumps(list(comparison_ids))})
    if not person.languages:
        return db.rows(stream(person, asking), values)
    # A walk through the index of each language, put together: no sorting of all that is open.
    found = [
        row
        for language in sorted(set(person.languages))
        for row in db.rows(stream(person, asking), {**values, "language": language})
    ]
    return sorted(found, key=lambda row: (-row["priority"], row["id"]))[:most]


def stream(person: Annotator, asking: Asking) -> str:
    """The query of the ordinary stream, in one language where the person has any."""
    language = "c.language = :language AND " if person.languages else ""
    where = f"{language}{_ready(person, asking)}"
    return f"SELECT {COLUMNS} FROM comparisons c WHERE {where} ORDER BY c.priority DESC, c.id LIMIT :most"


def still(db: Database, person: Annotator, asking: Asking, now: str, comparison_id: int) -> bool:
    """Tell whether a comparison can be asked, after others were leased to the same person."""
    query = f"SELECT 1 FROM comparisons c WHERE c.id = :id AND {_ready(person, asking)}"
    return bool(db.value(query, {**_values(person, asking, now), "id": comparison_id}))


def check_question(db: Database, person: Annotator, asking: Asking, now: str) -> Row | None:
    """Return the first check question that the person was not asked.

    Everybody is asked check questions: their overlap does not count.
    """
    return db.row(
        f"SELECT {COLUMNS} FROM comparisons c WHERE {IN_USE} AND {NOT_ANSWERED} AND {_of_check(person)}"
        " ORDER BY c.id LIMIT 1",
        _values(person, asking, now),
    )


def skipped_check(db: Database, person: Annotator, asking: Asking, now: str) -> Row | None:
    """Return the check question that the person skipped longest ago and never answered."""
    return db.row(
        f"SELECT {COLUMNS} FROM comparisons c CROSS JOIN live_judgments s"
        " ON s.comparison_id = c.id AND s.annotator_id = :annotator"
        f" WHERE {IN_USE} AND s.skipped IS NOT NULL AND {NEVER_RANKED} AND {_of_check(person)} ORDER BY s.id LIMIT 1",
        _values(person, asking, now),
    )


def _of_check(person: Annotator) -> str:
    return f"{_matching(person)} AND {_language(person)} AND {NOT_HELD} AND {NEW_PAIR}"


def why_none(db: Database, person: Annotator, asking: Asking, now: str) -> NoneLeft:
    """Say why there is nothing to ask a person."""
    values = _values(person, asking, now)

    def there(*conditions: str) -> bool:
        query = f"SELECT 1 FROM comparisons c WHERE {' AND '.join([UNSEEN, *conditions])} LIMIT 1"
        return bool(db.value(query, values))

    if not there():
        return _why_none_at_all(db, asking, values)
    if not there(_language(person)):
        return "none_in_your_languages"
    if not there(_language(person), _matching(person)):
        return "no_match"
    if not there(_language(person), _matching(person), _quota(asking)):
        return "quota_reached"
    return "others_hold"


def _why_none_at_all(db: Database, asking: Asking, values: dict[str, Any]) -> NoneLeft:
    sampling = db.value("SELECT status FROM runs WHERE kind = 'sample' ORDER BY id DESC LIMIT 1")
    if sampling in ("queued", "running"):
        return "none_yet"
    if sampling == "failed":
        return "not_written"
    if db.value(f"SELECT 1 FROM comparisons c WHERE {OPEN} AND c.held_back = 1 AND {NOT_ANSWERED} LIMIT 1", values):
        return "held_back"
    if db.value("SELECT 1 FROM comparisons WHERE withdrawn = 0 LIMIT 1"):
        return "all_done"
    if not db.value("SELECT 1 FROM prompts WHERE withdrawn = 0 LIMIT 1"):
        return "no_prompts"
    return "none_yet" if asking.refill and sampling != "cancelled" else "none_started"


def count_unseen(db: Database, annotator_id: int, now: str, most: int) -> int:
    """Count the open comparisons that a person was not asked yet, in any language, up to `most`."""
    query = f"SELECT COUNT(*) FROM (SELECT 1 FROM comparisons c WHERE {UNSEEN} LIMIT :most)"
    return int(db.value(query, {"annotator": annotator_id, "now": now, "most": most}))


def _ready(person: Annotator, asking: Asking) -> str:
    # What the person answered comes first: a walk past thousands of own pairs that wait for others looks at no more.
    return " AND ".join([OPEN, NOT_ANSWERED, _FOR_PERSON, ROOM, NOT_HELD, NEW_PAIR, _matching(person), _quota(asking)])


def _matching(person: Annotator) -> str:
    return f"{_QUALIFIED} AND {_SHARES_A_TAG}" if person.tags else _QUALIFIED


def _language(person: Annotator) -> str:
    return _IN_LANGUAGE if person.languages else "1"


def _quota(asking: Asking) -> str:
    return "1" if asking.prompt_quota is None else _WITHIN_PROMPT_QUOTA


def _values(person: Annotator, asking: Asking, now: str) -> dict[str, Any]:
    return {
        "annotator": person.id,
        "now": now,
        "languages": json.dumps(person.languages),
        "tags": json.dumps(person.tags),
        "prompt_quota": asking.prompt_quota,
    }
