"""Who may come in: whoever has the printed address while a study is one person's own, else people who log in.

Both kinds answer the same questions, and the guard asks nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import replace
from typing import Protocol

from starlette.requests import cookie_parser
from starlette.types import Scope

from feedback_store import accounts, api_tokens, invitations, sessions
from feedback_store.accounts import Role
from feedback_store.api_tokens import ApiToken
from feedback_store.database import Database
from ui.web import attempts, roles
from ui.web.addresses import LOCAL_HOSTS, Networks, ServedAt, client_address, served_at, trusted_networks
from ui.web.roles import Person
from ui.web.study import LOCAL_PERSON, StudyAtHand

TOKEN_ROLE: Role = "researcher"
"""The most that a program may be: what admins do is done by people."""


class HostRefused(ValueError):
    """An address that others can reach was asked for, without accounts to guard it."""


class Access(Protocol):
    """How a server is reached, and who a request comes from."""

    accounts: bool
    cookie_name: str
    reached: ServedAt
    trusted: Networks

    @property
    def address(self) -> str:
        """What to open."""

    @property
    def locked(self) -> str:
        """The key of what is told to whoever is not let in (refusals.py)."""

    def person_of(self, study: StudyAtHand, cookie_header: str) -> Person | None:
        """The person that a request's Cookie header proves, or None. It reads the database."""

    def person_of_token(self, study: StudyAtHand, text: str) -> Person | None:
        """The person for whom a program's token acts, with its scopes, or None. It reads the database."""

    def token_of(self, cookie_header: str) -> str | None:
        """The token of the session that a Cookie header holds, or None."""

    def address_of(self, scope: Scope) -> str:
        """The address that a request came from."""


def access_to(
    db: Database,
    study_id: str,
    host: str,
    port: int,
    *,
    token: str | None = None,
    public_url: str | None = None,
    trusted_proxy: str = "",
) -> LocalAccess | AccountAccess:
    """The way in to a study: by accounts where there are any (or invitations to make them), else by a printed address
    on this machine alone. Raises HostRefused, UnfitAddress.
    """
    reached, trusted = served_at(host, port, public_url), trusted_networks(trusted_proxy)
    require_guarded(db, host, public_url)
    if _has_people(db):
        return AccountAccess(study_id, reached, trusted)
    return LocalAccess(study_id, reached, trusted, token)


def require_guarded(db: Database, host: str, public_url: str | None = None) -> None:
    """Raise HostRefused with words where a study without accounts would be open to other machines."""
    if not _has_people(db):
        require_local(host, public_url)


def require_local(host: str, public_url: str | None = None) -> None:
    """Raise HostRefused with words for an address that other machines can reach."""
    if host in LOCAL_HOSTS and public_url is None:
        return
    what = f"Host {host!r}" if host not in LOCAL_HOSTS else f"--public-url {public_url}"
    raise HostRefused(
        f"{what} would let other machines in, and this study has no accounts to tell them apart. Make the first one: "
        "`tastemaker user add STUDY NAME --role admin`. Without accounts the hosts allowed are "
        f"{', '.join(LOCAL_HOSTS)}; to work from another machine, forward the port over ssh."
    )


def _has_people(db: Database) -> bool:
    return accounts.any_there(db) or bool(invitations.listing(db))


class _Cookie:
    """Its name carries the study's id, because browsers share cookies between the ports of one host."""

    def __init__(self, study_id: str, reached: ServedAt, trusted: Networks) -> None:
        self.cookie_name = "tastemaker_" + hashlib.sha256(study_id.encode()).hexdigest()[:16]
        self.reached = reached
        self.trusted = trusted

    def token_of(self, cookie_header: str) -> str | None:
        return cookie_parser(cookie_header).get(self.cookie_name)

    def address_of(self, scope: Scope) -> str:
        peer = scope["client"][0] if scope.get("client") else None
        forwarded = [value.decode("latin-1") for key, value in scope["headers"] if key == b"x-forwarded-for"]
        return client_address(peer, forwarded, self.trusted)


class LocalAccess(_Cookie):
    """A token in the printed address opens any number of browsers until the server ends.

    The cookie holds a secret of its own, so that the token of the address is never sent again.
    """

    accounts = False
    locked = "locked"

    def __init__(self, study_id: str, reached: ServedAt, trusted: Networks = (), token: str | None = None) -> None:
        super().__init__(study_id, reached, trusted)
        self.token = token or secrets.token_urlsafe(24)
        self._session = secrets.token_urlsafe(32)

    @property
    def address(self) -> str:
        """What to open: the login address with its token."""
        return f"{self.reached.origin}/login?token={self.token}"

    def login(self, token: str) -> str | None:
        """The cookie's value for the right token, else None."""
        return self._session if _same(token, self.token) else None

    def person_of(self, study: StudyAtHand, cookie_header: str) -> Person | None:
        """The one person of the study, who may do everything."""
        value = self.token_of(cookie_header)
        if value is None or not _same(value, self._session):
            return None
        return study.person(LOCAL_PERSON, "admin")

    def person_of_token(self, study: StudyAtHand, text: str) -> Person | None:
        """The one person of the study, as far as the token goes."""
        token = api_tokens.current(study.db, text)
        return _by_token(study.person(LOCAL_PERSON, TOKEN_ROLE), token) if token else None


class AccountAccess(_Cookie):
    """People log in; the cookie holds the token of a session of theirs."""

    accounts = True
    locked = "log_in"

    @property
    def address(self) -> str:
        """What to open: the first page, which leads to the login."""
        return f"{self.reached.origin}/"

    def person_of(self, study: StudyAtHand, cookie_header: str) -> Person | None:
        """The person of an open session, with the role that the account has now."""
        token = self.token_of(cookie_header)
        session = sessions.current(study.db, token, idle_seconds=attempts.IDLE_SECONDS) if token else None
        account = accounts.get(study.db, session.annotator_id) if session else None
        if account is None or account.disabled_at is not None:
            return None
        return roles.person(study.id, account.annotator_id, account.name, account.role)

    def person_of_token(self, study: StudyAtHand, text: str) -> Person | None:
        """The person that the token was made for, while they may come in, with no more than their role now."""
        token = api_tokens.current(study.db, text)
        account = accounts.get(study.db, token.annotator_id) if token else None
        if token is None or account is None or account.disabled_at is not None:
            return None
        role = min(account.role, TOKEN_ROLE, key=accounts.ROLES.index)
        return _by_token(roles.person(study.id, account.annotator_id, account.name, role), token)


def _by_token(person: Person, token: ApiToken) -> Person:
    return replace(person, scopes=frozenset(token.scopes))


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode("utf-8", "replace"), right.encode())
