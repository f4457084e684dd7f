"""Policy runs on odd input end in words, or go on and say what is odd.

The others of the list have their tests elsewhere: rewards that raise, give too few or no numbers, or are constant in
test_policy_reward.py; adapters made elsewhere for another base in test_policy_import.py.
"""

from pathlib import Path

import pytest
import torch

from feedback_store import annotators, judgments, policies, prompts, reward_models, run_records, runs
from feedback_store.database import Database
from feedback_store.judgments import NewJudgment
from feedback_store.prompts import NewPrompt, from_text
from language_models import adapters
from language_models.layers import UnknownLayers
from policy_training.algorithms import ppo
from rounds import verbs
from rounds.context import WorkerStopping
from rounds.run_plan import resolve
from rounds.settings import SettingsError
from rounds.worker import Worker
from tests.builders.policy_studies import done, with_policy
from tests.rounds.small_study import judge_everything, new_study, start_run

pytestmark = pytest.mark.usefixtures("one_thread")

LENGTHS = [{"function": "length_window", "weight": 1.0, "settings": {"longest": 6}}]
FEW = {"rewards": LENGTHS, "ppo__steps": 1, "shown_times": 0, "reference_samples": 4}


def begun(folder: Path, **sizes: int) -> tuple[Database, Worker]:
    db = new_study(folder, **sizes)
    worker = Worker(folder, lease_seconds=60)
    worker.models.register_base()
    return db, worker


def test_one_prompt_alone_makes_a_policy(tmp_path):
    db, worker = begun(tmp_path / "study", train=1, holdout=0)
    run = done(db, worker, start_run(db, "train-policy", **FEW))
    assert (run.status, run.error) == ("succeeded", None)
    assert policies.current(db).name == "policy-1"


def test_a_prompt_longer_than_the_context_fails_the_run_at_once_and_is_named(tmp_path):
    db, worker = begun(tmp_path / "study", train=2)
    [long] = prompts.add(db, [NewPrompt(from_text("long " * 600), split="train")], holdout_share=0.2, seed=0).ids
    for kind, settings in (("train-policy", FEW), ("sample", {"pairs": 3})):
        run = done(db, worker, start_run(db, kind, **settings))
        assert run.status == "failed"
        assert run.error.startswith(f"Prompt {long} has 3") and "more than the 2048 that the base reads" in run.error
        assert not runs.metrics(db, run.id, "steps")


@pytest.mark.parametrize(
    ("truncated", "meaning"),
    [("penalty", "all pay the truncation penalty alike"), ("leave_out", "all are left out, and nothing is learned")],
)
def test_a_policy_that_never_ends_by_itself_is_told(tmp_path, truncated, meaning):
    db, worker = begun(tmp_path / "study")
    model = worker.models.model
    with torch.no_grad():
        for token in model.stop_ids:
            model.network.get_output_embeddings().weight[token] = 0.0
            model.network.get_output_embeddings().weight[token, 0] = -50.0
    run = done(db, worker, start_run(db, "train-policy", **{**FEW, "ppo__steps": 2}, ppo__truncated=truncated))
    assert run.status == "succeeded", run.error
    said = warnings_of(db, run)
    words = f"Not one completion of the first step ended by itself within 12 tokens: {meaning}"
    assert [one.startswith(words) for one in said if "ended by itself" in one] == [True]
    taught_nothing = "Every completion of step 1 was cut off and left out: it taught nothing."
    assert (taught_nothing in said) is (truncated == "leave_out")


def test_layers_that_the_start_policy_leaves_alone_are_told(tmp_path):
    db, worker = begun(tmp_path / "study")
    words = (
        "policy-1, which this run starts from, changes none of the lowest 2 of 3 layers: they stay as they are, "
        "whatever frozen_share says."
    )
    for start, frozen, told in (("base", 0.6, False), ("policy-1", 0.6, False), ("policy-1", 0.0, True)):
        run = done(db, worker, start_run(db, "train-policy", **FEW, ppo__frozen_share=frozen, start_policy=start))
        assert run.status == "succeeded", run.error
        assert any(one.startswith(words) for one in warnings_of(db, run)) is told


def test_a_rank_that_the_start_policy_does_not_have_is_told_or_refused(tmp_path):
    db, worker = with_policy(tmp_path / "study")  # policy-1 has rank 4 and alpha 8
    words = (
        "policy-1, which this run starts from, has an adapter of rank 4 and alpha 8: these stay, whatever the settings "
        "say (lora: rank 16, alpha 32)."
    )
    own = {"ppo__lora__rank": 4, "ppo__lora__alpha": 8}
    for start, lora, told in (("base", {}, False), ("policy-1", own, False), ("policy-1", {}, True)):
        run = done(db, worker, start_run(db, "train-policy", **FEW, **lora, start_policy=start))
        assert run.status == "succeeded", run.error
        assert any(one.startswith(words) for one in warnings_of(db, run)) is told

    asked = {"start_policy": "policy-1", "rewards": "length_window"}
    with pytest.raises(SettingsError, match=r"ppo.lora.rank = 8 is not allowed: policy-1, .* adapter whose rank is 4"):
        resolve(db, "train-policy", {**asked, "ppo.lora.rank": 8})
    (tmp_path / "run.toml").write_text("[ppo.lora]\nalpha = 64.0\n")
    with pytest.raises(SettingsError, match=r"ppo.lora.alpha = 64 is not allowed: .* adapter whose alpha is 8"):
        resolve(db, "train-policy", asked, tmp_path / "run.toml")
    assert resolve(db, "train-policy", {**asked, "ppo.lora.rank": 4})["ppo"]["lora"]["rank"] == 4
    assert (
        resolve(db, "train-policy", {**asked, "start_policy": "base", "ppo.lora.rank": 8})["ppo"]["lora"]["rank"] == 8
    )


