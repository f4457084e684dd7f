"""What cannot be stored is refused in words, and nothing else is lost: a full disk, a database locked by another."""

import contextlib
import multiprocessing
import random
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks import judging
from benchmarks.setting import NotAllowed
from feedback_store import database
from feedback_store.database import Database
from feedback_store.errors import StoreUnavailable

PAIRS = 20
DISK_MEGABYTES = 8
MOST_PAGES = 2**32 - 2
PATIENCE_SECONDS = 60


def disk_full(folder: Path, trials: int, seed: int) -> dict[str, Any]:
    """Store on a small disk until it is full, go on trying, free space, and send what was refused again."""
    try:
        with _small_disk(folder) as disk:
            shutil.rmtree(disk / "any", ignore_errors=True)
        return {"way": f"a tmpfs of {DISK_MEGABYTES} MB"} | _sum(
            [_full_disk(folder, random.Random(f"{seed}/{trial}")) for trial in range(trials)]
        )
    except NotAllowed as refusal:
        found = [_full_file(folder / str(trial), random.Random(f"{seed}/{trial}")) for trial in range(trials)]
        return {"way": f"a limit on the file's pages, for {refusal}"} | _sum(found)


def _sum(trials: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "trials": len(trials),
        "acknowledged": sum(trial["acknowledged"] for trial in trials),
        "refused": sum(trial["refused"] for trial in trials),
        "words": sorted({word for trial in trials for word in trial["words"]}),
        "lost": sum(trial["lost"] for trial in trials),
        "faults": sorted({fault for trial in trials for fault in trial["faults"]}),
        "recovered": sum(trial["recovered"] for trial in trials),
    }


def _full_disk(folder: Path, draw: random.Random) -> dict[str, Any]:
    with _small_disk(folder) as disk:
        judging.study_of_pairs(disk / "study", PAIRS)
        ballast = disk / "ballast"

        def fill(db: Database) -> None:
            with ballast.open("wb") as file, contextlib.suppress(OSError):
                file.write(bytes(max(0, shutil.disk_usage(disk).free - draw.randrange(2**18))))

        return fill_up(disk / "study", fill, lambda db: ballast.unlink())


def _full_file(folder: Path, draw: random.Random) -> dict[str, Any]:
    judging.study_of_pairs(folder, PAIRS)

    def fill(db: Database) -> None:
        pages = db.value("PRAGMA page_count") + draw.randrange(32)
        db.execute(f"PRAGMA max_page_count = {pages}")

    return fill_up(folder, fill, lambda db: db.execute(f"PRAGMA max_page_count = {MOST_PAGES}"))


def fill_up(study: Path, fill: Callable[[Database], object], free: Callable[[Database], object]) -> dict[str, Any]:
    """Store, with the space taken away by `fill` and given back by `free`; tell what happened to each judgment."""
    said: list[int] = []
    words: set[str] = set()
    refused: list[int] = []
    with Database.open(study) as db:

        def attempt(number: int) -> bool:
            try:
                judging.store(db, number, PAIRS)
            except StoreUnavailable as refusal:
                words.add(str(refusal))
                return False
            said.append(number)
            return True

        assert all(attempt(number) for number in range(PAIRS))
        fill(db)
        number = PAIRS
        while attempt(number):
            number += 1
        refused = [one for one in range(number, number + 5) if not attempt(one)]
        with contextlib.suppress(StoreUnavailable):
            db.checkpoint()
        lost, faults = judging.missing(db, said), judging.faults(db)
        free(db)
        recovered = all(attempt(one) for one in refused) and attempt(number + 5)
        db.checkpoint()
        doubled = judging.rows_stored(db) - len(said)
        faults += judging.faults(db)
    with Database.open(study) as db:
        lost += judging.missing(db, said)
    return {
        "acknowledged": len(said),
        "refused": len(refused),
        "words": words,
        "lost": lost + abs(doubled),
        "faults": faults,
        "recovered": recovered,
    }


@contextlib.contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    """A file system in memory that is soon full. Raises NotAllowed where nothing may be mounted."""
    disk = folder.with_name("small-disk")
    disk.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "tmpfs", str(disk)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise NotAllowed("there is no command mount here") from None
    if done.returncode:
        raise NotAllowed(f"no small disk can be mounted here: {done.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def locked(folder: Path, held_seconds: Sequence[float], *, over_http: bool = True) -> dict[str, Any]:
    """Let another process lock the database while judgments are sent to the store, and to a server of the study.

    What was refused is sent again once the lock is gone.
    """
    shares = judging.pairs_handed_out(folder, len(held_seconds) + 1)
    found = []
    with contextlib.ExitStack() as stack:
        server = None
        if over_http:
            from tests.accept.serving import served

            server = stack.enter_context(served(folder, "--no-worker"))
        with Database.open(folder) as db:
            judging.store(db, 0, PAIRS)
            for place, seconds in enumerate(held_seconds, start=1):
                found.append(_while_locked(db, folder, server, seconds, place, shares[place]))
            kept = judging.rows_stored(db) - (1 + len(held_seconds) * (2 if over_http else 1))
            return {"patience_seconds": database.BUSY_TIMEOUT_SECONDS, "held": found, "lost_or_doubled": abs(kept)}


def _while_locked(
    db: Database, folder: Path, server: Any, seconds: float, number: int, comparison: str
) -> dict[str, Any]:
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe(duplex=False)
    holder = context.Process(target=hold_lock, args=(folder, seconds, theirs))
    holder.start()
    ours.recv()
    row: dict[str, Any] = {"held_seconds": seconds}
    body = {"comparison": comparison, "shown": [0, 1], "ranks": [1, 2], "key": f"over-http-{number}"}

    def send() -> None:
        began = time.perf_counter()
        answer = server.client.post("/api/judgments", json=body, timeout=PATIENCE_SECONDS)
        row["http"] = [answer.status_code, answer.json().get("error"), round(time.perf_counter() - began, 1)]

    sender = threading.Thread(target=send)
    if server:
        sender.start()
    began = time.perf_counter()
    try:
        judging.store(db, number, PAIRS)
        row["store"] = ["stored", None]
    except StoreUnavailable as refusal:
        row["store"] = ["refused", str(refusal)]
    row["store"].append(round(time.perf_counter() - began, 1))
    if server:
        sender.join()
    holder.join()
    judging.store(db, number, PAIRS)
    if server:
        row["http_again"] = server.client.post("/api/judgments", json=body).status_code
    return row


def hold_lock(folder: Path, seconds: float, ready: Connection) -> None:
    """A process that keeps the database locked for a while."""
    with Database.open(folder) as db, db.transaction():
        ready.send(True)
        time.sleep(seconds)
