"""kill -9 of a storing process, and of the whole server under 20 clients: what was acknowledged is there, once."""

import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks import judging
from feedback_store.database import Database

PAIRS = 500
LONGEST_LIFE_SECONDS = 0.15
CLIENTS = 20
PAIRS_OF_CLIENT_A_KILL = 10


def kill_storing(folder: Path, kills: int, seed: int) -> dict[str, Any]:
    """Kill a process that stores judgments at random moments.

    The next one first sends what was not acknowledged again, as a browser does. After each kill all that was
    acknowledged has to be there, and the study has to be whole.
    """
    judging.study_of_pairs(folder, PAIRS)
    draw = random.Random(seed)
    first, lost, faults, unsaid = 0, 0, [], 0
    began = time.perf_counter()
    for _ in range(kills):
        said = _killed_after(folder, first, draw.uniform(0, LONGEST_LIFE_SECONDS))
        with Database.open(folder) as db:
            lost += judging.missing(db, said)
            faults += judging.faults(db)
            first += len(said)
            unsaid += judging.missing(db, [first]) == 0  # stored, but killed before it could say so
    with Database.open(folder) as db:
        judging.store(db, first, PAIRS)
        lost += judging.missing(db, list(range(first + 1)))
        doubled = judging.rows_stored(db) - (first + 1)
        faults += judging.faults(db)
    return {
        "kills": kills,
        "acknowledged": first,
        "stored_but_not_acknowledged": unsaid,
        "lost": lost,
        "doubled": doubled,
        "faults": sorted(set(faults)),
        "seconds_a_kill": round((time.perf_counter() - began) / kills, 3),
    }


def _killed_after(folder: Path, first: int, seconds: float) -> list[int]:
    """Store from `first` on in a process that is killed after `seconds`; return what it acknowledged."""
    context = multiprocessing.get_context("forkserver")  # warm: a process stores its first judgment within milliseconds
    context.set_forkserver_preload(["benchmarks.judging"])
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=judging.store_into_pipe, args=(folder, PAIRS, first, theirs))
    process.start()
    theirs.close()
    time.sleep(seconds)
    process.kill()
    process.join()
    said = b"".join(iter(lambda: os.read(ours.fileno(), 65536), b""))
    ours.close()
    numbers = [int(line) for line in said.splitlines()]
    assert numbers == list(range(first, first + len(numbers)))
    return numbers


def kill_server(folder: Path, kills: int, seed: int) -> dict[str, Any]:
    """Kill `tastemaker serve` while 20 clients judge; each sends what was not acknowledged again to the next server."""
    from tests.accept.serving import served

    pairs = judging.pairs_handed_out(folder, CLIENTS * PAIRS_OF_CLIENT_A_KILL * (kills + 1))
    clients = [_Client(pairs[place::CLIENTS], f"client-{place:02}") for place in range(CLIENTS)]
    draw = random.Random(seed)
    lost, faults, unsaid = 0, [], 0
    began = time.perf_counter()
    for _ in range(kills):
        before = sum(len(client.acknowledged) for client in clients)
        with served(folder, "--no-worker") as server:
            threads = [threading.Thread(target=client.judge, args=(server.client,)) for client in clients]
            for thread in threads:
                thread.start()
            while sum(len(client.acknowledged) for client in clients) < before + 2 * CLIENTS:
                if not any(thread.is_alive() for thread in threads):
                    break
                time.sleep(0.005)
            time.sleep(draw.uniform(0, 1))
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
            for thread in threads:
                thread.join()
        acknowledged = [key for client in clients for key in client.acknowledged]
        with Database.open(folder) as db:
            lost += _not_stored(db, acknowledged)
            unsaid += judging.rows_stored(db) - len(acknowledged)
            faults += judging.faults(db)
    with served(folder, "--no-worker") as server:
        for client in clients:
            client.send_pending(server.client)
    acknowledged = [key for client in clients for key in client.acknowledged]
    with Database.open(folder) as db:
        lost += _not_stored(db, acknowledged)
        doubled = judging.rows_stored(db) - len(acknowledged)
        faults += judging.faults(db)
    return {
        "kills": kills,
        "clients": CLIENTS,
        "acknowledged": len(acknowledged),
        "stored_but_not_acknowledged": unsaid,
        "lost": lost,
        "doubled": doubled,
        "other_answers": sorted({answer for client in clients for answer in client.other_answers}),
        "faults": sorted(set(faults)),
        "seconds_a_kill": round((time.perf_counter() - began) / kills, 1),
    }


def _not_stored(db: Database, keys: Iterable[str]) -> int:
    stored = {row["key"] for row in db.rows("SELECT key FROM judgments")}
    return sum(key not in stored for key in keys)


class _Client:
    """Judges its share of the pairs, one after the other, over the lives of several servers."""

    def __init__(self, share: list[str], name: str) -> None:
        self.share = share
        self.name = name
        self.acknowledged: list[str] = []
        self.other_answers: list[str] = []

    def judge(self, shared: Any) -> None:
        """Until the server is gone or the share is done."""
        import httpx

        with httpx.Client(
            base_url=shared.base_url, cookies=shared.cookies, headers=shared.headers, timeout=30
        ) as client:
            try:
                while self.send_pending(client):
                    client.get("/api/questions?limit=3")
            except httpx.TransportError:
                return

    def send_pending(self, client: Any) -> bool:
        """Send the first answer that was not acknowledged; tells whether it is now."""
        place = len(self.acknowledged)
        if place == len(self.share):
            return False
        key = f"{self.name}-{place:06}"
        body = {"comparison": self.share[place], "shown": [0, 1], "ranks": [1, 2], "key": key}
        answer = client.post("/api/judgments", json=body)
        if answer.status_code != 200:
            self.other_answers.append(f"{answer.status_code} {answer.text[:200]}")
            return False
        self.acknowledged.append(key)
        return True
