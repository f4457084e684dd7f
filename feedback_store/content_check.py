"""Whether prompts and judgments are what was stored: by the sha256 that each row keeps of its content.

SQLite's integrity check looks at the tree of pages and at the constraints; a flipped byte inside a text or [2,1] in the
place of [1,2] is sound to it. Rows are read a batch at a time, so that a study of any size can be looked through. What
has no hash is not looked at: texts of completions, and judgments of which an erasure may have blanked the words.
"""

import json
from collections.abc import Iterator
from dataclasses import fields

from feedback_store import canonical, judgments
from feedback_store.database import Database, Row
from feedback_store.judgments import NewJudgment

BATCH = 2_000


def changed_prompts(db: Database) -> Iterator[int]:
    """Yield the ids of prompts whose messages are not those that their sha256 was taken of."""
    for row in _in_batches(db, "SELECT id, messages, sha256 FROM prompts WHERE id > ? ORDER BY id LIMIT ?"):
        if not _is_of(row["messages"], row["sha256"]):
            yield row["id"]


def changed_judgments(db: Database) -> Iterator[int]:
    """Yield the ids of judgments that are not what their sha256 was taken of."""
    for row in _in_batches(db, _UNTOUCHED):
        if not _is_as_given(row):
            yield row["id"]


_UNTOUCHED = """
SELECT j.* FROM judgments j WHERE j.id > ? AND NOT EXISTS
    (SELECT 1 FROM erasures e WHERE e.annotator_id = j.annotator_id AND e.at >= j.created_at)
ORDER BY j.id LIMIT ?
"""


def _in_batches(db: Database, sql: str) -> Iterator[Row]:
    after = 0
    while rows := db.rows(sql, [after, BATCH]):
        yield from rows
        after = rows[-1]["id"]


def _is_of(messages: str, sha256: str) -> bool:
    try:
        return canonical.sha256(json.loads(messages)) == sha256
    except (ValueError, RecursionError):  # no JSON any more
        return False


def _is_as_given(row: Row) -> bool:
    try:
        given = {name: row[column] for name, column in _COLUMNS.items()}
        given |= {name: json.loads(given[name]) for name in _JSON if given[name] is not None}
        given["both_bad"] = bool(given["both_bad"])
        # Who named no time got that of the answer's coming, and who named no version of what is asked that of the
        # handing out; the hash was taken without.
        times = [row["at"]] if row["import_id"] is not None else [None, row["at"]]
        sent = [{**given, "at": at, "asked_id": asked} for at in times for asked in {None, row["asked_id"]}]
        return any(judgments.sha256_of_fields(one) == row["content_sha256"] for one in sent)
    except (ValueError, RecursionError):  # no JSON any more
        return False


_COLUMNS = {one.name: {"comparison": "comparison_id"}.get(one.name, one.name) for one in fields(NewJudgment)}
_JSON = ("ranks", "shown", "criteria", "improved", "extra", "signals")
