"""Small studies with a policy that no training made: an adapter of random weights, published in the usual way."""

from pathlib import Path

import torch

from feedback_store import policies, runs
from feedback_store.database import Database
from language_models import folders
from language_models.heads import ScalarHead
from language_models.settings import LoraSettings
from policy_training.learner import VALUE_HEAD
from rounds.worker import Worker
from tests.builders.tiny_models import randomise
from tests.rounds.small_study import new_study, start_run

REVISION = "0123456789abcdef0123456789abcdef01234567"
HUB = "hub:people/tiny"


def put_tiny_on_hub(monkeypatch, tmp_path: Path) -> Path:
    """A tiny model that `hub:people/tiny` finds, as the hub's cache lays it out; returns its folder."""
    from language_models import fetch
    from language_models.tiny import build_tiny

    folder = tmp_path / "hub" / REVISION
    if not folder.is_dir():
        folder.mkdir(parents=True)
        build_tiny(folder)
    monkeypatch.setattr(fetch, "_from_hub", lambda source: folder)
    return folder


def with_policy(
    folder: Path, base: str = "tiny:", seed: int = 1, scale: float = 0.3, frozen_layers: int = 0
) -> tuple[Database, Worker]:
    """A study with the current policy "policy-1", and a worker for it."""
    db = new_study(folder, base=base)
    torch.set_num_threads(1)
    worker = Worker(folder, lease_seconds=60)
    start = worker.models.register_base()
    adapters = worker.models.model.adapters
    adapters.add("made", LoraSettings(rank=4, alpha=8), seed, frozen_layers=frozen_layers)
    randomise(worker.models.model, "made", seed, scale)
    with folders.write_folder(folder / "models" / "policy-1") as writing:
        (writing / "adapter").mkdir()
        adapters.save("made", writing / "adapter")
        ScalarHead(worker.models.model.hidden_size).save(writing / VALUE_HEAD)  # as PPO leaves one, for us alone
    adapters.remove("made")
    start_run(db, "train-policy")
    lease = runs.claim(db, "test", lease_seconds=60)
    assert lease is not None
    policies.publish(
        db,
        lease,
        parent_id=start.id,
        folder="models/policy-1",
        base_sha256=worker.models.identity.sha256,
        manifest_sha256=folders.manifest_sha256(folder / "models" / "policy-1"),
        metrics={"kl_nats": 1.25},
        result={"algorithm": "ppo", "rewards": [{"name": "length", "function": "length_window", "weight": 1.0}]},
    )
    return db, worker


def done(db: Database, worker: Worker, run: runs.Run) -> runs.Run:
    """The run once the worker has no more to do."""
    worker.work(until_idle=True)
    return runs.get(db, run.id)
