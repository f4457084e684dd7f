"""Tokens by which programs use the HTTP interface in a person's name. Only a token's hash is kept."""

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from feedback_store import annotators, audit, canonical, clock
from feedback_store.database import Database, Row
from feedback_store.errors import Conflict, InvalidInput
from feedback_store.sessions import SEEN_EVERY_SECONDS

SCOPES = ("read", "judge", "runs", "data", "settings")
"""What a token may do: look at what a researcher may see; answer questions; start, stop and choose between runs and
policies; import and export; change what is asked."""
PREFIX = "tm_"
"""By which a token is known for one, where it was left lying about."""
TOKEN_BYTES = 32
MOST_NAME_CHARACTERS = 100
MOST_DAYS = 366


@dataclass(frozen=True)
class ApiToken:
    """A token of a person, in force until it expires or is revoked."""

    id: int
    name: str
    annotator_id: int
    scopes: tuple[str, ...]
    made_by: str
    created_at: str
    expires_at: str
    seen_at: str | None
    revoked_at: str | None


def make(
    db: Database, annotator_id: int, name: str, scopes: Sequence[str], *, days: int, by: str, now: str | None = None
) -> tuple[ApiToken, str]:
    """Make a token that acts for a person; returns it with its text, which is told once.

    Raises InvalidInput for an unknown person or scope, a name or number of days that is not allowed, Conflict where a
    token in force has this name.
    """
    moment = now or clock.now()
    name = name.strip()
    canonical.require_clean(name, "name")
    canonical.require_short(name, MOST_NAME_CHARACTERS, "name")
    unknown = sorted(set(scopes) - set(SCOPES))
    if not name:
        raise InvalidInput("A token needs a name, such as what will use it.")
    if unknown or not scopes:
        what = f"There is no scope {unknown[0]!r}" if unknown else "A token needs at least one scope"
        raise InvalidInput(f"{what}. Allowed are {', '.join(SCOPES)}.")
    if not 1 <= days <= MOST_DAYS:
        raise InvalidInput(f"A token lasts 1 to {MOST_DAYS} days, not {days}.")
    text = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    with db.transaction():
        annotators.get(db, annotator_id)
        # One that is over frees its name.
        over = "UPDATE api_tokens SET revoked_at = expires_at WHERE name = ? AND revoked_at IS NULL AND expires_at <= ?"
        db.execute(over, [name, moment])
        if db.value("SELECT 1 FROM api_tokens WHERE name = ? AND revoked_at IS NULL", [name]):
            raise Conflict(f"There is a token {name!r} already. Revoke it first, or take another name.")
        kept = [scope for scope in SCOPES if scope in scopes]
        cursor = db.execute(
            "INSERT INTO api_tokens (token_sha256, name, annotator_id, scopes, made_by, created_at, expires_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [_hash(text), name, annotator_id, json.dumps(kept), by, moment, clock.after(moment, days * 86400.0)],
        )
        made = _one(db, int(cursor.lastrowid))
        detail = {"scopes": kept, "for": f"annotator {annotator_id}", "days": days}
        audit.note(db, actor=by, action="make token", subject=f"token {made.id}", detail=detail, now=moment)
    return made, text


def revoke(db: Database, token_id: int, *, by: str, now: str | None = None) -> ApiToken:
    """End a token; one that ended already stays as it is. Raises InvalidInput for an unknown number."""
    moment = now or clock.now()
    with db.transaction():
        known = _one(db, token_id)
        if known.revoked_at is not None:
            return known
        db.execute("UPDATE api_tokens SET revoked_at = ? WHERE id = ?", [moment, token_id])
        audit.note(db, actor=by, action="revoke token", subject=f"token {token_id}", now=moment)
        return _one(db, token_id)


def current(db: Database, text: str, now: str | None = None) -> ApiToken | None:
    """Return the token of this text and note that it was seen; None where it is unknown, over or revoked."""
    moment = now or clock.now()
    row = db.row(f"{_SELECT} WHERE token_sha256 = ? AND revoked_at IS NULL AND expires_at > ?", [_hash(text), moment])
    if row is None:
        return None
    if row["seen_at"] is None or row["seen_at"] <= clock.after(moment, -SEEN_EVERY_SECONDS):
        with db.transaction():
            db.execute("UPDATE api_tokens SET seen_at = ? WHERE id = ?", [moment, row["id"]])
        row["seen_at"] = moment
    return _token(row)


def listing(db: Database) -> list[ApiToken]:
    """Return all tokens, the newest first."""
    return [_token(row) for row in db.rows(f"{_SELECT} ORDER BY id DESC")]


_SELECT = "SELECT id, name, annotator_id, scopes, made_by, created_at, expires_at, seen_at, revoked_at FROM api_tokens"


def _one(db: Database, token_id: int) -> ApiToken:
    row = db.row(f"{_SELECT} WHERE id = ?", [token_id])
    if row is None:
        raise InvalidInput(f"There is no token {token_id} in this study.")
    return _token(row)


def _token(row: Row) -> ApiToken:
    return ApiToken(**{**row, "scopes": tuple(json.loads(row["scopes"]))})


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
