"""What reaches the disk, and when: an fsync before each acknowledgement, and what is left where writes are missing.

A process that stores judgments is traced with strace, which writes down each write, truncation and fsync of the study's
files with all bytes. That log is then cut at random places, as a power cut would: what a file was told before its last
fsync is there, of what came after it anything may be missing, or torn at a sector's edge.
Source of the method: T. S. Pillai et al., All File Systems Are Not Created Equal (OSDI 2014), section 3: replaying a
trace of system calls with every allowed state of what was not synced.
"""

import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import judging
from benchmarks.setting import NotAllowed
from feedback_store.database import FILE_NAME, Database
from feedback_store.errors import StoreError
from feedback_store.sqlite import sqlite3

PAIRS = 20
SECTOR = 512
CALLS = "openat,pwrite64,write,ftruncate,fsync,fdatasync,unlink,rename"
WAL = f"{FILE_NAME}-wal"
FILES = (FILE_NAME, WAL)
STORING = """
import os, sys
from pathlib import Path
from benchmarks.judging import store_from
store_from(Path(sys.argv[1]), int(sys.argv[2]), 0, int(sys.argv[3]), lambda said: os.write(1, said))
os._exit(0)  # as a kill: nothing is folded back or tidied up
"""


@dataclass(frozen=True)
class Step:
    """What a process told the system: `name` is a call, or `said` for an acknowledgement (`at` is its number)."""

    name: str
    file: str = ""
    at: int = 0
    bytes: bytes = b""


def fsync_seen(folder: Path, trials: int, seed: int) -> dict[str, Any]:
    """Count the acknowledgements before which the WAL was written and then synced, and those before which not."""
    judging.study_of_pairs(folder, PAIRS)
    try:
        steps = record(folder, trials)
    except NotAllowed as refusal:
        return {"acknowledged": 0, "not_measured": str(refusal)}
    synced = unsynced = 0
    written = wal_is_synced = False
    for step in steps:
        if step.name == "pwrite64" and step.file == WAL:
            written, wal_is_synced = True, False
        elif step.name == "fsync" and step.file == WAL:
            wal_is_synced = True
        elif step.name == "said":
            synced += written and wal_is_synced
            unsynced += not (written and wal_is_synced)
            written = False
    return {"acknowledged": synced + unsynced, "fsync_between_write_and_reply": synced, "without": unsynced}


def cuts(folder: Path, trials: int, seed: int) -> dict[str, Any]:
    """Cut a recorded write log `trials` times, leave out what was not synced, and look for what was acknowledged.

    The last figure is a control: the same cuts as if no fsync had been there have to lose something, else the
    measurement would see nothing.
    """
    judging.study_of_pairs(folder, PAIRS)
    start = folder.with_name("start")
    shutil.copytree(folder, start)
    try:
        steps = record(folder, 3 * PAIRS)
    except NotAllowed as refusal:
        return {"cuts": 0, "not_measured": str(refusal)}
    said = sum(step.name == "said" for step in steps)
    outcomes = _outcomes(start, steps, trials, seed)
    control = _outcomes(start, [step for step in steps if step.name != "fsync"], trials, seed)
    return {
        "cuts": trials,
        "acknowledged": said,
        "writes": sum(step.name == "pwrite64" for step in steps),
        "fsyncs": sum(step.name == "fsync" for step in steps),
        "lost": sum(lost for lost, _ in outcomes),
        "faults": sorted({fault for _, faults in outcomes for fault in faults}),
        "control_cuts_that_lose_without_fsync": sum(lost > 0 or bool(faults) for lost, faults in control),
    }


def _outcomes(start: Path, steps: list[Step], trials: int, seed: int) -> list[tuple[int, list[str]]]:
    draw = random.Random(seed)
    scratch = start.with_name("scratch")
    found = []
    for _ in range(trials):
        place = draw.randrange(len(steps) + 1)
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.copytree(start, scratch)
        after_power_cut(scratch, steps[:place], draw)
        found.append(_look(scratch, [step.at for step in steps[:place] if step.name == "said"]))
    return found


def _look(study: Path, said: list[int]) -> tuple[int, list[str]]:
    """How many acknowledged judgments are missing, and what else is wrong."""
    try:
        with Database.open(study) as db:
            return judging.missing(db, said), judging.faults(db)
    except (StoreError, sqlite3.DatabaseError) as error:
        return len(said), [str(error).replace(str(study), "the study")]


