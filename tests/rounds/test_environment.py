"""What a run is computed on is kept with it, and a run that goes on under another environment says so."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from feedback_store import policies, runs, study_settings
from feedback_store.database import Database
from language_models.precision import CannotCompute, Capabilities
from rounds import base_precision, environment, run_views, studies
from rounds.settings import parse
from rounds.studies import OtherBase
from rounds.worker import Worker
from tests.rounds.small_study import new_study


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with new_study(tmp_path / "study") as db:
        yield db


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_a_run_keeps_versions_processor_threads_device_and_precision(db: Database):
    worker = Worker(db.folder, lease_seconds=5)
    worker.models.register_base()
    run = runs.enqueue(db, "sample", parse("sample", {"pairs": 1}))
    worker.work(until_idle=True)
    seen = run_views.run_view(db, run.id)["environment"]
    assert set(seen) == {"python", "torch", "transformers", "peft", "tastemaker", "system", "cpu", "cpu_instructions",
                         "threads", "device", "precision"}  # fmt: skip
    assert (seen["torch"], seen["device"], seen["precision"]) == (torch.__version__, "cpu", "fp32")
    assert seen["threads"] == torch.get_num_threads()


def test_a_later_attempt_on_other_threads_says_so_and_the_first_one_s_is_kept(db: Database, threads: None):
    worker = Worker(db.folder, lease_seconds=5)
    worker.models.register_base()
    run = runs.enqueue(db, "sample", parse("sample", {"pairs": 1}))
    lease = runs.claim(db, "earlier", lease_seconds=60)
    assert lease is not None
    before = worker.models.environment()
    assert environment.begin(db, lease, before) == []
    runs.release(db, lease)
    torch.set_num_threads(before["threads"] + 1)
    worker.work(until_idle=True)
    assert runs.get(db, run.id).status == "succeeded"
    said = [line.text for line in runs.logs(db, run.id) if "another environment" in line.text]
    assert len(said) == 1
    assert f"threads {before['threads']}, now {before['threads'] + 1}" in said[0]
    assert environment.read(db, run.id)["threads"] == before["threads"]


def test_a_run_that_goes_on_from_another_is_held_against_that_one(db: Database):
    first, second = (runs.enqueue(db, "train-policy", parse("train-policy")) for _ in range(2))
    leases = [runs.claim(db, "worker", lease_seconds=60) for _ in range(2)]
    assert leases[0] is not None
    assert leases[1] is not None
    assert environment.begin(db, leases[0], {"torch": "2.7.0", "threads": 2}) == []
    changed = environment.begin(db, leases[1], {"torch": "2.8.0", "threads": 2}, resumed_from=first.id)
    assert changed == ["torch 2.7.0, now 2.8.0"]
    assert environment.read(db, second.id)["torch"] == "2.8.0"


def test_precision_is_fixed_by_the_first_worker_and_asked_of_every_machine_after(tmp_path: Path):
    with studies.open_or_create(tmp_path / "study", base="tiny:", create=True) as db:
        gpu = Capabilities("cuda", bf16=True)
        assert base_precision.held_in(db) is None
        assert base_precision.settle(db, gpu) == "bf16"
        assert base_precision.settle(db, Capabilities("cpu", bf16=True)) == "bf16"  # auto does not choose again
        with pytest.raises(CannotCompute, match="this machine's cpu has no instructions"):
            base_precision.settle(db, Capabilities("cpu"))
        with pytest.raises(OtherBase, match="precision is auto; it is chosen when the study is made"):
            studies.change_settings(db, precision="fp32")
        with pytest.raises(OtherBase, match="made with --precision auto, not bf16"):
            studies.open_or_create(tmp_path / "study", precision="bf16")


def test_a_study_of_a_version_before_goes_on_in_32_bits(tmp_path: Path):
    with studies.open_or_create(tmp_path / "study", base="tiny:", create=True) as db:
        policies.add_base(db, source="tiny:", sha256="a", tokenizer_sha256="b", template_sha256="c")
        assert base_precision.settle(db, Capabilities("cuda", bf16=True)) == "fp32"
        assert study_settings.get(db, base_precision.SETTING) is None
