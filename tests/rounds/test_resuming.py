"""A policy run that was cut off goes on from its newest checkpoint as if it had never been; a retry starts anew."""

import itertools
import threading
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from feedback_store import policies, prompts, run_records, runs
from feedback_store.database import Database
from feedback_store.prompts import NewPrompt, from_text
from policy_training import iterations
from policy_training.algorithms import ppo
from policy_training.guards import Reading, Readings
from policy_training.iterations import Iteration
from rounds import (
    environment,
    pruning,
    resuming,
    run_plan,
    run_views,
    shown_samples,
    studies,
    token_rows,
    unproven_reward,
    verbs,
)
from rounds.context import RunCancelled, RunContext, WorkerStopping
from rounds.kinds import train_policy
from rounds.publishing import read_card
from rounds.resuming import CannotResume
from rounds.settings import KIND_SETTINGS, SettingsError
from rounds.showing import ShownTexts
from rounds.worker import Worker
from tests.rounds.small_study import FEW_STEPS, judge_everything, new_study, start_run

pytestmark = pytest.mark.usefixtures("one_thread")

SETTINGS = {**FEW_STEPS["train-policy"], "ppo.seed": 5, "shown_times": 2, "shaping": "reward", "shaping_weight": 0.1}
SPLITS = ("train", "holdout")


