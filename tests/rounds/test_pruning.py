"""Which checkpoints go: the rule on plain records, and the deleting that obeys it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from feedback_store import policies, reward_models, runs
from feedback_store.database import Database
from language_models import folders
from rounds import pruning, resuming, studies
from rounds.beginnings import Beginning
from rounds.pruning import Kept, to_remove

PATHS = ("runs/5/checkpoints/step-000001", "runs/5/checkpoints/step-000002")


def kept(status: str, kind: str = "train-policy", **more: bool) -> Kept:
    return Kept(5, kind, status, PATHS, PATHS[-1], **more)


@pytest.mark.parametrize(
    ("record", "gone"),
    [
        (kept("queued"), 0), (kept("running"), 0),
        (kept("failed"), 1), (kept("cancelled"), 1), (kept("succeeded"), 2),
        (kept("failed", superseded=True), 2), (kept("cancelled", superseded=True), 2),
        (kept("cancelled", superseded=True, wanted=True), 1),
        (kept("failed", "train-reward"), 2),
    ],
)  # fmt: skip
def test_the_rule(record: Kept, gone: int):
    assert to_remove([record], cited=[]) == list(PATHS[:gone])


def test_of_a_run_whose_newest_is_damaged_the_one_before_stays():
    assert to_remove([Kept(5, "train-policy", "failed", PATHS, PATHS[0])], []) == [PATHS[1]]
    assert to_remove([Kept(5, "train-policy", "failed", PATHS, None)], []) == list(PATHS)


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled"])
@pytest.mark.parametrize(
    "cited",
    [PATHS[0], f"{PATHS[0]}/adapter", "runs/5", "runs/5/checkpoints", f"./runs/6/../5/checkpoints/{PATHS[0][-11:]}"],
)
def test_what_something_published_names_is_never_touched(status: str, cited: str):
    assert PATHS[0] not in to_remove([kept(status, superseded=True)], [cited])


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with studies.open_or_create(tmp_path / "study", base="tiny:", create=True) as db:
        policies.add_base(db, source="tiny:", sha256="a" * 64, tokenizer_sha256="b" * 64, template_sha256="c" * 64)
        yield db


def a_run(db: Database, kind: str = "train-policy", steps: tuple[int, ...] = (1, 2), **config: int) -> runs.Lease:
    """A run at work with whole checkpoints of some steps."""
    run = runs.enqueue(db, kind, config)
    for step in steps:
        with folders.write_folder(checkpoint(db, run.id, step)) as folder:
            (folder / "tensors.safetensors").write_bytes(b"weights " * 100)
    lease = runs.claim(db, "worker", lease_seconds=60)
    assert lease is not None
    assert lease.run_id == run.id
    return lease


def checkpoint(db: Database, run_id: int, step: int) -> Path:
    return db.folder / "runs" / str(run_id) / "checkpoints" / f"step-{step:06d}"


def left(db: Database, run_id: int) -> list[str]:
    return sorted(path.name for path in (db.folder / "runs" / str(run_id) / "checkpoints").glob("*"))


def publish(db: Database, lease: runs.Lease, folder: str) -> None:
    base = policies.base(db)
    assert base is not None
    policies.publish(
        db, lease, parent_id=base.id, folder=folder, base_sha256="a" * 64, manifest_sha256="d" * 64, metrics={}
    )


def test_what_is_at_work_keeps_everything_and_a_failed_run_its_newest(db: Database):
    lease = a_run(db)
    assert pruning.prune(db) == 0
    assert left(db, lease.run_id) == ["step-000001", "step-000002"]
    runs.fail(db, lease, "for a test")
    assert pruning.prune(db) > 800
    assert left(db, lease.run_id) == ["step-000002"]
    assert pruning.prune(db) == 0


def test_a_damaged_newest_checkpoint_goes_and_the_one_before_stays(db: Database):
    lease = a_run(db)
    (checkpoint(db, lease.run_id, 2) / "tensors.safetensors").write_bytes(b"flipped")
    runs.fail(db, lease, "for a test")
    pruning.prune(db)
    assert left(db, lease.run_id) == ["step-000001"]


def test_nothing_stays_once_a_later_run_of_the_kind_succeeded(db: Database):
    lease = a_run(db)
    runs.fail(db, lease, "for a test")
    pruning.prune(db)
    publish(db, a_run(db), "models/policy-1")
    pruning.prune(db)
    assert not checkpoint(db, lease.run_id, 2).parent.exists()


def test_a_run_that_somebody_goes_on_from_keeps_its_newest(db: Database):
    lease = a_run(db)
    runs.fail(db, lease, "for a test")
    publish(db, a_run(db), "models/policy-1")
    runs.enqueue(db, "train-policy", {"resume_from": lease.run_id})
    pruning.prune(db)
    assert left(db, lease.run_id) == ["step-000002"]


def test_never_what_a_published_policy_or_reward_cites(db: Database):
    lease = a_run(db)
    cited = checkpoint(db, lease.run_id, 1)
    publish(db, lease, cited.relative_to(db.folder).as_posix())
    reward = a_run(db, "train-reward")
    also = checkpoint(db, reward.run_id, 2)
    reward_models.publish(db, reward, folder=also.relative_to(db.folder).as_posix(), base_sha256="a" * 64,
                          manifest_sha256="d" * 64, metrics={})  # fmt: skip
    published = db.folder / "models" / "policy-1"
    published.mkdir(parents=True)
    export = db.folder / "exports" / "policy-1"
    export.mkdir(parents=True)
    pruning.prune(db)
    assert (left(db, lease.run_id), left(db, reward.run_id)) == (["step-000001"], ["step-000002"])
    assert folders.verify(cited)
    assert folders.verify(also)
    assert published.is_dir()
    assert export.is_dir()


def test_what_a_failed_run_left_to_be_looked_at_stays_and_other_folders_too(db: Database):
    lease = a_run(db, steps=())
    folder = checkpoint(db, lease.run_id, 1).parent
    folder.mkdir(parents=True)
    (folder / "non-finite.safetensors").write_bytes(b"x")
    runs.fail(db, lease, "for a test")
    stranger = db.folder / "runs" / "999" / "checkpoints" / "step-000001"
    stranger.mkdir(parents=True)
    pruning.prune(db)
    assert left(db, lease.run_id) == ["non-finite.safetensors"]
    assert stranger.is_dir()


def a_cancelled_resume(db: Database) -> tuple[runs.Run, runs.Run]:
    """A run that failed, and one that was to go on from it and was cancelled while it waited."""
    lease = a_run(db)
    Beginning("base", "reward-1").write(resuming.run_folder(db.folder, lease.run_id))
    runs.fail(db, lease, "for a test")
    new = runs.retry(db, lease.run_id, config={"resume_from": lease.run_id})
    runs.cancel(db, new.id)
    return runs.get(db, lease.run_id), runs.get(db, new.id)


def test_a_cancelled_resume_leads_to_the_checkpoint_that_it_was_to_go_on_from(db: Database):
    old, new = a_cancelled_resume(db)
    assert resuming.step_of(db, new) == 2
    source = resuming.source_of(db, new)
    assert source is not None
    assert source.id == old.id


def test_what_a_run_may_still_go_on_from_by_another_stays(db: Database):
    lease = a_run(db)
    Beginning("base", "reward-1").write(resuming.run_folder(db.folder, lease.run_id))
    runs.fail(db, lease, "for a test")
    publish(db, a_run(db), "models/policy-1")
    new = runs.enqueue(db, "train-policy", {"resume_from": lease.run_id})
    runs.cancel(db, new.id)
    pruning.prune(db)
    assert left(db, lease.run_id) == ["step-000002"]
    publish(db, a_run(db), "models/policy-2")
    pruning.prune(db)
    assert not checkpoint(db, lease.run_id, 2).parent.exists()


def test_who_asks_to_go_on_while_the_worker_looks_keeps_the_checkpoint(db: Database, monkeypatch: pytest.MonkeyPatch):
    lease = a_run(db)
    runs.fail(db, lease, "for a test")
    publish(db, a_run(db), "models/policy-1")
    look = pruning._kept

    def asked_meanwhile(db: Database) -> list[Kept]:
        kept = look(db)
        runs.enqueue(db, "train-policy", {"resume_from": lease.run_id})
        return kept

    monkeypatch.setattr(pruning, "_kept", asked_meanwhile)
    pruning.prune(db)
    assert left(db, lease.run_id) == ["step-000002"]


def test_what_a_killed_worker_had_half_deleted_goes(db: Database):
    lease = a_run(db)
    checkpoint(db, lease.run_id, 1).rename(checkpoint(db, lease.run_id, 1).with_name(".removed-step-000001"))
    runs.fail(db, lease, "for a test")
    pruning.prune(db)
    assert left(db, lease.run_id) == ["step-000002"]
