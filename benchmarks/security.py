"""Who gets in, what breaks, what is tried, what leaks: the server held against its own table of roles, against requests
that make no sense, against people who guess, and against its own logs.
"""

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.setting import Setting

REQUESTS, REQUESTS_SHORT = 10_000, 60
STRANGE, STRANGE_SHORT = 2_000, 20
TRIED_SECONDS, TRIED_SECONDS_SHORT = 24 * 3600, 120
TRIED_EVERY_SECONDS = 1.0
TOLD = 20
"""So many deviations stand in a row in words; the rest is counted."""


def _use_builders() -> None:
    """Make the builders of the tests importable by their own names, as they import one another."""
    folder = str(Path(__file__).resolve().parents[1] / "tests" / "builders")
    if folder not in sys.path:
        sys.path.append(folder)


def matrix(setting: Setting) -> dict[str, Any]:
    """Every route, Gradio's too, as each role and as nobody."""
    _use_builders()
    import accounts_at_hand
    import role_matrix
    from role_table import ROWS
    from rounds import studies
    from ui.web.app import create_app

    with setting.folder() as folder:
        with studies.open_or_create(folder / "first", base="tiny:", create=True) as db:
            accounts_at_hand.people(db)
            app = create_app(db)
        found = {
            caller or "nobody": role_matrix.of(app, folder / str(caller), caller) for caller in role_matrix.CALLERS
        }
        deviations = [words for one in found.values() for words in one.deviations]
        return {
            "routes": len(ROWS),
            **role_matrix.unlisted(app),
            "allowed": {caller: one.allowed for caller, one in found.items()},
            "refused": {caller: one.refused for caller, one in found.items()},
            "deviations": len(deviations),
            "told": deviations[:TOLD],
        }


def malformed(setting: Setting) -> dict[str, Any]:
    """Malformed requests to a real server as every role, and requests with strange values."""
    _use_builders()
    import malformed_run
    from rounds import studies
    from tests.accept.serving import served
    from ui.web.access import access_to
    from ui.web.study import study_id

    with (
        setting.folder() as folder,
        studies.open_or_create(folder / "study", base="tiny:", create=True, refill=False) as db,
    ):
        senders = malformed_run.Senders(db, study_id(db), access_to(db, study_id(db), "127.0.0.1", 0).cookie_name)
        with served(folder / "study", "--no-worker") as server:
            host = server.address.removeprefix("http://").rstrip("/")
            port = int(host.rpartition(":")[2])
            number = setting.trials(REQUESTS, REQUESTS_SHORT)
            refused = malformed_run.malformed(senders, port, host.encode(), number, setting.seed)
            odd = malformed_run.strange(
                senders, port, host.encode(), setting.trials(STRANGE, STRANGE_SHORT), setting.seed
            )
            alive = server.client.get("/healthz").status_code == 200
        log = (folder / "serve.log").read_text(encoding="utf-8", errors="replace")
        faults = refused.faults + odd.faults
        return {
            "requests": refused.sent,
            "by_fault": dict(refused.by_fault.most_common()),
            "by_status": dict(sorted(refused.by_status.items())),
            "accepted": len(refused.accepted),
            "changed_tables": refused.changed,
            "with_strange_values": odd.sent,
            "strange_by_status": dict(sorted(odd.by_status.items())),
            "faults": len(faults),
            "tracebacks_in_log": log.count("Traceback (most recent call last)"),
            "alive": alive,
            "told": (faults + refused.accepted)[:TOLD],
        }


def passwords(setting: Setting) -> dict[str, Any]:
    """Somebody tries a wrong password every second of a day: how many tries are looked at.

    Time is made up and hashing left out, so that a day takes minutes; what counts the tries is the store's own.
    """
    from feedback_store import throttles
    from feedback_store.database import Database

    seconds = setting.trials(TRIED_SECONDS, TRIED_SECONDS_SHORT)
    ways: dict[str, Callable[[int], tuple[str, str]]] = {
        "one_account_many_addresses": lambda number: (
            "ada",
            f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
        ),
        "one_address_many_accounts": lambda number: (f"somebody-{number}", "10.0.0.1"),
        "one_account_one_address": lambda _: ("ada", "10.0.0.1"),
    }
    row: dict[str, Any] = {"tries_a_minute": round(60 / TRIED_EVERY_SECONDS), "minutes": seconds / 60}
    for name, who in ways.items():
        with setting.folder() as folder:
            through = []
            began = datetime(2030, 1, 1, tzinfo=UTC)
            db = Database.create(folder / "study")
            db.execute("PRAGMA synchronous = OFF")  # a day of tries; whether they survive a power cut is told elsewhere
            for number in range(round(seconds / TRIED_EVERY_SECONDS)):
                if number == seconds // 2:  # a restart in between forgets nothing
                    db.close()
                    db = Database.open(folder / "study")
                    db.execute("PRAGMA synchronous = OFF")
                after = number * TRIED_EVERY_SECONDS
                moment = (began + timedelta(seconds=after)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
                account, address = who(number)
                subjects = (throttles.of_account(account), throttles.of_address(address))
                if throttles.attempt(db, *subjects, now=moment) == 0:
                    through.append(after)
            db.close()
        last = [at for at in through if at >= seconds / 2]
        row[name] = {
            "through": len(through),
            "first_minute": sum(at < 60 for at in through),
            "first_hour": sum(at < 3600 for at in through),
            "later_a_minute": round(len(last) / (seconds / 2 / 60), 3),
        }
    return row


def secrets(setting: Setting) -> dict[str, Any]:
    """Passwords, links and sessions of a played study, looked for in everything that it left on the disk."""
    from benchmarks import security_secrets

    with setting.folder() as folder:
        return security_secrets.played(folder)


CELLS: dict[str, Callable[[Setting], dict[str, Any]]] = {
    "matrix": matrix,
    "malformed": malformed,
    "passwords": passwords,
    "secrets": secrets,
}
