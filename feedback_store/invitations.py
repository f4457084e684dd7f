"""Invitations: links that work once. Only the hash of a link's token is kept: what a copy of the study holds lets
nobody in. Who has the link itself gets into a copy as well: one revoked or used after a backup works in what is
restored.
"""

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from feedback_store import accounts, annotators, audit, canonical, clock
from feedback_store.accounts import Account, Role
from feedback_store.database import Database, Row
from feedback_store.errors import InvalidInput

TOKEN_BYTES = 32
SECONDS = 14 * 24 * 3600.0
"""How long a link works unless said otherwise."""


@dataclass(frozen=True)
class Invitation:
    """A link to an account that is not there yet. `name`: what the person will be called; None: they choose.

    `languages`, `tags` and `daily_quota` are those of the person to come (annotators.py).
    """

    id: int
    role: Role
    name: str | None
    languages: list[str]
    tags: list[str]
    daily_quota: int | None
    made_by: str
    created_at: str
    expires_at: str
    used_at: str | None
    used_by: int | None
    revoked_at: str | None


def make(
    db: Database,
    role: str,
    *,
    name: str | None = None,
    languages: Sequence[str] = (),
    tags: Sequence[str] = (),
    daily_quota: int | None = None,
    by: str,
    seconds: float = SECONDS,
    now: str | None = None,
) -> tuple[Invitation, str]:
    """Make an invitation and return it with its token, which is told once.

    Raises InvalidInput for a role, name, language, tag or quota that is none, or a name that is taken.
    """
    moment = now or clock.now()
    token = secrets.token_urlsafe(TOKEN_BYTES)
    annotators.require_asked(languages=languages, tags=tags)
    annotators.require_quota(daily_quota)
    if not 0 < seconds <= MOST_SECONDS:
        raise InvalidInput(f"An invitation lasts {seconds:g} seconds; allowed are more than 0, and at most a year.")
    with db.transaction():
        called = None if name is None else _free_name(db, name, moment)
        cursor = db.execute(
            "INSERT INTO invitations (token_sha256, role, name, languages, tags, daily_quota, made_by, created_at,"
            " expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                _hash(token), accounts.known_role(role), called, canonical.dumps(list(languages)),
                canonical.dumps(list(tags)), daily_quota, by, moment, clock.after(moment, seconds),
            ],
        )  # fmt: skip
        made = get(db, int(cursor.lastrowid))
        _note(db, "invite", made.id, by, moment, role=role)
    return made, token


def get(db: Database, invitation_id: int) -> Invitation:
    """Return an invitation by its id. Raises InvalidInput where there is none."""
    row = db.row(f"{_SELECT} WHERE id = ?", [invitation_id])
    if row is None:
        raise InvalidInput(f"There is no invitation {invitation_id}.")
    return _invitation(row)


def find(db: Database, token: str, now: str | None = None) -> Invitation | None:
    """Return the invitation of a token; None where it is unknown, used, revoked, or over."""
    row = db.row(
        f"{_SELECT} WHERE token_sha256 = :token AND {_OPEN}", {"token": _hash(token), "now": now or clock.now()}
    )
    return _invitation(row) if row else None


def use(db: Database, token: str, name: str | None, password_hash: str, now: str | None = None) -> Account:
    """Make the person and the account of an invitation, once. `name` counts where the invitation has none.

    Raises InvalidInput where the link works no more, or the name is taken or none: nothing is stored then, and the link
    still works for another name.
    """
    moment = now or clock.now()
    with db.transaction():
        invitation = find(db, token, moment)
        if invitation is None:
            raise InvalidInput("This invitation was used, taken back, or is over. Ask for a new link.")
        called = _free_name(db, invitation.name or name, moment, but=invitation.id)
        person = annotators.ensure(db, called, now=moment)
        annotators.asked_of(db, person.id, languages=invitation.languages, tags=invitation.tags)
        annotators.set_daily_quota(db, person.id, invitation.daily_quota)
        by = f"invitation {invitation.id}"
        account = accounts.create(db, person.id, invitation.role, password_hash, by=by, now=moment)
        # The name is the account's now: it must not stand here too when it is erased there.
        db.execute(
            "UPDATE invitations SET used_at = ?, used_by = ?, name = NULL WHERE id = ?",
            [moment, person.id, invitation.id],
        )
    return account


def revoke(db: Database, invitation_id: int, *, by: str, now: str | None = None) -> bool:
    """Take an invitation back; tells whether it was open. Raises InvalidInput for an unknown one."""
    moment = now or clock.now()
    with db.transaction():
        get(db, invitation_id)
        cursor = db.execute(
            f"UPDATE invitations SET revoked_at = :now, name = NULL WHERE id = :id AND {_OPEN}",
            {"id": invitation_id, "now": moment},
        )
        if cursor.rowcount > 0:
            _note(db, "take back invitation", invitation_id, by, moment)
    return int(cursor.rowcount) > 0


def listing(db: Database, now: str | None = None) -> list[Invitation]:
    """Return the open invitations, in the order in which they were made."""
    rows = db.rows(f"{_SELECT} WHERE {_OPEN} ORDER BY id", {"now": now or clock.now()})
    return [_invitation(row) for row in rows]


MOST_SECONDS = 366 * 24 * 3600.0
_SELECT = (
    "SELECT id, role, name, languages, tags, daily_quota, made_by, created_at, expires_at, used_at, used_by,"
    " revoked_at FROM invitations"
)
_OPEN = "used_at IS NULL AND revoked_at IS NULL AND expires_at > :now"


def _free_name(db: Database, name: object, now: str, but: int | None = None) -> str:
    """The name as it is kept, where neither a person nor another open invitation has it."""
    called = accounts.login_name(name)
    if annotators.by_name(db, called) is not None or db.value(
        f"SELECT 1 FROM invitations WHERE name = :name AND id IS NOT :but AND {_OPEN}",
        {"name": called, "but": but, "now": now},
    ):
        raise InvalidInput(f"The name {called!r} is taken. Choose another one.")
    return called


def _invitation(row: Row) -> Invitation:
    return Invitation(**{**row, "languages": json.loads(row["languages"]), "tags": json.loads(row["tags"])})


def _note(db: Database, action: str, invitation_id: int, by: str, now: str | None, **detail: object) -> None:
    audit.note(db, actor=by, action=action, subject=f"invitation {invitation_id}", detail=detail, now=now)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
