"""A small study on the tiny model, judged by code, and workers for it."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from feedback_store import annotators, judgments, questions, runs
from feedback_store import prompts as prompt_rows
from feedback_store.database import Database
from feedback_store.judgments import NewJudgment
from feedback_store.prompts import NewPrompt, from_text
from rounds import settings, studies

FEW_STEPS = {
    "train-reward": {"reward.epochs": 1, "reward.pairs_per_step": 8, "reference_samples": 16},
    "train-policy": {
        "ppo.steps": 3,
        "ppo.prompts_per_step": 4,
        "ppo.sampling.max_new_tokens": 12,
        "shown_prompts": 3,
        "ppo.kl_budget_nats": 100.0,
    },
}


def new_study(folder: Path, *, train: int = 12, holdout: int = 6, base: str = "tiny:", **sampling: float) -> Database:
    """A study on the tiny model with a few prompts."""
    db = studies.open_or_create(folder, base=base, create=True, sampling={"max_new_tokens": 12, **sampling})
    new = [
        NewPrompt(from_text(f"Say something about thing {place}."), split="train" if place < train else "holdout")
        for place in range(train + holdout)
    ]
    prompt_rows.add(db, new, holdout_share=0.2, seed=0)
    return db


def start_run(db: Database, kind: str, **overrides: object) -> runs.Run:
    """A queued run with settings for few steps."""
    given = {key.replace("__", "."): value for key, value in overrides.items()}
    return runs.enqueue(db, kind, settings.parse(kind, {**FEW_STEPS.get(kind, {}), **given}))


def judge_everything(db: Database, prefers: Callable[[str], float], criterion: str | None = None) -> int:
    """Answers every question by a score of the texts, and the same by a criterion; returns how many."""
    person = annotators.ensure(db, "ann", "simulated")
    done = 0
    while True:
        batch = questions.next_questions(db, person.id, limit=20)
        if not batch.questions:
            return done
        for question in batch.questions:
            in_order = [None] * len(question.shown)
            for completion, position in zip(question.completions, question.shown, strict=True):
                in_order[position] = prefers(completion.text)
            ranks = [1 + sum(other > score for other in in_order) for score in in_order]
            judgments.submit(
                db,
                NewJudgment(
                    comparison=question.comparison_public_id,
                    annotator_id=person.id,
                    ranks=ranks,
                    shown=question.shown,
                    key=question.comparison_public_id,
                    criteria=None if criterion is None else {criterion: {"ranks": ranks}},
                ),
            )
            done += 1


FORKS = multiprocessing.get_context(
    "forkserver"
)  # its server imports the heavy libraries once, the workers are its forks
FORKS.set_forkserver_preload(["rounds.worker", "rounds.kinds.train_policy", "rounds.kinds.sample", "peft"])


class WorkerProcess:
    """`rounds.worker` in a process of its own, on one thread, with leases of two seconds."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        settings = {"TASTEMAKER_THREADS": "1", "TASTEMAKER_LEASE_SECONDS": "2", **environment}
        self.folder = folder
        self._process = FORKS.Process(target=_work, args=([str(folder), *arguments], settings))
        self._process.start()

    def signal(self, number: int) -> None:
        os.kill(self._process.pid, number)

    def stopped(self) -> bool:
        return Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def ended(self, seconds: float = 20) -> int | None:
        """Waits for its end; the exit code."""
        self._process.join(seconds)
        return self._process.exitcode

    @property
    def log(self) -> str:
        return (self.folder / "worker.log").read_text()


def _work(arguments: list[str], settings: dict[str, str]) -> None:
    os.environ.update(settings)
    from rounds.worker import main

    sys.exit(main(arguments))


def wait_for(condition: Callable[[], object], seconds: float = 180.0) -> None:
    """Until the condition holds; fails after `seconds`."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            pytest.fail("waited in vain")
        time.sleep(0.02)
