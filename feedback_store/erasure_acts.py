"""What an erasure changes, statement by statement; erasure.py and withdrawal.py say which of it, and when.

A judgment may only be changed while a row of `erasures` about its author is open (schema_people.py holds the trigger);
`under_way` opens one and closes it in the same transaction.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from feedback_store import canonical, importing, throttles
from feedback_store.database import Database

SKIP_REASONS = ("language", "expertise", "broken", "unsafe", "unclear", "other", "undone")
"""Reasons of a skip that are no words of a person's own."""

Counts = dict[str, int]


@contextmanager
def under_way(db: Database, annotator_id: int, *, by: str, reason: str, now: str) -> Iterator[Counts]:
    """Let a person's judgments be changed inside the caller's transaction; what is put into the counts is kept."""
    cursor = db.execute(
        "INSERT INTO erasures (annotator_id, by, reason, at) VALUES (?, ?, ?, ?)", [annotator_id, by, reason, now]
    )
    counts: Counts = {}
    yield counts
    db.execute(
        "UPDATE erasures SET done_at = ?, counts = ? WHERE id = ?", [now, canonical.dumps(counts), cursor.lastrowid]
    )


def blank_words(db: Database, annotator_id: int, name: str) -> Counts:
    """Blank what a person wrote; return how many rows of what were changed. `name`: what imported rows call them."""
    counts = {what: int(db.execute(sql, {"id": annotator_id}).rowcount) for what, sql in _WORDS.items()}
    counts["criteria"] = _blank_criteria(db, annotator_id)
    counts["flags"] += _change_imported(db, name, lambda extra: _without_notes(extra, name))
    counts["imports"] = importing.forget_reasons(db)
    return counts


def replace_name(db: Database, annotator_id: int, name: str, new_name: str, now: str) -> Counts:
    """Take a person's name away wherever rows can be changed, and all that lets them in or keeps questions for them."""
    values = {"id": annotator_id, "old": name, "name": new_name, "now": now}
    counts = {what: int(db.execute(sql, values).rowcount) for what, sql in _NAMES.items()}
    if name == new_name:
        return counts
    counts["acts"] = sum(int(db.execute(sql, values).rowcount) for sql in _ACTS)
    counts["acts"] += _change_imported(db, name, lambda extra: _renamed(extra, name, new_name))
    throttles.succeeded(db, throttles.of_account(name))
    return counts


def end_leases(db: Database, annotator_id: int, now: str) -> int:
    """Give back what a person holds, for others to judge."""
    cursor = db.execute(
        "UPDATE assignments SET ended_at = ?, ended_by = 'given back' WHERE annotator_id = ? AND ended_at IS NULL",
        [now, annotator_id],
    )
    return int(cursor.rowcount)


_KNOWN_REASONS = ", ".join(f"'{reason}'" for reason in SKIP_REASONS)
_WORDS = {
    "judgments": "UPDATE judgments SET rationale = NULL, improved = NULL, extra = '{}', marks = '[]',"
    f" skipped = CASE WHEN skipped IN ({_KNOWN_REASONS}) THEN skipped WHEN skipped IS NOT NULL THEN 'other' END"
    " WHERE annotator_id = :id AND (rationale IS NOT NULL OR improved IS NOT NULL OR extra <> '{}' OR marks <> '[]'"
    f" OR skipped NOT IN ({_KNOWN_REASONS}))",
    "flags": "UPDATE flags SET note = '' WHERE annotator_id = :id AND note <> ''",
}
_NAMES = {
    "name": "UPDATE annotators SET name = :name, languages = '[]', tags = '[]', paused_at = COALESCE(paused_at, :now),"
    " erased_at = COALESCE(erased_at, :now) WHERE id = :id AND name <> :name",
    "sessions": "UPDATE sessions SET revoked_at = COALESCE(revoked_at, :now), address = NULL WHERE annotator_id = :id"
    " AND (revoked_at IS NULL OR address IS NOT NULL)",
    "consents": "UPDATE consents SET withdrawn_at = :now WHERE annotator_id = :id AND withdrawn_at IS NULL",
    "accounts": "UPDATE accounts SET password_hash = NULL, disabled_at = COALESCE(disabled_at, :now)"
    " WHERE annotator_id = :id AND (password_hash IS NOT NULL OR disabled_at IS NULL)",
    "tokens": "UPDATE api_tokens SET name = :name, revoked_at = COALESCE(revoked_at, :now)"
    " WHERE annotator_id = :id AND (revoked_at IS NULL OR name <> :name)",
    "invitations": "UPDATE invitations SET name = NULL, languages = '[]', tags = '[]',"
    " revoked_at = CASE WHEN used_at IS NULL THEN COALESCE(revoked_at, :now) ELSE revoked_at END"
    " WHERE name = :old OR (used_by = :id AND (name IS NOT NULL OR languages <> '[]' OR tags <> '[]'))",
}
# What a person did as a lead or an admin stays, under the new name.
_ACTS = tuple(
    f"UPDATE {table} SET {column} = :name WHERE {column} = :old"
    for table, column in (
        ("invitations", "made_by"),
        ("api_tokens", "made_by"),
        ("flags", "resolved_by"),
        ("exclusions", "by"),
        ("erasures", "by"),
    )
)


