"""Workers that are killed while they train a policy, and what must be there when another has gone on."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from feedback_store import policies, reward_models, runs
from feedback_store.database import Database
from language_models.checkpoints import Checkpoint, latest_checkpoint
from policy_training import learner
from rounds.worker import Worker
from tests.rounds.small_study import WorkerProcess, judge_everything, new_study, start_run, wait_for


def idle_worker(folder: Path, lease_seconds: float = 5) -> Worker:
    """A worker of this process that has the base in memory."""
    worker = Worker(folder, lease_seconds=lease_seconds)
    worker.models.register_base()
    return worker


def rewarded_study(folder: Path) -> Path:
    """A study whose reward model is trained; copies of it train a policy next, as run 3."""
    db = new_study(folder)
    worker = idle_worker(folder)
    start_run(db, "sample", pairs=8)
    worker.work(until_idle=True)
    judge_everything(db, lambda text: -len(text))
    start_run(db, "train-reward")
    worker.work(until_idle=True)
    assert reward_models.latest(db)
    db.close()
    worker.db.close()
    return folder


def uncut_weights(rewarded: Path, folder: Path) -> dict[str, torch.Tensor]:
    """The weights of a training that nothing disturbed, in a copy of the study."""
    shutil.copytree(rewarded, folder)
    db = Database.open(folder)
    start_run(db, "train-policy")
    idle_worker(folder).work(until_idle=True)
    return weights(db)


def weights(db: Database, name: str = "policy-1") -> dict[str, torch.Tensor]:
    folder = db.folder / str(policies.by_name(db, name).folder)
    adapter, head = folder / "adapter" / "adapter_model.safetensors", folder / "value_head.safetensors"
    return {**load_file(adapter), **load_file(head)}


def assert_bit_equal(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def published(db: Database) -> list[str]:
    return [policy.name for policy in policies.listing(db)]


def killed_at(study: Database, scratch: Path, point: str) -> int:
    """Starts run 3 and kills its worker at a point of language_models/pause_points.py; the steps reported before."""
    run = start_run(study, "train-policy")
    marker = scratch / "marker"
    process = WorkerProcess(study.folder, "--until-idle", TASTEMAKER_PAUSE_AT=f"{point}:{marker}")
    wait_for(marker.exists)
    assert published(study) == ["base"]
    steps = len(runs.metrics(study, run.id, "steps"))
    process.signal(signal.SIGKILL)
    assert process.ended() == -signal.SIGKILL
    return steps


def assert_gone_on(study: Database, uncut: dict[str, torch.Tensor]) -> None:
    """Another worker takes the run over and goes on from the newest checkpoint: one policy, bit-equal to the uncut one,
    and every step told once."""
    there = [int(path.name[5:]) for path in (study.folder / "runs" / "3" / "checkpoints").glob("step-*")]
    found: list[int] = []

    def watched(folder: Path) -> Checkpoint | None:
        checkpoint = latest_checkpoint(folder)
        found.append(checkpoint.step if checkpoint else 0)
        return checkpoint

    worker = idle_worker(study.folder)
    worker.take_over()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learner, "latest_checkpoint", watched)
        worker.work(until_idle=True)
    assert found == [max(there, default=0)]
    run = runs.get(study, 3)
    assert (run.status, run.attempt) == ("succeeded", 2), run.error
    assert published(study) == ["base", "policy-1"]
    assert_bit_equal(weights(study), uncut)
    assert len(runs.metrics(study, run.id, "steps")) == 4
    assert sorted(path.name for path in (study.folder / "models").iterdir()) == ["policy-1", "reward-1"]
    assert any("killed while" in line.text for line in runs.logs(study, run.id))
