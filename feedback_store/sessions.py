"""Sessions: who is logged in. Only the hash of a session's token is kept: a copy of the study opens no session."""

import hashlib
import secrets
from dataclasses import dataclass

from feedback_store import annotators, clock
from feedback_store.database import Database

TOKEN_BYTES = 32
SEEN_EVERY_SECONDS = 60.0
"""`seen_at` may lag by this much: a request that only reads should not write."""


@dataclass(frozen=True)
class Session:
    """One login of a person, valid until it expires or is revoked."""

    id: int
    annotator_id: int
    created_at: str
    seen_at: str
    expires_at: str
    revoked_at: str | None
    address: str | None


def begin(
    db: Database, annotator_id: int, *, seconds: float, address: str | None = None, now: str | None = None
) -> str:
    """Open a session and return its token, which is told once. Raises InvalidInput for an unknown person."""
    moment = now or clock.now()
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with db.transaction():
        annotators.get(db, annotator_id)
        db.execute(
            "INSERT INTO sessions (token_sha256, annotator_id, created_at, seen_at, expires_at, address)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [_hash(token), annotator_id, moment, moment, clock.after(moment, seconds), address],
        )
    return token


def current(db: Database, token: str, now: str | None = None) -> Session | None:
    """Return the session of a token and note that it was seen; None where it is unknown, over or revoked."""
    moment = now or clock.now()
    row = db.row(f"{_SELECT} WHERE token_sha256 = ? AND revoked_at IS NULL AND expires_at > ?", [_hash(token), moment])
    if row is None:
        return None
    if row["seen_at"] <= clock.after(moment, -SEEN_EVERY_SECONDS):
        with db.transaction():
            db.execute("UPDATE sessions SET seen_at = ? WHERE id = ?", [moment, row["id"]])
        row["seen_at"] = moment
    return Session(**row)


def end(db: Database, token: str, now: str | None = None) -> bool:
    """Revoke the session of a token (a logout); tells whether it was open."""
    return _revoke(db, "token_sha256", _hash(token), now) > 0


def end_all_of(db: Database, annotator_id: int, now: str | None = None) -> int:
    """Revoke every open session of a person; returns how many."""
    return _revoke(db, "annotator_id", annotator_id, now)


_SELECT = "SELECT id, annotator_id, created_at, seen_at, expires_at, revoked_at, address FROM sessions"


def _revoke(db: Database, column: str, value: str | int, now: str | None) -> int:
    moment = now or clock.now()
    with db.transaction():
        cursor = db.execute(
            f"UPDATE sessions SET revoked_at = ? WHERE {column} = ? AND revoked_at IS NULL AND expires_at > ?",
            [moment, value, moment],
        )
    return int(cursor.rowcount)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