@pytest.fixture(autouse=True)
def proven(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of as few judgments as are here a reward cannot be told from chance, which would be an alarm in all of this."""
    monkeypatch.setattr(unproven_reward, "surely_right", lambda metrics: 0.9)


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


def cut_off(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, how: Callable[[int], None], at: int = 1, **more: object
) -> runs.Run:
    """A policy run of three steps that ends in the update of step `at`, which checkpoints come before."""
    run = verbs.start_run(worker.db, "train-policy", {**SETTINGS, **more})
    update = ppo._update

    def failing(*given: Any) -> dict[str, float]:
        assert isinstance(given[1], Iteration)
        if given[1].step == at:
            how(run.id)
        return update(*given)

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


def test_it_goes_on_to_what_an_uncut_run_makes_whatever_the_study_says_since(
    worker: Worker, db: Database, monkeypatch: pytest.MonkeyPatch
):
    base_again(db)
    whole = verbs.start_run(db, "train-policy", SETTINGS)
    worker.work(until_idle=True)
    base_again(db)
    old = cut_off(worker, monkeypatch, fails)
    assert old.status == "failed"
    assert run_views.run_view(db, old.id)["can"] == {"cancel": False, "retry": True, "resume_step": 1}
    assert [path.name for path in (db.folder / "runs" / str(old.id) / "checkpoints").iterdir()] == ["step-000001"]

    new = verbs.retry_run(db, old.id, from_checkpoint=True)
    assert new.config == {**old.config, "resume_from": old.id, "start_policy": "base", "reward_model": "reward-1"}
    said = studies.settings(db)
    studies.change_settings(db, by="test", system_prompt="Be rude.", **{"sampling.temperature": 0.3})
    added = [
        NewPrompt(from_text(f"Another {split} thing {place}"), split=split) for place in (1, 2) for split in SPLITS
    ]
    prompts.add(db, added, holdout_share=0.2, seed=0)
    taken: list[int] = []
    with monkeypatch.context() as patch:
        update = ppo._update
        patch.setattr(ppo, "_update", lambda *given: taken.append(given[1].step) or update(*given))
        patch.setattr(train_policy, "free_memory_gb", lambda _device: 0.0)  # by itself it would recompute layers now
        worker.work(until_idle=True)
    resumed = runs.get(db, new.id)
    assert (resumed.status, resumed.error) == ("succeeded", None)
    assert taken == [1, 2]
    how = [environment.read(db, run.id)["gradient_checkpointing"] for run in (old, resumed)]
    assert how == [False, False]

    policy = policies.by_name(db, (resumed.result or {})["policy"])
    assert read_card(db.folder / str(policy.folder))["system_prompt"] == said.system_prompt
    studies.change_settings(db, by="test", system_prompt=said.system_prompt, sampling=said.sampling.model_dump())
    uncut = weights(db, runs.get(db, whole.id))
    assert all(torch.equal(value, uncut[name]) for name, value in weights(db, resumed).items())
    curves = run_views.curves(db, resumed.id)
    assert [step for step, _ in curves["score"]] == [0, 1, 2, 3]
    assert curves["score"] == run_views.curves(db, whole.id)["score"]
    texts = [shown_samples.read(resuming.run_folder(db.folder, run)) for run in (resumed.id, whole.id)]
    assert sorted({one.step for one in texts[0]}) == [0, 1, 2, 3]
    assert texts[0] == texts[1]
    kept = [
        token_rows.read(resuming.run_folder(db.folder, run), step=None, first=0, count=99)
        for run in (resumed.id, whole.id)
    ]
    assert kept[0][1] == [0, 1, 2]
    assert kept[0] == kept[1]
    for one in kept[0][
        2
    ]:  # the shaped rewards of a rollout add up, with the reward of nothing written yet at its start
        figures = one["figures"]
        assert any(figures["shaping"])
        expected = one["rewarded"] - one["beta"] * sum(figures["kl"]) + sum(figures["shaping"])
        assert sum(figures["reward"]) == pytest.approx(expected, abs=1e-4)
    lines = " ".join(line["text"] for line in run_views.run_view(db, resumed.id)["logs"])
    assert "Goes on from step 1" in lines
    assert "changed in the study since: the system prompt, how texts are drawn, the prompts" in lines
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


def test_damaged_checkpoints_that_an_attempt_passes_over_are_told(
    worker: Worker, db: Database, monkeypatch: pytest.MonkeyPatch
):
    def stops(run_id: int) -> None:
        if not damaged:
            for folder in (db.folder / "runs" / str(run_id) / "checkpoints").iterdir():
                damaged.append(folder.name)
                (folder / "state.json").write_text("{}")
            raise WorkerStopping

    damaged: list[str] = []
    run = cut_off(worker, monkeypatch, stops, at=2)
    worker.work(until_idle=True)
    assert damaged == ["step-000001", "step-000002"] or damaged == ["step-000002", "step-000001"]
    assert runs.get(db, run.id).status == "succeeded"
    lines = [line.text for line in run_records.logs(db, run.id)]
    assert "Checkpoints are not as they were written (of step 1, 2), so it begins anew. Look at the disk." in lines


def test_past_the_budget_after_a_resume_what_was_shown_before_training_stays(
    worker: Worker, db: Database, monkeypatch: pytest.MonkeyPatch
):
    old = cut_off(worker, monkeypatch, fails, at=2, shown_times=0, held_out_prompts=0)
    new = verbs.retry_run(db, old.id, from_checkpoint=True)
    describe = iterations.figures_of
    with monkeypatch.context() as patch:
        patch.setattr(iterations, "figures_of", lambda rollouts: {**describe(rollouts), "kl_nats": 1000.0})
        worker.work(until_idle=True)
    assert runs.get(db, new.id).status == "succeeded"
    before, after = (shown_samples.read(resuming.run_folder(db.folder, run)) for run in (old.id, new.id))
    assert {one.step for one in before} == {0}
    assert [one for one in after if one.step == 0] == before
    assert {one.step for one in after} == {0, 1}  # the policy after one step was the last within the budget


def test_a_draw_that_is_cut_off_leaves_no_hole_in_the_curve_or_the_samples(
    worker: Worker, db: Database, monkeypatch: pytest.MonkeyPatch
):
    run = verbs.start_run(db, "train-policy", {**SETTINGS, "held_out_prompts": 0})  # the last policy is the one made
    with monkeypatch.context() as patch:
        patch.setattr(ShownTexts, "on_the_way", lambda _self, _step: fails(0))
        worker.work(until_idle=True)
    assert [step for step, _ in run_views.curves(db, run.id)["score"]] == [0]
    db.execute(
        "DELETE FROM run_metrics WHERE run_id = ? AND series = 'steps'", [run.id]
    )  # killed before it was written
    new = verbs.retry_run(db, run.id, from_checkpoint=True)
    worker.work(until_idle=True)
    assert [step for step, _ in run_views.curves(db, new.id)["score"]] == [0, 1, 2, 3]
    found = shown_samples.read(resuming.run_folder(db.folder, new.id))
    assert sorted({one.step for one in found}) == [0, 1, 2, 3]


def test_a_prompt_that_is_gone_is_said(db: Database):
    context = type("Context", (), {"db": db})()
    known = [one.id for one in prompts.listing(db, "train")]
    with pytest.raises(train_policy.PromptsGone, match=r"1 of the 13 .* prompt 999"):
        train_policy._items(context, [*known[:12], 999])


def test_an_alarm_for_which_somebody_cancels_is_kept(worker: Worker, db: Database, monkeypatch: pytest.MonkeyPatch):
    run = verbs.start_run(db, "train-policy", {**SETTINGS, "held_out_prompts": 0})
    readings, look = of_entropy(2.0, 0.1), RunContext.check
    asked = threading.Event()

    def cancelled(*given: Any) -> Readings:
        found = readings(*given)
        if found.spread["entropy"].mean < 1:
            runs.cancel(db, run.id)
            asked.set()
        return found

    def at_once(context: RunContext) -> None:  # the heartbeat tells within 0.3 s, when a tiny run may be done
        if asked.is_set():
            context.heartbeat.cancelled.set()
        look(context)

    with monkeypatch.context() as patch:
        patch.setattr(iterations, "readings_of", cancelled)
        patch.setattr(RunContext, "check", at_once)
        worker.work(until_idle=True)
    assert runs.get(db, run.id).status == "cancelled"
    assert [alarm["code"] for alarm in run_views.run_view(db, run.id)["alarms"]] == ["entropy"]


def test_what_the_parts_of_a_reward_said_is_kept_where_a_kill_falls_between_checkpoint_and_report(
    worker: Worker, db: Database, monkeypatch: pytest.MonkeyPatch
):
    run = verbs.start_run(db, "train-policy", {**SETTINGS, "rewards": "learned,length_window", "shown_times": 0})
    told, times = train_policy._after_step, itertools.count()

    def killed(*given: Any) -> None:
        if next(times) == 1:
            raise WorkerStopping
        told(*given)

    with monkeypatch.context() as patch:
        patch.setattr(train_policy, "_after_step", killed)
        worker.work(until_idle=True)
    worker.work(until_idle=True)
    assert runs.get(db, run.id).status == "succeeded"
    assert [step for step, _ in run_views.curves(db, run.id)["part.length_window"]] == [0, 1, 2, 3]


def of_entropy(*looks: float) -> Callable[..., Readings]:
    """Readings of one iteration after the other, with these entropies."""
    found, read = iter(looks), iterations.readings_of

    def told(*given: Any) -> Readings:
        readings = read(*given)
        return replace(readings, spread={**readings.spread, "entropy": Reading(next(found), 0.0)})

    return told


def test_an_alarm_is_a_row_of_the_run_and_stays_with_the_policy(
    worker: Worker, db: Database, monkeypatch: pytest.MonkeyPatch
):
    run = verbs.start_run(db, "train-policy", {**SETTINGS, "held_out_prompts": 0})
    with monkeypatch.context() as patch:
        patch.setattr(iterations, "readings_of", of_entropy(2.0, 2.0, 0.1))
        worker.work(until_idle=True)
    view = run_views.run_view(db, run.id)
    (alarm,) = view["alarms"]
    assert (alarm["step"], alarm["code"], alarm["value"]) == (2, "entropy", 0.1)
    assert alarm["limit"] > 0.1
    assert run_views.row(runs.get(db, run.id))["alarm_codes"] == ["entropy"]
    made = policies.by_name(db, (runs.get(db, run.id).result or {})["policy"])
    assert made.metrics["alarms"] == ["entropy"]
    assert made.metrics["stopped_early"] == f"alarm at step 2: entropy 0.1 past {alarm['limit']:.3g}"
    assert any("the policy after 1 of 3 steps" in line.text for line in run_records.logs(db, run.id))


@pytest.mark.parametrize("cut", [False, True])
def test_a_reward_that_cannot_be_told_from_chance_is_an_alarm_once_and_holds_no_policy_back(
    worker: Worker, db: Database, monkeypatch: pytest.MonkeyPatch, cut: bool
):
    run = verbs.start_run(db, "train-policy", {**SETTINGS, "held_out_prompts": 0})
    told, times = train_policy._after_step, itertools.count()

    def killed(*given: Any) -> None:
        if cut and next(times) == 0:
            raise WorkerStopping
        told(*given)

    with monkeypatch.context() as patch:
        patch.setattr(train_policy, "_after_step", killed)
        patch.setattr(unproven_reward, "surely_right", lambda metrics: 0.4)
        worker.work(until_idle=True)
        worker.work(until_idle=True)
    view = run_views.run_view(db, run.id)
    assert [(one["step"], one["code"], one["value"], one["limit"]) for one in view["alarms"]] == [
        (0, "unproven_reward", 0.4, 0.5)
    ]
    made = policies.by_name(db, view["published"]["policy"])
    assert made.metrics["alarms"] == ["unproven_reward"]
    assert made.metrics["stopped_early"] is None
    assert verbs.loop_state(db).policy_run.alarms == ["unproven_reward"]
    (line,) = {line.text for line in run_records.logs(db, run.id) if "chance" in line.text}
    assert "reward-1 cannot be told from chance yet" in line
    assert "surely right in 0.40 of them only, and a coin is in 0.5" in line


def test_a_policy_that_is_the_one_it_started_from_is_told(
    worker: Worker, db: Database, monkeypatch: pytest.MonkeyPatch
):
    start = policies.current(db)
    run = verbs.start_run(db, "train-policy", {**SETTINGS, "held_out_prompts": 0})
    with monkeypatch.context() as patch:
        patch.setattr(iterations, "readings_of", of_entropy(2.0, 0.1))
        worker.work(until_idle=True)
    said = [line.text for line in run_records.logs(db, run.id) if line.level == "warning"]
    assert any(
        f"No later policy than {start.name}, which this run started from, is within the limits:" in text
        for text in said
    )


@pytest.mark.parametrize(("asked", "computes"), [("auto", False), ("off", False), ("on", True)])
def test_how_updates_are_computed_is_as_before_unless_the_settings_say_otherwise(
    db: Database, monkeypatch: pytest.MonkeyPatch, asked: str, computes: bool
):
    kept: list[dict[str, bool]] = []
    logged: list[str] = []
    before = {7: {"gradient_checkpointing": False, "compile": False}}
    monkeypatch.setattr(environment, "read", lambda _db, run_id: before.get(run_id, {}))
    monkeypatch.setattr(environment, "keep", lambda _db, _lease, chosen: kept.append(chosen))
    monkeypatch.setattr(train_policy, "free_memory_gb", lambda _device: 0.0)  # by itself it would recompute layers now
    settings = KIND_SETTINGS["train-policy"].model_validate(
        {"resume_from": 7, "compute": {"gradient_checkpointing": asked}}
    )
    context = SimpleNamespace(
        db=db, run=SimpleNamespace(id=8), lease=None, settings=settings, log=lambda words, level: logged.append(words)
    )
    assert train_policy._compute(context).recompute is computes
    assert kept == [{"gradient_checkpointing": computes, "compile": False}]
    assert any("otherwise than before (gradient_checkpointing)" in words for words in logged) is computes
