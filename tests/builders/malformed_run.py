"""Malformed requests sent to a server as everybody in turn, and what must not have come of them."""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import accounts_at_hand
import malformed_requests
import raw_http
from feedback_store import pseudonyms
from feedback_store.accounts import ROLES, Role
from feedback_store.database import Database
from malformed_requests import Request
from role_study import Things, contents, fill_for_roles, own_things
from role_table import Row
from rounds import studies

TELLS = (b"Traceback (most", b'File "', b"site-packages", b"study.db", b"/home/", b"sqlite3", b"OperationalError")
"""What an answer holds that shows the inside of the server; the study's own folder comes on top."""
HANDED_OUT = ("assignments",)
"""Who holds which question is noted whenever somebody looks."""


@dataclass
class Outcome:
    """Counts, and in words each answer that should not have been."""

    sent: int = 0
    by_fault: Counter[str] = field(default_factory=Counter)
    by_status: Counter[int] = field(default_factory=Counter)
    accepted: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)


class Senders:
    """One person a role and nobody, each with a session and the `$names` of the table of roles."""

    def __init__(self, db: Database, study_id: str, cookie_name: str) -> None:
        self.db = db
        people = accounts_at_hand.people(db)
        common = fill_for_roles(db, people)
        self.things: dict[Role | None, Things] = {
            role: own_things(db, study_id, common, people.get(role) if role else None, role or "annotator")
            for role in (None, *ROLES)
        }
        self.cookie_name = cookie_name
        self.people = people
        self.cookies = {role: self.cookie(role) for role in self.things}
        pseudonyms.secret_key(db)  # made and marked on first need, by a wrong password too
        studies.change_settings(db, by="test", paused=True)  # nobody is handed out anything more

    def cookie(self, role: Role | None) -> bytes:
        """A session of a role, new: what is accepted may have ended the one before."""
        if role is None:
            return b""
        return f"{self.cookie_name}={accounts_at_hand.session(self.db, self.people[role])}".encode()


def malformed(senders: Senders, port: int, host: bytes, number: int, seed: int) -> Outcome:
    """Send `number` malformed requests, none of which may change anything in the study."""
    before = contents(senders.db, HANDED_OUT)
    outcome = Outcome()
    for role, share in _shares(number):
        draw = random.Random(f"{seed}/{role}")
        _send(outcome, senders, port, host, role, malformed_requests.requests(draw, senders.things[role], share))
    after = contents(senders.db, HANDED_OUT)
    outcome.changed = [name for name in before if before[name] != after[name]]
    return outcome


def strange(senders: Senders, port: int, host: bytes, number: int, seed: int) -> Outcome:
    """Send `number` requests with strange values, as the admin: they may be accepted, and must break nothing."""
    outcome = Outcome()
    draw = random.Random(f"{seed}/strange")
    _send(outcome, senders, port, host, "admin", malformed_requests.strange(draw, senders.things["admin"], number))
    return outcome


def _shares(number: int) -> list[tuple[Role | None, int]]:
    """Most as an admin, who comes furthest."""
    weights: dict[Role | None, int] = {None: 1, "annotator": 2, "lead": 1, "researcher": 1, "admin": 5}
    return [(role, -(-number * weight // sum(weights.values()))) for role, weight in weights.items()]


def _send(
    outcome: Outcome, senders: Senders, port: int, host: bytes, role: Role | None, made: Iterable[tuple[Row, Request]]
) -> None:
    own: Any = (*TELLS, str(senders.db.folder).encode(), str(senders.db.folder.parent).encode())
    for row, request in made:
        answer = raw_http.send(port, request, host=host, cookie=senders.cookies[role])
        if answer.status in (401, 303):
            senders.cookies[role] = senders.cookie(role)
        outcome.sent += 1
        outcome.by_fault[request.fault] += 1
        outcome.by_status[answer.status] += 1
        what = f"{role}, {request.fault}: {request.method} {request.target[:150]!r} {request.body[:150]!r}"
        if answer.status == 0 or answer.status >= 500:
            outcome.faults.append(f"{answer.status} to {what}")
        shown = [tell for tell in own if tell in answer.content]
        if shown and not row.path.startswith(("/static/", "/assets/")):
            outcome.faults.append(f"{shown[0]!r} in the answer {answer.status} to {what}")
        if request.method == "POST" and 200 <= answer.status < 300:
            outcome.accepted.append(what)
