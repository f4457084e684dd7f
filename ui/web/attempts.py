"""What comes through the doors: a login, an invitation taken up, a password changed. Each ends well or is Refused.

All three hash a password, so they run two at a time (few_at_once.py), never in the event loop.
"""

from __future__ import annotations

import math

from feedback_store import accounts, invitations, sessions, throttles
from feedback_store.accounts import Account
from feedback_store.database import Database
from feedback_store.errors import InvalidInput
from ui.web import passwords
from ui.web.passwords import UnfitPassword

IDLE_SECONDS = 12 * 3600.0
"""A session that was not used for this long is over: longer than a day's work, shorter than the night after it."""
SESSION_SECONDS = 14 * 24 * 3600.0
"""A session is over after this long, however busy: what was stolen does not work for ever."""


class Refused(ValueError):
    """An attempt that failed. `code` names its words (door.error.CODE), `status` is the answer's.

    `wait_seconds`: when to try again; 0: at once.
    """

    def __init__(self, code: str, status: int, words: str, wait_seconds: float = 0.0) -> None:
        super().__init__(words)
        self.code = code
        self.status = status
        self.wait_seconds = math.ceil(wait_seconds)


def log_in(db: Database, name: str, password: str, address: str, now: str | None = None) -> str:
    """The token of a new session. Raises Refused: in equal words and equal time for a name that nobody has."""
    account = accounts.by_name(db, name)
    _prove(db, name, password, account, address, "wrong", now)
    assert account is not None
    assert account.password_hash is not None
    if account.disabled_at is not None:
        raise Refused("disabled", 403, "This account is closed. Ask whoever leads this study.")
    proven = account.password_hash
    if passwords.outdated(proven):
        renewed = passwords.hashed(password)
        if accounts.renew_password_hash(db, account.annotator_id, renewed, instead_of=proven):
            proven = renewed
    try:
        return sessions.begin(
            db, account.annotator_id, seconds=SESSION_SECONDS, address=address, password_hash=proven, now=now
        )
    except InvalidInput as error:  # the password was changed, or the account closed, at this very moment
        raise Refused("wrong", 401, str(error)) from error


def take_up(
    db: Database, token: str, name: str, password: str, again: str, address: str, now: str | None = None
) -> str:
    """Make the account of an invitation; gives the token of its first session. Raises Refused."""
    invitation = invitations.find(db, token, now)
    if invitation is None:
        raise _over()
    if password != again:
        raise Refused("differ", 422, "The two passwords are not the same. Type them again.")
    _require_fit(password, invitation.name or name)
    try:
        account = invitations.use(db, token, name, passwords.hashed(password), now)
    except InvalidInput as error:
        if invitations.find(db, token, now) is None:  # somebody was faster
            raise _over() from error
        raise Refused("name", 422, str(error)) from error
    return sessions.begin(db, account.annotator_id, seconds=SESSION_SECONDS, address=address, now=now)


def change_password(
    db: Database, annotator_id: int, old: str, new: str, session: str, address: str, now: str | None = None
) -> None:
    """Give a person another password; all their sessions end but the one whose token is given. Raises Refused."""
    account = accounts.get(db, annotator_id)
    assert account is not None, "who is logged in has an account"
    _prove(db, account.name, old, account, address, "wrong_old", now)
    _require_fit(new, account.name)
    by = f"annotator {annotator_id}"
    accounts.set_password_hash(db, annotator_id, passwords.hashed(new), by=by, but=session, now=now)


def _prove(
    db: Database, name: str, password: str, account: Account | None, address: str, code: str, now: str | None
) -> None:
    """Raise Refused unless the password is the account's. Counted as wrong until it was right (throttles.attempt)."""
    subjects = (throttles.of_account(name), throttles.of_address(address))
    if wait := throttles.attempt(db, *subjects, now=now):
        raise Refused("throttled", 429, f"Too many attempts. Try again in {math.ceil(wait)} seconds.", wait)
    if not passwords.matches(password, account.password_hash if account else None):
        words = "Name or password is wrong." if code == "wrong" else "The present password is wrong."
        raise Refused(code, 401 if code == "wrong" else 403, words)
    for subject in subjects:
        throttles.succeeded(db, subject)


def _require_fit(password: str, name: str) -> None:
    try:
        passwords.require_fit(password, name)
    except UnfitPassword as error:
        raise Refused(error.code, 422, str(error)) from error


def _over() -> Refused:
    return Refused("over", 404, "This invitation was used, taken back, or is over. Ask for a new link.")
