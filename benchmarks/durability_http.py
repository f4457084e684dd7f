"""An fsync stands before each reply of the server: the running server is traced while judgments are sent to it."""

import contextlib
import re
import signal
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import judging
from benchmarks.durability_disk import WAL
from benchmarks.setting import NotAllowed

CALLS = "pwrite64,fsync,fdatasync,sendto,sendmsg,write,writev"
SAVED = r"{\"saved\":true"
_CALL = re.compile(r"(\d+) +(?:<\.\.\. )?(\w+)")


def fsync_before_reply(folder: Path, trials: int, seed: int) -> dict[str, Any]:
    """Count the replies before which the thread that wrote the WAL had synced it, and those before which not."""
    from tests.accept.serving import served

    pairs = judging.pairs_handed_out(folder, trials)
    log = folder.with_name("server.log")
    with served(folder, "--no-worker") as server:
        try:
            with _traced(server.process.pid, log):
                for number, comparison in enumerate(pairs):
                    body = {"comparison": comparison, "shown": [0, 1], "ranks": [1, 2], "key": judging.key_of(number)}
                    server.post("/api/judgments", body)
        except NotAllowed as refusal:
            return {"replies": 0, "not_measured": str(refusal)}
    with log.open(encoding="utf-8", errors="replace") as lines:
        synced, unsynced = replies(lines)
    return {"sent": trials, "replies": synced + unsynced, "fsync_between_write_and_reply": synced, "without": unsynced}


def replies(lines: Iterable[str]) -> tuple[int, int]:
    """Of a trace of one sender's judgments: how many replies came after an fsync of what was written, how many not."""
    counts = [0, 0]
    dirty: set[str] = set()  # threads that wrote the WAL and have not synced it
    syncing: dict[str, bool] = {}  # threads inside an fsync, and whether it is that of the WAL
    written = False
    for line in lines:
        found = _CALL.match(line)
        if not found:
            continue
        thread, call = found.groups()
        of_wal = f"{WAL}>" in line
        if call == "pwrite64" and of_wal:
            dirty.add(thread)
            written = True
        elif call in ("fsync", "fdatasync"):
            syncing[thread] = of_wal or syncing.get(thread, False)
            if line.rstrip().endswith("= 0") and syncing.pop(thread):
                dirty.discard(thread)
        elif SAVED in line:
            counts[not written or bool(dirty)] += 1
            written = False
    return counts[0], counts[1]


@contextlib.contextmanager
def _traced(process: int, log: Path) -> Iterator[None]:
    """Attach strace to a process and all its threads. Raises NotAllowed."""
    command = ["strace", "-f", "-y", "-s", "4096", "-e", f"trace={CALLS}", "-o", str(log), "-p", str(process)]
    try:
        tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    except FileNotFoundError:
        raise NotAllowed("strace is not installed here, so no process can be traced.") from None
    assert tracer.stderr is not None
    said = tracer.stderr.readline()
    try:
        if "attached" not in said:
            raise NotAllowed(f"strace could not be attached to the server: {said.strip()}")
        yield
    finally:
        tracer.send_signal(signal.SIGINT)  # it lets go of the server
        tracer.communicate()
