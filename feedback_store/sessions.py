"""Sessions: who is logged in. Only the hash of a session's token is kept: nobody logs in with what a copy of the study
holds. Who has the token itself has the session in a copy as well; a study that is restored from a backup ends all.
"""

import hashlib
import secrets
from dataclasses import dataclass

from feedback_store import annotators, clock
from feedback_store.database import Database
from feedback_store.errors import InvalidInput

TOKEN_BYTES = 32
SEEN_EVERY_SECONDS = 60.0
"""`seen_at` may lag by this much: a request that only reads should not write."""
IDLE_SECONDS = 7 * 24 * 3600.0
"""A session that nobody used for this long is over, however long it would have lasted."""
KEPT_DAYS = 30


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
    db: Database,
    annotator_id: int,
    *,
    seconds: float,
    address: str | None = None,
    password_hash: str | None = None,
    now: str | None = None,
) -> str:
    """Open a session and return its token, which is told once. `seconds`: how long it lasts at most; `password_hash`:
    the one that a password was checked against, where it was.

    Raises InvalidInput for an unknown person, one whose account is disabled, or whose password was changed meanwhile.
    """
    moment = now or clock.now()
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with db.transaction():
        annotators.get(db, annotator_id)
        if db.value("SELECT 1 FROM accounts WHERE annotator_id = ? AND disabled_at IS NOT NULL", [annotator_id]):
            raise InvalidInput("This account is disabled. Ask an admin of the study.")
        proven = "SELECT 1 FROM accounts WHERE annotator_id = ? AND password_hash = ?"
        if password_hash is not None and db.value(proven, [annotator_id, password_hash]) is None:
            raise InvalidInput("The password was changed meanwhile. Log in with the new one.")
        prune(db, moment)
        db.execute(
            "INSERT INTO sessions (token_sha256, annotator_id, created_at, seen_at, expires_at, address)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [_hash(token), annotator_id, moment, moment, clock.after(moment, seconds), address],
        )
    return token


def current(db: Database, token: str, now: str | None = None, *, idle_seconds: float = IDLE_SECONDS) -> Session | None:
    """Return the session of a token and note that it was seen; None where it is unknown, over, revoked, or was not
    seen for `idle_seconds`.
    """
    moment = now or clock.now()
    row = db.row(f"{_SELECT} WHERE token_sha256 = :token AND {_OPEN}", _open(moment, idle_seconds, token=_hash(token)))
    if row is None:
        return None
    if row["seen_at"] <= clock.after(moment, -SEEN_EVERY_SECONDS):
        with db.transaction():
            db.execute("UPDATE sessions SET seen_at = ? WHERE id = ?", [moment, row["id"]])
        row["seen_at"] = moment
    return Session(**row)


def end(db: Database, token: str, now: str | None = None) -> bool:
    """Revoke the session of a token (a logout); tells whether it was open."""
    return _revoke(db, "token_sha256 = ?", [_hash(token)], now) > 0


def end_all_of(db: Database, annotator_id: int, now: str | None = None, *, but: str | None = None) -> int:
    """Revoke every open session of a person but the one of the token `but`; returns how many."""
    return _revoke(db, "annotator_id = ? AND token_sha256 IS NOT ?", [annotator_id, but and _hash(but)], now)


def end_all(db: Database, now: str | None = None) -> int:
    """Revoke every open session of everybody; returns how many."""
    return _revoke(db, "TRUE", [], now)


def end_one_of(db: Database, annotator_id: int, session_id: int, now: str | None = None) -> bool:
    """Revoke one session of a person; tells whether it was theirs and open."""
    return _revoke(db, "annotator_id = ? AND id = ?", [annotator_id, session_id], now) > 0


def open_of(
    db: Database, annotator_id: int, now: str | None = None, *, idle_seconds: float = IDLE_SECONDS
) -> list[Session]:
    """Return a person's open sessions, the one that was seen last first."""
    rows = db.rows(
        f"{_SELECT} WHERE annotator_id = :person AND {_OPEN} ORDER BY seen_at DESC, id DESC",
        _open(now or clock.now(), idle_seconds, person=annotator_id),
    )
    return [Session(**row) for row in rows]


def prune(db: Database, now: str | None = None) -> int:
    """Delete sessions that ended KEPT_DAYS ago, with the addresses that they hold; returns how many."""
    before = clock.after(now or clock.now(), -KEPT_DAYS * 24 * 3600.0)
    with db.transaction():
        cursor = db.execute("DELETE FROM sessions WHERE expires_at <= ? OR revoked_at <= ?", [before, before])
    return int(cursor.rowcount)


_SELECT = "SELECT id, annotator_id, created_at, seen_at, expires_at, revoked_at, address FROM sessions"
_OPEN = "revoked_at IS NULL AND expires_at > :now AND seen_at > :idle"


def _open(moment: str, idle_seconds: float, **more: object) -> dict[str, object]:
    return {"now": moment, "idle": clock.after(moment, -idle_seconds), **more}


def _revoke(db: Database, which: str, values: list[object], now: str | None) -> int:
    moment = now or clock.now()
    with db.transaction():
        cursor = db.execute(
            f"UPDATE sessions SET revoked_at = ? WHERE {which} AND revoked_at IS NULL AND expires_at > ?",
            [moment, *values, moment],
        )
    return int(cursor.rowcount)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
