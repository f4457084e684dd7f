"""A policy run that was cut off goes on from its newest checkpoint as if it had never been; a retry starts anew."""

from collections.abc import Callable

import pytest
import torch
from safetensors.torch import load_file

from feedback_store import policies, runs
from feedback_store.database import Database
from policy_training.algorithms import ppo
from rounds import pruning, resuming, run_plan, run_views, shown_samples, verbs
from rounds.context import RunCancelled
from rounds.resuming import CannotResume
from rounds.settings import SettingsError
from rounds.worker import Worker
from tests.rounds.small_study import FEW_STEPS, judge_everything, new_study, start_run

SETTINGS = {**FEW_STEPS["train-policy"], "ppo.seed": 5, "shown_times": 2}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TASTEMAKER_THREADS", "1")
        yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def worker(tmp_path_factory) -> Worker:
    """A worker of a study with a reward model."""
    folder = tmp_path_factory.mktemp("resume") / "study"
    db = new_study(folder)
    worker = Worker(folder, lease_seconds=5)
    worker.models.register_base()
    start_run(db, "sample", pairs=12)
    worker.work(until_idle=True)
    judge_everything(db, len)
    start_run(db, "train-reward")
    worker.work(until_idle=True)
    return worker


@pytest.fixture
def db(worker: Worker) -> Database:
    return worker.db


def cut_off(worker: Worker, monkeypatch: pytest.MonkeyPatch, how: Callable[[int], None]) -> runs.Run:
    """A policy run of three steps that ends while it updates its second one: after the checkpoint of the first."""
    run = verbs.start_run(worker.db, "train-policy", SETTINGS)
    update = ppo._update

    def failing(*given: object) -> dict[str, float]:
        if given[3] == 1:
            how(run.id)
        return update(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(ppo, "_update", failing)
        worker.work(until_idle=True)
    return runs.get(worker.db, run.id)


def fails(_run_id: int) -> None:
    raise RuntimeError("cut off for a test")


def weights(db: Database, run: runs.Run) -> dict[str, torch.Tensor]:
    policy = policies.by_name(db, (run.result or {})["policy"])
    assert policy.folder is not None
    folder = db.folder / policy.folder
    return {
        **load_file(folder / "adapter" / "adapter_model.safetensors"),
        **load_file(folder / "value_head.safetensors"),
    }


def base_again(db: Database) -> None:
    """The base is the current policy, from which the next run would start."""
    base = policies.base(db)
    assert base is not None
    policies.use(db, base.id)


def test_it_goes_on_to_what_an_uncut_run_makes(worker: Worker, db: Database, monkeypatch: pytest.MonkeyPatch):
    base_again(db)
    old = cut_off(worker, monkeypatch, fails)
    assert old.status == "failed"
    assert run_views.run_view(db, old.id)["can"] == {"cancel": False, "retry": True, "resume_step": 1}
    assert [path.name for path in (db.folder / "runs" / str(old.id) / "checkpoints").iterdir()] == ["step-000001"]

    new = verbs.retry_run(db, old.id, from_checkpoint=True)
    assert new.config == {**old.config, "resume_from": old.id, "start_policy": "base", "reward_model": "reward-1"}
    taken: list[int] = []
    with monkeypatch.context() as patch:
        update = ppo._update
        patch.setattr(ppo, "_update", lambda *given: taken.append(given[3]) or update(*given))
        worker.work(until_idle=True)
    resumed = runs.get(db, new.id)
    assert (resumed.status, resumed.error) == ("succeeded", None)
    assert taken == [1, 2]

    base_again(db)
    whole = verbs.start_run(db, "train-policy", SETTINGS)
    worker.work(until_idle=True)
    uncut = weights(db, runs.get(db, whole.id))
    assert all(torch.equal(value, uncut[name]) for name, value in weights(db, resumed).items())
    curves = run_views.curves(db, resumed.id)
    assert [step for step, _ in curves["score"]] == [0, 1, 2, 3]
    assert curves["score"] == run_views.curves(db, whole.id)["score"]
    texts = [shown_samples.read(resuming.run_folder(db.folder, run)) for run in (resumed.id, whole.id)]
    assert sorted({one.step for one in texts[0]}) == [0, 1, 2, 3]
    assert texts[0] == texts[1]
    assert any("Goes on from step 1" in line["text"] for line in run_views.run_view(db, resumed.id)["logs"])
    assert not (db.folder / "runs" / str(old.id) / "checkpoints").exists()  # a later run succeeded


def test_a_run_cancelled_in_the_middle_can_be_gone_on_from_and_a_retry_starts_anew(
    worker: Worker, db: Database, monkeypatch: pytest.MonkeyPatch
):
    def is_asked_to_stop(_run_id: int) -> None:
        raise RunCancelled

    old = cut_off(worker, monkeypatch, is_asked_to_stop)
    assert old.status == "cancelled"
    assert resuming.step_of(db, old) is not None
    new = verbs.retry_run(db, old.id)
    assert new.config == old.config
    assert run_views.run_view(db, old.id)["can"] == {"cancel": False, "retry": False, "resume_step": None}
    runs.cancel(db, new.id)


def test_other_settings_cannot_go_on_from_a_checkpoint(worker: Worker, db: Database, monkeypatch: pytest.MonkeyPatch):
    old = cut_off(worker, monkeypatch, fails)
    asked = {**SETTINGS, "resume_from": old.id}
    assert run_plan.resolve(db, "train-policy", asked)["reward_model"] == "reward-1"
    for other in ({"ppo.seed": 6}, {"ppo.lora.rank": 2}, {"ppo.steps": 9}):
        with pytest.raises(SettingsError, match="need"):
            run_plan.resolve(db, "train-policy", {**asked, **other})
    with pytest.raises(CannotResume):
        run_plan.resolve(db, "train-policy", {**SETTINGS, "resume_from": 1})


def test_a_checkpoint_that_is_damaged_fails_the_run_in_words(
    worker: Worker, db: Database, monkeypatch: pytest.MonkeyPatch
):
    old = cut_off(worker, monkeypatch, fails)
    [folder] = (db.folder / "runs" / str(old.id) / "checkpoints").iterdir()
    (folder / "state.json").write_text("{}")
    new = verbs.retry_run(db, old.id, from_checkpoint=True)
    with monkeypatch.context() as patch:
        patch.setattr(pruning, "prune", lambda _db: 0)
        worker.work(until_idle=True)
    ended = runs.get(db, new.id)
    assert ended.status == "failed"
    assert f"Run {old.id} has no checkpoint" in (ended.error or "")