def after_power_cut(study: Path, steps: list[Step], draw: random.Random) -> None:
    """Bring the files of a study to a state in which a power cut after `steps` may leave them."""
    for name in FILES:
        mine = [step for step in steps if step.file == name]
        synced = max((place for place, step in enumerate(mine) if step.name == "fsync"), default=-1)
        keep = draw.choice([0.0, 0.5, 0.9, 1.0])
        path = study / name
        if any(step.name == "created" for step in mine):
            named = any(step.name == "fsync" and step.file == "." for step in steps[_created(steps, name) :])
            if not named and draw.random() > keep:
                continue  # the folder's entry was never synced: the file is not there
        elif not path.exists():
            continue
        content = bytearray(path.read_bytes() if path.exists() else b"")
        for place, step in enumerate(mine):
            if place <= synced:
                _apply(content, step)
            elif draw.random() < keep:
                _apply(content, _torn(step, draw))
        path.write_bytes(content)


def _created(steps: list[Step], name: str) -> int:
    return next(place for place, step in enumerate(steps) if step.name == "created" and step.file == name)


def _torn(step: Step, draw: random.Random) -> Step:
    """Now and then only the first or the last sectors of a write arrive."""
    if step.name != "pwrite64" or len(step.bytes) <= SECTOR or draw.random() > 0.2:
        return step
    edge = SECTOR * draw.randrange(1, -(-len(step.bytes) // SECTOR))
    if draw.random() < 0.5:
        return Step(step.name, step.file, step.at, step.bytes[:edge])
    return Step(step.name, step.file, step.at + edge, step.bytes[edge:])


def _apply(content: bytearray, step: Step) -> None:
    if step.name == "pwrite64":
        content.extend(bytes(max(0, step.at - len(content))))
        content[step.at : step.at + len(step.bytes)] = step.bytes
    elif step.name == "ftruncate":
        del content[step.at :]
        content.extend(bytes(step.at - len(content)))


def record(study: Path, count: int) -> list[Step]:
    """Trace a process that stores `count` judgments. Raises NotAllowed where nothing can be traced here."""
    log = study.with_name("strace.log")
    traced = ["strace", "-y", "-xx", "-s", "100000000", "-e", f"trace={CALLS}", "-o", str(log)]
    command = [*traced, sys.executable, "-c", STORING, str(study), str(PAIRS), str(count)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise NotAllowed("strace is not installed here, so no process can be traced.") from None
    if done.returncode:
        raise NotAllowed(f"strace could not trace a process here: {done.stderr.strip()[-300:]}")
    with log.open(encoding="ascii") as lines:
        steps = list(_steps(lines, study))
    said = [step.at for step in steps if step.name == "said"]
    assert said == list(range(count)), "the trace lacks acknowledgements"
    return steps


_CALL = re.compile(r'(\w+)\((?:(\d+)|AT_FDCWD)(?:<([^>]*)>)?(?:, "([^"]*)")?(.*)\) = (-?\d+)')


def _steps(lines: Iterator[str] | Any, study: Path) -> Iterator[Step]:
    """The steps of a trace that concern the study's files, in order."""
    present = {name for name in FILES if name == FILE_NAME}
    for line in lines:
        found = _CALL.match(line)
        if not found:
            continue
        call, number, path, text, rest, result = found.groups()
        if int(result) < 0:
            continue
        file = _inside(study, _text(path if call != "openat" else text))
        if call == "write" and number == "1":
            yield Step("said", at=int(bytes.fromhex((text or "").replace("\\x", ""))))
        elif file is None:
            continue
        elif call == "openat" and "O_CREAT" in rest and file in FILES and file not in present:
            present.add(file)
            yield Step("created", file)
        elif call in ("fsync", "fdatasync"):
            yield Step("fsync", file)
        elif file in FILES and call == "pwrite64":
            yield Step(call, file, int(rest.split(",")[-1]), bytes.fromhex((text or "").replace("\\x", "")))
        elif file in FILES and call == "ftruncate":
            yield Step(call, file, int(rest.strip(", ")))


def _text(escaped: str | None) -> str:
    return bytes.fromhex((escaped or "").replace("\\x", "")).decode("utf-8", "replace")


def _inside(study: Path, path: str) -> str | None:
    """The name of a file in the study's folder, "." for the folder itself, None for any other."""
    if path == str(study):
        return "."
    return path.rpartition("/")[2] if path.rpartition("/")[0] == str(study) else None
