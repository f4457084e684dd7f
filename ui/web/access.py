"""Who may come in while the server is single-user: whoever has the address that it printed.

Accounts and roles take this class's place on an open network; the guard asks only `person_of` and `login`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from starlette.requests import cookie_parser

from ui.web.roles import Person
from ui.web.study import LOCAL_PERSON, StudyAtHand

LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")


class HostRefused(ValueError):
    """An address that other machines can reach was asked for, without accounts to guard it."""


def check_host(host: str) -> str:
    """The host itself where it is this machine alone; HostRefused with words for any other."""
    if host not in LOCAL_HOSTS:
        raise HostRefused(
            f"Host {host!r} would let other machines in, and this study has no accounts to tell them apart. "
            f"Allowed: {', '.join(LOCAL_HOSTS)}. To work from another machine, forward the port over ssh."
        )
    return host


def bracketed(host: str) -> str:
    """The host as it stands in an address: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


class LocalAccess:
    """A token in the printed address opens any number of browsers until the server ends.

    The cookie holds a secret of its own, so that the token of the address is never sent again, and its name carries the
    study's id, because browsers share cookies between the ports of one host.
    """

    accounts = False

    def __init__(self, study_id: str, host: str, port: int, token: str | None = None) -> None:
        self.host = check_host(host)
        self.port = port
        self.token = token or secrets.token_urlsafe(24)
        self.cookie_name = "tastemaker_" + hashlib.sha256(study_id.encode()).hexdigest()[:16]
        self._session = secrets.token_urlsafe(32)
        names = [bracketed(name) for name in LOCAL_HOSTS]
        self.allowed_hosts = frozenset(f"{name}:{port}" for name in names) | (frozenset(names) if port == 80 else set())

    @property
    def address(self) -> str:
        """What to open: the login address with its token."""
        return f"http://{bracketed(self.host)}:{self.port}/login?token={self.token}"

    def login(self, token: str) -> str | None:
        """The cookie's value for the right token, else None."""
        return self._session if _same(token, self.token) else None

    def person_of(self, study: StudyAtHand, cookie_header: str) -> Person | None:
        """The person that a request's Cookie header proves, who may do everything, or None."""
        value = cookie_parser(cookie_header).get(self.cookie_name)
        if value is None or not _same(value, self._session):
            return None
        return study.person(LOCAL_PERSON, "admin")


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode("utf-8", "replace"), right.encode())
