"""A study with accounts: one person a role, and sessions made in the store."""

from __future__ import annotations

from feedback_store import accounts, annotators, sessions
from feedback_store.accounts import ROLES, Role
from feedback_store.database import Database
from ui.web import passwords

PASSWORD = "correct horse battery"
_HASH: list[str] = []


def people(db: Database) -> dict[Role, int]:
    """One account a role, each with PASSWORD and the role as its name; annotator ids by role."""
    if not _HASH:
        _HASH.append(passwords.hashed(PASSWORD))  # a tenth of a second: once for all tests
    made = {}
    for role in ROLES:
        if accounts.by_name(db, role) is None:
            accounts.create(db, annotators.ensure(db, role).id, role, _HASH[0], by="test")
        made[role] = accounts.required(db, role).annotator_id
    return made


def session(db: Database, annotator_id: int) -> str:
    """The token of a new session of a person, to be sent as a cookie."""
    return sessions.begin(db, annotator_id, seconds=3600.0)
