"""Many people at once on a real server over plain HTTP, alone and while a training run holds the cores."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from benchmarks import annotate_study, judging
from benchmarks.annotate_crowd import Plan
from benchmarks.setting import Setting
from feedback_store import runs
from feedback_store.database import Database
from rounds import verbs

PEOPLE, PEOPLE_SHORT = 200, 20
SECONDS, SECONDS_SHORT = 600, 15
THOUGHT_SECONDS, THOUGHT_SECONDS_SHORT = 8.0, 2.0
SETTLING_SHARE = 0.1
"""Part of the time after which memory counts as the server's own: every person has come by then."""
TRAINING_STARTS_WITHIN_SECONDS = 300.0
JUDGED_BEFORE_TRAINING = 24
NICENESS = 10


Beside = Callable[[str, str], AbstractContextManager[Callable[[], dict[str, Any]]]]
"""What else goes on: given the server's address and an admin's cookie, for as long as the block lasts; tells what it
met.
"""


def load(training: bool, setting: Setting, beside: Beside | None = None) -> dict[str, Any]:
    """People judge at moments fixed beforehand; with `training`, while the study's worker trains a policy."""
    from tests.accept.serving import served

    people = setting.trials(PEOPLE, PEOPLE_SHORT)
    seconds = setting.trials(SECONDS, SECONDS_SHORT)
    thought = THOUGHT_SECONDS_SHORT if setting.short else THOUGHT_SECONDS
    pairs = round(1.1 * people * (seconds / thought + 2 * annotate_study.AHEAD))
    with setting.folder() as folder:
        study = folder / "study"
        annotate_study.make(study, pairs, setting.seed, _base(setting) if training else "tiny:")
        with Database.open(study) as db:
            cookies = annotate_study.people(db, people)
            if training:
                _queue_training(db)
        with served(study, *([] if training else ["--no-worker"])) as server:
            origin = server.address.partition("/login")[0].rstrip("/")
            with (
                _training(study) if training else nullcontext(),
                beside(origin, cookies[0]) if beside else nullcontext(dict) as seen,
            ):
                plan = Plan(origin, cookies, seconds, thought, setting.seed)
                row = _measured(folder, plan, server.process.pid) | seen()
            row |= {"still_training": _running(study)} if training else {}
        with Database.open(study) as db:
            before = JUDGED_BEFORE_TRAINING if training else 0
            stored = judging.rows_stored(db) - before
            return {
                "people": people, "seconds": seconds, "thought_seconds": thought, **row,
                "lost_or_doubled": stored - row["submit"]["count"], "faults": judging.faults(db),
            }  # fmt: skip


def _measured(folder: Path, plan: Plan, server: int) -> dict[str, Any]:
    """What the people met, and what the server's process took meanwhile."""
    path = folder / "plan.json"
    path.write_text(json.dumps(asdict(plan)), encoding="utf-8")
    watched = psutil.Process(server)
    cpu, began = _cpu_seconds(watched), time.perf_counter()
    memory: list[tuple[float, int]] = []
    command = ["nice", "-n", str(NICENESS), sys.executable, "-m", "benchmarks.annotate_crowd", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as crowd:
        while crowd.poll() is None:
            memory.append((time.perf_counter() - began, watched.memory_info().rss))
            time.sleep(min(1.0, plan.seconds / 20))
        assert crowd.stdout is not None
        said = crowd.stdout.read()
    if crowd.returncode:
        raise RuntimeError("The crowd ended with an error; it is printed above.")
    wall = time.perf_counter() - began
    settled = [size for at, size in memory if at >= SETTLING_SHARE * plan.seconds] or [memory[-1][1]]
    return {
        **json.loads(said),
        "server_cpu_share": round((_cpu_seconds(watched) - cpu) / wall, 3),
        "server_megabytes": {
            "settled": settled[0] // 10**6,
            "end": settled[-1] // 10**6,
            "most": max(settled) // 10**6,
        },
        "server_threads": watched.num_threads(),
    }


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _base(setting: Setting) -> str:
    """Cut down, the model is one that trains in seconds."""
    return "tiny:" if setting.short else setting.base


def _queue_training(db: Database) -> None:
    """A reward model of a few judgments and a policy run too long to end by itself."""
    annotate_study.judge(db, JUDGED_BEFORE_TRAINING)
    reward = verbs.start_run(db, "train-reward")
    endless = {"ppo.steps": 100_000, "ppo.learning_rate": 1e-9}  # it works as any run does, and never drifts off
    verbs.start_run(db, "train-policy", endless, needs=[reward.id])


def _running(study: Path) -> bool:
    with Database.open(study, readonly=True) as db:
        return any(run.kind == "train-policy" and run.status == "running" for run in runs.active(db))


@contextmanager
def _training(study: Path) -> Iterator[None]:
    """Wait until the policy trains."""
    deadline = time.monotonic() + TRAINING_STARTS_WITHIN_SECONDS
    while not _running(study):
        if time.monotonic() > deadline:
            raise RuntimeError(f"No policy was training after {TRAINING_STARTS_WITHIN_SECONDS:.0f} s.")
        time.sleep(0.5)
    yield