def _blank_criteria(db: Database, annotator_id: int) -> int:
    """Leave the numbers of what a person said by criteria; imported ones may hold texts beside them."""
    names = {row["name"] for row in db.rows("SELECT name FROM criteria")} | {"ranks", "strength"}
    rows = db.rows("SELECT id, criteria FROM judgments WHERE annotator_id = ? AND criteria IS NOT NULL", [annotator_id])
    changed = 0
    for row in rows:
        said = json.loads(row["criteria"])
        if (kept := numbers_of(said, names)) != said:
            text = None if kept is None else canonical.dumps(kept)
            db.execute("UPDATE judgments SET criteria = ? WHERE id = ?", [text, row["id"]])
            changed += 1
    return changed


def numbers_of(value: Any, names: set[str]) -> Any:
    """Return a JSON value without its texts, and without the keys that are none of `names`."""
    if isinstance(value, dict):
        return {key: numbers_of(item, names) for key, item in value.items() if key in names}
    if isinstance(value, list):
        return [numbers_of(item, names) for item in value]
    return None if isinstance(value, str) else value


def _change_imported(db: Database, name: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> int:
    """Change what stands beside imported comparisons of flags and reservations that could not be linked."""
    rows = db.rows(
        "SELECT id, extra FROM comparisons WHERE extra <> '{}' AND"
        " (json_type(extra, '$.flags') = 'array' OR json_type(extra, '$.argilla.not_submitted') = 'array'"
        " OR json_extract(extra, '$.reserved_for') = ?)",
        [name],
    )
    changed = 0
    for row in rows:
        extra = json.loads(row["extra"])
        if (new := change(extra)) != extra:
            db.execute("UPDATE comparisons SET extra = ? WHERE id = ?", [canonical.dumps(new), row["id"]])
            changed += 1
    return changed


def _without_notes(extra: dict[str, Any], name: str) -> dict[str, Any]:
    def blank(flag: Any) -> Any:
        own = isinstance(flag, dict) and flag.get("annotator") == name and flag.get("note")
        return {**flag, "note": ""} if own else flag

    return _with_flags(extra, blank)


def _renamed(extra: dict[str, Any], name: str, new_name: str) -> dict[str, Any]:
    def rename(flag: Any) -> Any:
        if not isinstance(flag, dict):
            return flag
        own = [key for key in ("annotator", "resolved_by") if flag.get(key) == name]
        return {**flag, **dict.fromkeys(own, new_name)}

    reserved = {"reserved_for": new_name} if extra.get("reserved_for") == name else {}
    return {**_with_flags(extra, rename), **reserved, **_renamed_drafts(extra, name, new_name)}


def _renamed_drafts(extra: dict[str, Any], name: str, new_name: str) -> dict[str, Any]:
    """What Argilla kept of answers that were not submitted."""
    argilla = extra.get("argilla")
    if not isinstance(argilla, dict) or not isinstance(drafts := argilla.get("not_submitted"), list):
        return {}
    renamed = [
        {**one, "user": new_name} if isinstance(one, dict) and one.get("user") == name else one for one in drafts
    ]
    return {"argilla": {**argilla, "not_submitted": renamed}}


def _with_flags(extra: dict[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    flags = extra.get("flags")
    return {**extra, "flags": [change(flag) for flag in flags]} if isinstance(flags, list) else extra
