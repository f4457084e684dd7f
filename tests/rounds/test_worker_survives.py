"""What a worker must live through: kills, stops, cancels, signals, and people who want pairs while it trains."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from feedback_store import clock, completions, policies, reward_models, runs
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.errors import StoreFull
from language_models import adapters, checkpoints
from rounds import beginnings, failures, settings, studies, verbs
from rounds.context import WorkerStopping
from rounds.export_folder import MARK
from rounds.kinds import evaluate, train_reward
from rounds.publishing import read_card
from rounds.worker import _watch, main
from rounds.worker_lock import WorkerLock
from tests.rounds.killed_workers import (
    assert_bit_equal,
    assert_gone_on,
    idle_worker,
    killed_at,
    published,
    rewarded_study,
    uncut_weights,
    weights,
)
from tests.rounds.small_study import WorkerProcess, new_study, start_run, wait_for

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def rewarded(tmp_path_factory) -> Path:
    """A study whose reward model is trained; copies of it train a policy next, as run 3."""
    return rewarded_study(tmp_path_factory.mktemp("rewarded") / "study")


@pytest.fixture
def study(rewarded, tmp_path) -> Database:
    shutil.copytree(rewarded, tmp_path / "study")
    return Database.open(tmp_path / "study")


@pytest.fixture(scope="module")
def uncut(rewarded, tmp_path_factory) -> dict[str, torch.Tensor]:
    """The weights of a training that nothing disturbed."""
    return uncut_weights(rewarded, tmp_path_factory.mktemp("uncut") / "study")


@pytest.mark.parametrize("point", ["inside-checkpoint-write@2"])  # all of them: tests/accept/test_worker_killed.py
def test_a_killed_worker_loses_nothing_but_the_step(study, uncut, tmp_path, point):
    before = killed_at(study, tmp_path, point)
    assert before >= 1
    assert_gone_on(study, uncut)


def test_a_worker_stopped_past_its_lease_cannot_publish(study, uncut, tmp_path):
    run = start_run(study, "train-policy")
    marker = tmp_path / "marker"
    process = WorkerProcess(study.folder, "--until-idle", TASTEMAKER_PAUSE_AT=f"between-rename-and-row:{marker}")
    wait_for(marker.exists)
    with study.transaction():  # so that it is not stopped in a write of its own, whose lock would stay with it
        process.signal(signal.SIGSTOP)
        wait_for(process.stopped)
    wait_for(lambda: (lease := runs.get(study, run.id).lease_expires_at) and lease < clock.now())
    worker = idle_worker(study.folder)
    worker.work(until_idle=True)
    after = runs.get(study, run.id)
    assert (after.status, after.worker, after.attempt) == ("succeeded", worker.name, 2)
    marker.unlink()
    process.signal(signal.SIGCONT)
    assert process.ended() == 0
    assert "taken over by another worker" in process.log
    assert published(study) == ["base", "policy-1"]
    assert runs.get(study, run.id) == after
    assert_bit_equal(weights(study), uncut)
    assert len(completions.listing(study, policy_id=policies.by_name(study, "policy-1").id)) == 3


def test_a_worker_told_to_end_gives_its_run_back(study, uncut, tmp_path):
    run = start_run(study, "train-policy")
    marker = tmp_path / "marker"
    process = WorkerProcess(study.folder, TASTEMAKER_PAUSE_AT=f"inside-optimiser-step@5:{marker}")
    wait_for(marker.exists)
    process.signal(signal.SIGTERM)
    marker.unlink()
    assert process.ended(10) == 0
    waiting = runs.get(study, run.id)
    assert (waiting.status, waiting.attempt) == ("queued", 0)
    idle_worker(study.folder).work(until_idle=True)
    assert runs.get(study, run.id).attempt == 1
    assert_bit_equal(weights(study), uncut)


PARENT = """
import os, subprocess, sys, time
worker = subprocess.Popen([sys.executable, "-m", "rounds.worker", sys.argv[1], "--parent", str(os.getpid())])
print(worker.pid, flush=True)
time.sleep(200)
"""


def test_a_worker_ends_with_its_parent_even_inside_a_long_step(study, tmp_path):
    run = start_run(study, "train-policy")
    marker = tmp_path / "marker"
    env = {**os.environ, "TASTEMAKER_PAUSE_AT": f"inside-optimiser-step@5:{marker}"}
    command = [sys.executable, "-c", PARENT, str(study.folder)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    assert parent.stdout is not None
    worker_pid = int(parent.stdout.readline())
    wait_for(marker.exists)
    parent.kill()
    parent.communicate()
    wait_for(lambda: not _alive(worker_pid))
    assert runs.get(study, run.id).status == "queued"
    assert "The process that started this worker is gone" in (study.folder / "worker.log").read_text()


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_a_cancelled_run_stops_at_the_next_step(study, monkeypatch):
    run = start_run(study, "train-policy", ppo__steps=1000)
    worker = idle_worker(study.folder, lease_seconds=1)
    asked = _after_step(monkeypatch, 2, lambda: runs.cancel(study, run.id))
    worker.work(until_idle=True)
    assert asked
    assert runs.get(study, run.id).status == "cancelled"
    assert published(study) == ["base"]
    assert worker.models.model.adapters.names == []


def test_people_are_served_between_two_steps_of_a_training(study, tmp_path, monkeypatch):
    start_run(study, "train-policy")
    idle_worker(study.folder).work(until_idle=True)
    study.checkpoint()
    shutil.copytree(study.folder, tmp_path / "uncut")
    uncut = Database.open(tmp_path / "uncut")
    start_run(uncut, "train-policy")
    idle_worker(uncut.folder).work(until_idle=True)

    run = start_run(study, "train-policy")
    sampling = []
    _after_step(monkeypatch, 1, lambda: sampling.append(start_run(study, "sample", pairs=4)))
    idle_worker(study.folder).work(until_idle=True)
    sampled, trained = runs.get(study, sampling[0].id), runs.get(study, run.id)
    assert sampled.status == trained.status == "succeeded"
    assert sampled.ended_at < trained.ended_at
    assert sampled.result["policy"] == "policy-1"  # the last published one
    assert_bit_equal(weights(study, "policy-2"), weights(uncut, "policy-2"))


def _after_step(monkeypatch: pytest.MonkeyPatch, step: int, act) -> list[bool]:
    """Does something once a run reports its n-th step."""
    from rounds.context import RunContext

    done: list[bool] = []
    report = RunContext.report

    def acting(self, phase, *, step: int = 0, steps: int = 0, **more):
        report(self, phase, step=step, steps=steps, **more)
        if step == wanted and phase == "improving the policy" and not done:
            done.append(True)
            act()

    wanted = step
    monkeypatch.setattr(RunContext, "report", acting)
    return done


def test_sampling_again_after_a_kill_adds_nothing_twice(study, monkeypatch):
    run = start_run(study, "sample", pairs=8, prompts_per_batch=3)
    from rounds.kinds import sample

    commit = sample._commit

    def killed_after_two(context, plan, batch, refreshed, *, number):
        if number == 2:
            raise KeyboardInterrupt
        return commit(context, plan, batch, refreshed, number=number)

    monkeypatch.setattr(sample, "_commit", killed_after_two)
    worker = idle_worker(study.folder)
    with pytest.raises(KeyboardInterrupt):
        worker.work(until_idle=True)
    assert len(completions.of_run(study, run.id)) == 12
    monkeypatch.setattr(sample, "_commit", commit)
    other = idle_worker(study.folder)
    other.name = "another"
    other.take_over()
    other.work(until_idle=True)
    run = runs.get(study, run.id)
    assert run.status == "succeeded", run.error
    assert run.result["comparisons"] == 9
    assert len(completions.of_run(study, run.id)) == 18


def killed_and_gone_on(
    study, monkeypatch, run: runs.Run, owner: object, name: str, at: int, *, meanwhile: Callable[[], object] = list
) -> runs.Run:
    """A run whose worker dies in the call of a function that comes `at` calls after the first; another goes on, after
    what happens `meanwhile`.
    """
    calls: list[int] = []
    function = getattr(owner, name)

    def killed(*given, **more):
        calls.append(1)
        if len(calls) == at + 1:
            raise KeyboardInterrupt
        return function(*given, **more)

    worker = idle_worker(study.folder)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, killed)
        with pytest.raises(KeyboardInterrupt):
            worker.work(until_idle=True)
    meanwhile()
    other = idle_worker(study.folder)
    other.name = "another"
    other.take_over()
    other.work(until_idle=True)
    run = runs.get(study, run.id)
    assert (run.status, run.attempt) == ("succeeded", 2), run.error
    return run


def test_a_killed_reward_training_goes_on_by_itself_from_its_checkpoint(study, monkeypatch):
    from reward_training import fine_tuning

    run = start_run(study, "train-reward", reward__epochs=4)
    monkeypatch.setattr(fine_tuning, "CHECKPOINT_EVERY", 1)
    begun: list[int] = []
    latest = fine_tuning.latest_checkpoint
    monkeypatch.setattr(fine_tuning, "latest_checkpoint", lambda folder: _noted(begun, latest(folder)))
    before = studies.settings(study).system_prompt

    def other_words():
        studies.change_settings(study, system_prompt="Rhyme.")

    killed_and_gone_on(study, monkeypatch, run, train_reward, "_after_step", 2, meanwhile=other_words)
    assert begun[0] == 0
    assert begun[-1] > 0
    assert len(reward_models.listing(study)) == 2
    said = [line.text for line in runs.logs(study, run.id)]
    assert "It goes on with what it began with; changed in the study since: the system prompt." in said
    assert read_card(study.folder / "models" / "reward-2")["system_prompt"] == before != "Rhyme."


def test_a_killed_reward_training_reads_the_reference_texts_that_it_began_with(study, monkeypatch):
    run = start_run(study, "train-reward", reward__epochs=2, reference_samples=300)
    there: list[int] = []

    def more_of_the_base():
        there.extend(beginnings.read(study.folder / "runs" / str(run.id)).reference_ids)
        [one] = completions.get(study, there[:1])
        more = NewCompletion(one.prompt_id, one.policy_id, "More.", seed=99, sampling=one.sampling)
        completions.add(study, [replace(more, sample_index=number) for number in range(9)])

    killed_and_gone_on(study, monkeypatch, run, train_reward, "_after_step", 2, meanwhile=more_of_the_base)
    assert reward_models.latest(study).metrics["reference_samples"] == len(there) > 0


def _noted(begun: list[int], checkpoint):
    """Notes which step an attempt begins after."""
    begun.append(checkpoint.step if checkpoint else 0)
    return checkpoint


def test_a_killed_evaluation_goes_on_by_itself_with_the_texts_that_it_drew(study, monkeypatch):
    run = start_run(study, "evaluate", policies="base", prompts=4, samples=2)
    run = killed_and_gone_on(study, monkeypatch, run, evaluate, "_rewards", 0)
    assert run.result["policies"]["base"]["completions"] == 8
    assert len(completions.of_run(study, run.id)) == 8


def test_a_run_that_fails_says_why_in_words(study):
    run = start_run(study, "train-policy", reward_model="reward-7")
    idle_worker(study.folder).work(until_idle=True)
    run = runs.get(study, run.id)
    assert run.status == "failed"
    assert run.error == "There is no reward model 'reward-7'. Reward models of this study: reward-1."
    assert "Traceback" in (study.folder / "runs" / str(run.id) / "log.txt").read_text()


@pytest.mark.parametrize(
    ("written_by", "call", "kept"),
    [(checkpoints, 2, ["step-000001"]), (adapters, 1, ["step-000003"])],
    ids=["checkpoint", "publishing"],
)
def test_a_disk_that_is_full_fails_the_run_in_words_and_it_goes_on_later(
    study, uncut, monkeypatch, written_by, call, kept
):
    run = start_run(study, "train-policy")
    save, calls = written_by.save_file, [0]

    def full_once(tensors, path):
        calls[0] += 1
        if calls[0] == call:
            Path(path).write_bytes(b"the first half")
            raise OSError(errno.ENOSPC, "No space left on device")
        save(tensors, path)

    with monkeypatch.context() as patch:
        patch.setattr(written_by, "save_file", full_once)
        idle_worker(study.folder).work(until_idle=True)
    run = runs.get(study, run.id)
    assert run.status == "failed"
    assert "No space left" in str(run.error)
    assert failures.explain(run.error).cause == "disk"
    assert not list(study.folder.rglob(".writing-*")), "something half written stays"
    assert not list((study.folder / "models").glob("policy-*"))
    folder = study.folder / "runs" / str(run.id) / "checkpoints"
    assert sorted(path.name for path in folder.iterdir()) == kept
    again = verbs.retry_run(study, run.id, from_checkpoint=True)
    idle_worker(study.folder).work(until_idle=True)
    assert runs.get(study, again.id).status == "succeeded"
    assert_bit_equal(weights(study), uncut)


@pytest.mark.parametrize("refusals", [1, 3], ids=["a row of the run", "and its end, for a while"])
def test_a_store_that_is_full_fails_the_run_in_words_once_there_is_space_and_it_goes_on_later(
    study, uncut, monkeypatch, refusals
):
    run, left = start_run(study, "train-policy"), iter(range(refusals))

    def full(write, when=lambda told: True):
        def writing(db, lease, *told):
            if when(told) and next(left, None) is not None:
                raise StoreFull("The disk refused the write (database or disk is full).")
            return write(db, lease, *told)

        return writing

    with monkeypatch.context() as patch:
        patch.setattr(runs, "add_metrics", full(runs.add_metrics, lambda told: told[:2] == ("steps", 2)))
        patch.setattr(runs, "fail", full(runs.fail))
        patch.setattr("rounds.worker.NO_SPACE_SECONDS", 0.01)
        idle_worker(study.folder).work(until_idle=True)
    assert next(left, None) is None
    run = runs.get(study, run.id)
    assert (run.status, run.attempt) == ("failed", 1)
    assert failures.explain(run.error).cause == "disk"
    again = verbs.retry_run(study, run.id, from_checkpoint=True)
    idle_worker(study.folder).work(until_idle=True)
    assert runs.get(study, again.id).status == "succeeded"
    assert_bit_equal(weights(study), uncut)


def test_a_worker_told_to_end_inside_a_step_ends_though_the_store_is_locked_and_its_lock_cannot_be_renewed(
    study, monkeypatch
):
    def exit_with(code: int) -> None:
        raise SystemExit(code)

    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    worker = idle_worker(study.folder)
    start_run(study, "train-policy")
    worker.leases.append(runs.claim(study, worker.name, lease_seconds=60))
    monkeypatch.setattr("rounds.worker.STOP_SECONDS", -1.0)
    monkeypatch.setattr("rounds.worker.GIVE_BACK_SECONDS", 0.05)
    monkeypatch.setattr("logging.shutdown", lambda: None)
    monkeypatch.setattr(os, "_exit", exit_with)
    worker.stop()
    with study.transaction(), pytest.raises(SystemExit):
        _watch(worker, SimpleNamespace(beat=full), None, [])


def test_too_few_judgments_say_how_many_more(tmp_path):
    db = new_study(tmp_path / "study", train=4, holdout=2)
    run = start_run(db, "train-reward")
    idle_worker(db.folder).work(until_idle=True)
    assert "0 decided judgments on training prompts: at least 2 are needed to train a reward, 2 more" in str(
        runs.get(db, run.id).error
    )


def test_a_run_whose_worker_dies_again_and_again_fails_with_the_likely_reason(study, monkeypatch):
    run = runs.enqueue(study, "train-policy", settings.parse("train-policy"), max_attempts=2)
    lease = runs.claim(study, "first", lease_seconds=0)
    big = {"phase": "improving the policy", "peak_memory_gb": 11.0, "total_memory_gb": 12.0}
    runs.heartbeat(study, lease, lease_seconds=0, progress=big)

    def die(kind):
        raise KeyboardInterrupt

    monkeypatch.setattr("rounds.worker.load_kind", die)
    worker = idle_worker(study.folder, lease_seconds=0.3)
    with pytest.raises(KeyboardInterrupt):
        worker.work(until_idle=True)
    idle_worker(study.folder).work(until_idle=True)
    failed = runs.get(study, run.id)
    assert failed.status == "failed"
    assert "The worker died 2 times" in failed.error
    assert "killed while improving the policy, probably out of memory: 11.0 of 12.0 GB" in failed.error


def test_a_worker_that_was_told_to_end_after_one_was_killed_was_not_killed_as_well(study, monkeypatch):
    run = runs.enqueue(study, "train-policy", settings.parse("train-policy"))
    lease = runs.claim(study, "first", lease_seconds=0)
    runs.heartbeat(study, lease, lease_seconds=0, progress={"phase": "improving the policy"})

    def told_to_end(kind):
        raise WorkerStopping

    monkeypatch.setattr("rounds.worker.load_kind", told_to_end)
    worker = idle_worker(study.folder)
    for _ in range(2):
        worker.execute(runs.claim(study, worker.name, lease_seconds=60))
    assert ["killed" in line.text for line in runs.logs(study, run.id)].count(True) == 1


def test_another_base_is_refused_by_name(study):
    with study.transaction():
        study.execute("UPDATE policies SET base_sha256 = 'other' WHERE kind = 'base'")
    with pytest.raises(ValueError, match="The weights of 'tiny:' changed since this study was begun"):
        idle_worker(study.folder)


def test_a_second_worker_is_refused(study, capsys):
    with WorkerLock(study.folder, stale_seconds=20):
        assert main([str(study.folder)]) == 2
    assert "worker: A worker already serves study (process" in capsys.readouterr().err


def test_a_worker_without_a_study_says_so(tmp_path, capsys):
    assert main([str(tmp_path / "nowhere")]) == 2
    assert "No study in" in capsys.readouterr().err


def test_a_worker_that_takes_over_leaves_alone_what_pages_and_commands_are_exporting(study):
    exports = study.folder / "exports"
    for name in (".writing-pairs-1234", f".writing-{MARK}policy-1-5678"):
        (exports / name).mkdir(parents=True)
    idle_worker(study.folder).take_over()
    assert [path.name for path in exports.iterdir()] == [".writing-pairs-1234"]
