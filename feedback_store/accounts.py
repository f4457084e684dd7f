"""Accounts: who may log in, and as what. A person has at most one; its name is the person's name (annotators.name).

Only the hash of a password comes here; what makes it is not the store's business. Every act is written down in the
audit trail, which names people by their number: what an erasure takes away stands nowhere else.
"""

import unicodedata
from dataclasses import dataclass, field
from typing import Literal, get_args

from feedback_store import annotators, audit, canonical, clock, sessions, throttles
from feedback_store.database import Database
from feedback_store.errors import Conflict, InvalidInput

Role = Literal["annotator", "lead", "researcher", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
"""Each may do what the ones before it may."""
MOST_NAME_CHARACTERS = 100


@dataclass(frozen=True)
class Account:
    """A person who may log in, unless it is disabled or no password was set yet. The hash is in no repr."""

    annotator_id: int
    name: str
    role: Role
    created_at: str
    password_changed_at: str | None
    disabled_at: str | None
    password_hash: str | None = field(repr=False)


def login_name(text: object) -> str:
    """Return a name as it is kept: Unicode NFC, without white space around it.

    Raises InvalidInput where it is empty, too long, or holds characters that are not seen (they make two names look
    alike).
    """
    if not isinstance(text, str):
        raise InvalidInput(f"The name is {type(text).__name__}; it has to be text.")
    canonical.require_clean(text, "name")
    name = unicodedata.normalize("NFC", text).strip()
    if not name:
        raise InvalidInput("A person needs a name that is not empty.")
    canonical.require_short(name, MOST_NAME_CHARACTERS, "name")
    unseen = next((one for one in name if unicodedata.category(one) in _UNSEEN), None)
    if unseen is not None:
        raise InvalidInput(f"The name holds the character U+{ord(unseen):04X}, which is not seen. Leave it out.")
    return name


def create(
    db: Database,
    annotator_id: int,
    role: str,
    password_hash: str | None = None,
    *,
    by: str,
    now: str | None = None,
) -> Account:
    """Give a person an account; without a password hash nobody can log in until one is set.

    Raises InvalidInput for an unknown role or person, one who was erased, or who is no person (simulated, imported);
    Conflict where there is an account already.
    """
    moment = now or clock.now()
    with db.transaction():
        person = annotators.get(db, annotator_id)
        if person.kind != "person" or person.erased_at is not None:
            what = "was erased" if person.erased_at else f"is {person.kind}"
            raise InvalidInput(f"Annotator {annotator_id} {what}: only people log in. Choose another name.")
        if get(db, annotator_id) is not None:
            raise Conflict(f"{person.name} has an account already. Change its role or its password instead.")
        db.execute(
            "INSERT INTO accounts (annotator_id, role, password_hash, created_at, password_changed_at)"
            " VALUES (?, ?, ?, ?, ?)",
            [annotator_id, known_role(role), password_hash, moment, moment if password_hash else None],
        )
        _note(db, "make account", annotator_id, by, moment, role=role)
        return _required(db, annotator_id)


def get(db: Database, annotator_id: int) -> Account | None:
    """Return a person's account, or None."""
    row = db.row(f"{_SELECT} WHERE c.annotator_id = ?", [annotator_id])
    return Account(**row) if row else None


def by_name(db: Database, name: str) -> Account | None:
    """Return the account of a login name as somebody typed it, or None."""
    try:
        row = db.row(f"{_SELECT} WHERE a.name = ?", [login_name(name)])
    except InvalidInput:
        return None
    return Account(**row) if row else None


def required(db: Database, name: str) -> Account:
    """Return the account of a login name. Raises InvalidInput where there is none."""
    found = by_name(db, name)
    if found is None:
        raise InvalidInput(f"There is no account {name!r}.")
    return found


def listing(db: Database) -> list[Account]:
    """Return all accounts, disabled ones too, in the order in which their people came."""
    return [Account(**row) for row in db.rows(f"{_SELECT} ORDER BY c.annotator_id")]


def any_there(db: Database) -> bool:
    """Tell whether there is an account at all, disabled ones included: without any the study is one person's own."""
    return db.value("SELECT 1 FROM accounts LIMIT 1") is not None


def set_role(db: Database, annotator_id: int, role: str, *, by: str, now: str | None = None) -> Account:
    """Give an account another role. Raises InvalidInput, also where the study would be left without an admin."""
    with db.transaction():
        account = _required(db, annotator_id)
        if account.role != known_role(role):
            require_other_admin(db, annotator_id)
            db.execute("UPDATE accounts SET role = ? WHERE annotator_id = ?", [role, annotator_id])
            _note(db, "change role", annotator_id, by, now, before=account.role, role=role)
        return _required(db, annotator_id)


def set_password_hash(
    db: Database,
    annotator_id: int,
    password_hash: str,
    *,
    by: str,
    but: str | None = None,
    now: str | None = None,
) -> Account:
    """Change a password: every session of the person ends but the one of the token `but`, and waits after wrong
    passwords end. Raises InvalidInput for a person without an account.
    """
    moment = now or clock.now()
    with db.transaction():
        account = _required(db, annotator_id)
        db.execute(
            "UPDATE accounts SET password_hash = ?, password_changed_at = ? WHERE annotator_id = ?",
            [password_hash, moment, annotator_id],
        )
        ended = sessions.end_all_of(db, annotator_id, moment, but=but)
        throttles.succeeded(db, throttles.of_account(account.name))
        _note(db, "change password", annotator_id, by, moment, sessions_ended=ended)
        return _required(db, annotator_id)


def renew_password_hash(db: Database, annotator_id: int, password_hash: str, *, instead_of: str) -> bool:
    """Keep another hash of the same password (made with newer parameters); sessions go on. Nothing is changed, and
    False returned, where the password was changed meanwhile.
    """
    with db.transaction():
        cursor = db.execute(
            "UPDATE accounts SET password_hash = ? WHERE annotator_id = ? AND password_hash = ?",
            [password_hash, annotator_id, instead_of],
        )
    return int(cursor.rowcount) > 0


def disable(db: Database, annotator_id: int, *, by: str, now: str | None = None) -> Account:
    """Let a person in no more: sessions end at once. Raises InvalidInput, also for the last admin."""
    moment = now or clock.now()
    with db.transaction():
        if _required(db, annotator_id).disabled_at is None:
            require_other_admin(db, annotator_id)
            db.execute("UPDATE accounts SET disabled_at = ? WHERE annotator_id = ?", [moment, annotator_id])
            ended = sessions.end_all_of(db, annotator_id, moment)
            _note(db, "disable account", annotator_id, by, moment, sessions_ended=ended)
        return _required(db, annotator_id)


def enable(db: Database, annotator_id: int, *, by: str, now: str | None = None) -> Account:
    """Let a person in again. Raises InvalidInput for a person without an account, or who was erased."""
    with db.transaction():
        if _required(db, annotator_id).disabled_at is not None:
            if annotators.get(db, annotator_id).erased_at is not None:
                raise InvalidInput(f"Annotator {annotator_id} was erased. Invite the person anew.")
            db.execute("UPDATE accounts SET disabled_at = NULL WHERE annotator_id = ?", [annotator_id])
            _note(db, "enable account", annotator_id, by, now)
        return _required(db, annotator_id)


def require_other_admin(db: Database, annotator_id: int) -> None:
    """Raise InvalidInput where this person is the last admin who can log in; call it in the act's transaction."""
    able = [row["annotator_id"] for row in db.rows(f"SELECT annotator_id FROM accounts WHERE {_ABLE_ADMIN}")]
    if able == [annotator_id]:
        raise InvalidInput(
            "This is the last admin who can log in; without one nobody could manage the study. Make somebody else an "
            "admin first."
        )


def known_role(role: object) -> Role:
    """Return the role of this name. Raises InvalidInput."""
    found = next((one for one in ROLES if one == role), None)
    if found is None:
        raise InvalidInput(f"The role is {role!r}; allowed are {', '.join(ROLES)}.")
    return found


_UNSEEN = ("Cc", "Cf", "Co", "Cn", "Zl", "Zp")
_ABLE_ADMIN = "role = 'admin' AND disabled_at IS NULL AND password_hash IS NOT NULL"
_SELECT = (
    "SELECT c.annotator_id, a.name, c.role, c.created_at, c.password_changed_at, c.disabled_at, c.password_hash"
    " FROM accounts c JOIN annotators a ON a.id = c.annotator_id"
)


def _required(db: Database, annotator_id: int) -> Account:
    found = get(db, annotator_id)
    if found is None:
        raise InvalidInput(f"Annotator {annotator_id} has no account.")
    return found


def _note(db: Database, action: str, annotator_id: int, by: str, now: str | None, **detail: object) -> None:
    audit.note(db, actor=by, action=action, subject=f"annotator {annotator_id}", detail=detail, now=now)