def test_a_base_whose_layers_cannot_be_told_apart_is_gone_on_from_all_the_same(tmp_path, monkeypatch):
    def unknown(*_: object) -> None:
        raise UnknownLayers("the 3 layers cannot be told apart in Odd")

    db, worker = begun(tmp_path / "study")
    assert done(db, worker, start_run(db, "train-policy", **FEW)).status == "succeeded"
    monkeypatch.setattr(adapters, "stack_of", unknown)
    run = done(db, worker, start_run(db, "train-policy", **FEW))
    assert (run.status, run.error) == ("succeeded", None)
    assert not any("changes none of" in words for words in warnings_of(db, run))


def warnings_of(db: Database, run: runs.Run) -> list[str]:
    return [line.text for line in run_records.logs(db, run.id) if line.level == "warning"]


def test_a_policy_of_another_base_is_refused_by_name(tmp_path):
    db, worker = begun(tmp_path / "study")
    run = done(db, worker, start_run(db, "train-policy", **FEW))
    assert run.status == "succeeded", run.error
    db.execute("UPDATE policies SET base_sha256 = ? WHERE name = 'policy-1'", ["f" * 64])
    for kind in ("train-policy", "policy-export"):
        settings = FEW if kind == "train-policy" else {"format": "merged"}
        run = done(db, worker, start_run(db, kind, **settings))
        assert run.status == "failed"
        assert "policy-1 was trained on another base than 'tiny:' (sha256 ffffffffffff..." in run.error


def test_a_reward_model_that_is_retrained_meanwhile_is_not_taken_up_by_the_run(tmp_path, monkeypatch):
    db, worker = begun(tmp_path / "study")
    done(db, worker, start_run(db, "sample", pairs=8))
    judge_everything(db, len)
    done(db, worker, start_run(db, "train-reward", reward__epochs=0))
    run = start_run(db, "train-policy", ppo__steps=2, shown_prompts=0, shown_times=0)
    update, stopped = ppo._update, []

    def stop_once(*given):
        if given[1].step == 1 and not stopped:
            stopped.append(True)
            raise WorkerStopping  # as between two steps of a worker that is told to end
        return update(*given)

    monkeypatch.setattr(ppo, "_update", stop_once)
    lease = runs.claim(db, worker.name, lease_seconds=60)
    worker.execute(lease)
    assert runs.get(db, run.id).status == "queued" and stopped
    newer = verbs.start_run(db, "train-reward", {"reward.epochs": 0}, priority=100)
    run = done(db, worker, run)
    assert runs.get(db, newer.id).result["reward_model"] == "reward-2"
    # What the new training did to the raw scale is said, as scores are normalised anew.
    first, second = (one.metrics for one in reward_models.listing(db))
    assert first["shift"] is None
    times = second["reference_sd"] / first["reference_sd"]
    moved = second["reference_mean"] - first["reference_mean"]
    assert second["shift"] == {"since": "reward-1", "mean": pytest.approx(moved), "sd_times": pytest.approx(times)}
    said = " ".join(line.text for line in run_records.logs(db, newer.id))
    assert f"(reward-1: {first['reference_mean']:.3g}, {first['reference_sd']:.3g}); normalised to 0 and 1" in said
    assert (run.status, run.error) == ("succeeded", None)
    assert run.ended_at > runs.get(db, newer.id).ended_at
    assert run.result["reward_model"] == "reward-1"
    assert policies.by_name(db, run.result["policy"]).metrics["reward_model"] == "reward-1"


def test_people_who_say_the_opposite_of_each_other_are_told_that_it_decides_nothing(tmp_path):
    db, worker = begun(tmp_path / "study")
    done(db, worker, start_run(db, "sample", pairs=8))
    judge_everything(db, len)
    db.execute("UPDATE comparisons SET overlap = 2")
    other = annotators.ensure(db, "bob", "simulated").id
    for one in judgments.live(db):
        turned = [3 - rank for rank in one.ranks] if sorted(one.ranks) == [1, 2] else one.ranks
        judgments.submit(db, NewJudgment(one.comparison_id, other, turned, one.shown, f"bob-{one.comparison_id:08}"))
    run = done(db, worker, start_run(db, "train-reward", reward__epochs=0, reward__annotators__enabled=False))
    metrics = reward_models.latest(db).metrics
    assert (run.status, metrics["reference_sd"], metrics["reference_varies"]) == ("succeeded", 1.0, False)
    said = " ".join(line.text for line in run_records.logs(db, run.id))
    assert "the answers contradict one another or are ties" in said and "left as they are" in said
