"""Wrong passwords and the waits after them, stored: a restart forgets none.

A subject is an account's name or an address. What it is stands nowhere in clear (people type passwords where the name
belongs): rows hold an HMAC under the study's key. An attempt is counted as a failure before it is made and taken back
when it was right, so that many at once pass no more than one after the other.

What is left to somebody who guesses, after the free failures (see `wait_after`): for one account, from anywhere, 4 an
hour (0.07 a minute; 104 on the first day, with the free ones and those of the growing waits); from one address, for all
accounts together, 1 a minute (about 1,550 on the first day). Known price: whoever keeps failing on a name keeps that
person from logging in anew; open sessions go on, and a password set by an admin ends the wait.
"""

import hashlib
import hmac
import ipaddress
import unicodedata
from dataclasses import dataclass
from datetime import datetime

from feedback_store import clock, pseudonyms
from feedback_store.database import Database


@dataclass(frozen=True)
class Policy:
    """`free` failures wait for nothing; the next waits `first_seconds`, each further one twice as long, up to
    `most_seconds`.
    """

    free: int
    first_seconds: float
    most_seconds: float


POLICIES = {"account": Policy(5, 30.0, 900.0), "address": Policy(100, 5.0, 60.0)}
FORGOTTEN_SECONDS = 24 * 3600.0
"""After this long without a failure a subject begins anew."""


def of_account(name: str) -> str:
    """Return the subject of a login name as somebody typed it."""
    return f"account:{unicodedata.normalize('NFC', name).strip()}"


def of_address(address: str) -> str:
    """Return the subject of an address: an IPv4 address, or the /64 of an IPv6 address, which one customer has."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return f"address:{address}"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            return f"address:{ipaddress.ip_network((int(parsed), 64), strict=False)}"
        parsed = parsed.ipv4_mapped
    return f"address:{parsed}"


def wait_after(failures: int, policy: Policy) -> float:
    """Return for how many seconds nothing may be tried after this many failures in a row."""
    if failures < policy.free:
        return 0.0
    doublings = min(failures - policy.free, 64)
    return min(policy.first_seconds * 2.0**doublings, policy.most_seconds)


def attempt(db: Database, *subjects: str, now: str | None = None) -> float:
    """Count an attempt as a failure of each subject and return 0; or count nothing and return for how many seconds one
    of them has to wait. Call `succeeded` for each where the attempt was right.
    """
    moment = now or clock.now()
    with db.transaction():
        db.execute("DELETE FROM throttles WHERE last_at <= ?", [clock.after(moment, -FORGOTTEN_SECONDS)])
        wait = max((wait_seconds(db, subject, moment) for subject in subjects), default=0.0)
        if wait == 0:
            for subject in subjects:
                failed(db, subject, moment)
    return wait


def failed(db: Database, subject: str, now: str | None = None) -> None:
    """Count one failure more of a subject."""
    moment = now or clock.now()
    with db.transaction():
        key = _key(db, subject)
        known = db.row("SELECT failures, last_at FROM throttles WHERE subject = ?", [key])
        fresh = known is not None and known["last_at"] > clock.after(moment, -FORGOTTEN_SECONDS)
        failures = (known["failures"] if known and fresh else 0) + 1
        wait = wait_after(failures, _policy(subject))
        db.execute(
            "INSERT INTO throttles (subject, failures, last_at, blocked_until) VALUES (:key, :failures, :at, :until)"
            " ON CONFLICT (subject) DO UPDATE SET failures = :failures, last_at = :at, blocked_until = :until",
            {"key": key, "failures": failures, "at": moment, "until": clock.after(moment, wait) if wait else None},
        )


def wait_seconds(db: Database, subject: str, now: str | None = None) -> float:
    """Return for how many seconds a subject has to wait; 0 where it may try."""
    until = db.value("SELECT blocked_until FROM throttles WHERE subject = ?", [_key(db, subject)])
    if until is None:
        return 0.0
    left = datetime.fromisoformat(until) - datetime.fromisoformat(now or clock.now())
    return max(0.0, left.total_seconds())


def succeeded(db: Database, subject: str) -> None:
    """Note that an attempt was right: an account begins anew; an address gets this one attempt back, else an account of
    one's own would wash away what was tried on others.
    """
    key = _key(db, subject)
    with db.transaction():
        if subject.startswith("address:"):
            db.execute(
                "UPDATE throttles SET failures = MAX(0, failures - 1), blocked_until = NULL WHERE subject = ?", [key]
            )
        else:
            db.execute("DELETE FROM throttles WHERE subject = ?", [key])


def _policy(subject: str) -> Policy:
    return POLICIES[subject.partition(":")[0]]


def _key(db: Database, subject: str) -> str:
    kind = subject.partition(":")[0]
    digest = hmac.new(pseudonyms.secret_key(db), subject.encode("utf-8", "replace"), hashlib.sha256)
    return f"{kind}:{digest.hexdigest()[:32]}"
