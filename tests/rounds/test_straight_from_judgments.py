"""Policies trained straight from what people said: by DPO, by imitation, and by PPO that imitates besides."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from feedback_store import annotators, completions, judgments, policies, preferences, provenance, questions, runs
from feedback_store import prompts as prompt_rows
from feedback_store.database import Database
from feedback_store.judgments import NewJudgment
from policy_training.algorithms import dpo
from policy_training.records import Given, Preference
from policy_training.settings import TrainingSettings
from rounds import run_plan, run_views, shown_samples, training_data, verbs
from rounds.kinds import train_policy
from rounds.resuming import run_folder
from rounds.run_plan import Impossible
from rounds.settings import parse
from rounds.training_data import Reliability
from rounds.worker import Worker
from tests.rounds.small_study import FEW_STEPS, new_study

pytestmark = pytest.mark.usefixtures("one_thread")

FEW = {"steps": 2, "prompts_per_step": 2, "samples_per_prompt": 2, "minibatches": 2, "kl_budget_nats": 100.0}
BESIDE = {"shown_prompts": 2, "shown_times": 0, "reference_samples": 8}
EDIT = "What I would have said."


def settings_of(algorithm: str, **more: object) -> dict[str, object]:
    return {
        "algorithm": algorithm,
        **BESIDE,
        **{f"{algorithm}.{name}": value for name, value in {**FEW, **more}.items()},
    }


@pytest.fixture(scope="module")
def worker(tmp_path_factory) -> Worker:
    """A judged study without a reward model: decided pairs, a tie, an improved completion, a superseded answer."""
    db = new_study(tmp_path_factory.mktemp("straight") / "study", temperature=1.3)
    worker = Worker(db.folder, lease_seconds=5)
    worker.models.register_base()
    with pytest.raises(Impossible, match="DPO needs decided judgments on training prompts"):
        run_plan.resolve(db, "train-policy", {"algorithm": "dpo"})
    with pytest.raises(Impossible, match="Imitation needs chosen or improved completions"):
        run_plan.resolve(db, "train-policy", {"algorithm": "imitation"})
    verbs.start_run(db, "sample", {"pairs": 10, "prompts_per_batch": 8})
    worker.work(until_idle=True)
    _judge(db)
    return worker


@pytest.fixture
def db(worker: Worker) -> Database:
    return worker.db


def _judge(db: Database) -> None:
    """The text with more commas, else the first one shown, is better; the first answer on a training prompt is a tie,
    the second has an improved completion, and the third is changed afterwards."""
    person = annotators.ensure(db, "ann", "simulated")
    training = 0
    while batch := questions.next_questions(db, person.id, limit=20).questions:
        for question in batch:
            shown = question.shown
            better = max((0, 1), key=lambda place: question.completions[place].text.count(","))
            ranks = [2, 2]
            ranks[shown[better]] = 1
            more: dict[str, object] = {}
            if question.split == "train":
                training += 1
                if training == 1:
                    ranks = [1, 1]
                if training == 2:
                    more["improved"] = {"position": ranks.index(1), "text": EDIT}
            key = question.comparison_public_id
            judgments.submit(db, NewJudgment(key, person.id, ranks, shown, key, **more))
            if training == 3 and question.split == "train":
                turned = [3 - rank for rank in ranks]
                judgments.submit(db, NewJudgment(key, person.id, turned, shown, f"{key}-2"))


def trained(worker: Worker, settings: dict[str, object]) -> runs.Run:
    run = verbs.start_run(worker.db, "train-policy", settings)
    worker.work(until_idle=True)
    run = runs.get(worker.db, run.id)
    assert (run.status, run.error) == ("succeeded", None)
    return run


def on_training_prompts(db: Database) -> list[int]:
    return sorted({one.judgment_id for one in preferences.derive(db) if one.split == "train"})


@pytest.mark.parametrize("algorithm", ["dpo", "imitation"])
def test_without_a_reward_a_policy_is_published_with_the_judgments_that_made_it(
    worker: Worker, db: Database, algorithm: str
) -> None:
    run = trained(worker, settings_of(algorithm))
    made = policies.by_name(db, run.result["policy"])
    assert runs.judgments_of(db, run.id) == on_training_prompts(db)
    assert set(provenance.origin(db, made.id).judgments) >= set(on_training_prompts(db))
    assert made.name in provenance.trained_by(db, on_training_prompts(db)[:1]).policies
    assert run.result["reward_model"] is None
    assert run.result["algorithm"] == algorithm
    curves = run_views.curves(db, run.id)
    assert "score" not in curves, "nothing scored"
    assert {"kl_nats", "length_tokens", "cut_off", "entropy_nats"} <= curves.keys()
    assert len(curves["preference_loss" if algorithm == "dpo" else "imitation_loss"]) == FEW["steps"]
    assert all(one.score is None for one in shown_samples.read(run_folder(db.folder, run.id)))
    assert load_file(db.folder / made.folder / "adapter" / "adapter_model.safetensors")
    assert not (db.folder / made.folder / "value_head.safetensors").exists()


def given_of(worker: Worker, settings: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> Given:
    """What the algorithm was given in a run, at the temperature of the study."""
    seen: list[tuple[Given, TrainingSettings]] = []
    real = train_policy.algorithm_registry.trainer

    def spying(name: str):
        return lambda given, own: seen.append((given, own)) or real(name)(given, own)

    with monkeypatch.context() as patch:
        patch.setattr(train_policy.algorithm_registry, "trainer", spying)
        trained(worker, settings)
    [(given, own)] = seen
    assert own.sampling.temperature == 1.3
    return given


def test_pairs_and_demonstrations_are_what_was_said_on_training_prompts(
    worker: Worker, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = worker.models.model
    given = given_of(worker, settings_of("dpo"), monkeypatch)
    prompts = {tuple(item.token_ids): item.id for item in given.prompts}
    said = [one for one in preferences.derive(db) if one.split == "train"]
    assert len(given.preferences) == len(said) > 8
    assert [one.tie for one in given.preferences].count(True) == 1
    assert [prompts[tuple(one.prompt_ids)] for one in given.preferences] == [one.prompt_id for one in said]
    assert all(one.weight == 1 for one in given.preferences), "nothing is known of people"
    edit = model.completion_tokens(EDIT, True)
    assert [one.chosen_ids for one in given.preferences].count(edit) == 1
    assert edit[-1] == model.tokenizer.eos_token_id
    assert given.demonstrations == []
    named = {one for pair in said for one in (pair.first_id, pair.second_id) if one is not None}
    written = completions.get(db, sorted(named))
    assert any(one.finish_reason == "length" for one in written)
    whole = {tuple(model.completion_tokens(one.text, one.finish_reason == "stop")) for one in written}
    found = [tokens for one in given.preferences for tokens in (one.chosen_ids, one.rejected_ids) if tokens != edit]
    assert {tuple(tokens) for tokens in found} == whole, "a text that was cut off has no end to learn"

    both = given_of(worker, settings_of("imitation", improved_weight=3.0), monkeypatch).demonstrations
    improved = given_of(worker, settings_of("imitation", demonstrations="improved"), monkeypatch).demonstrations
    chosen = given_of(worker, settings_of("imitation", demonstrations="chosen"), monkeypatch).demonstrations
    assert [one.completion_ids for one in improved] == [edit]
    assert both[0].weight == 3.0
    assert both[1:] == chosen
    winners = [one.chosen_ids for one in given.preferences if not one.tie and one.chosen_ids != edit]
    assert sorted(map(tuple, winners)) == sorted(tuple(one.completion_ids) for one in chosen)


def test_a_run_that_is_gone_on_from_trains_on_the_judgments_that_it_began_with(
    worker: Worker, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = trained(worker, {**settings_of("dpo"), "dpo.seed": 5, "start_policy": "base"})
    old = verbs.start_run(db, "train-policy", {**settings_of("dpo"), "dpo.seed": 5, "start_policy": "base"})
    update, calls = dpo._update, []

    def failing(*given: Any) -> dict[str, float]:
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("cut off for a test")
        return update(*given)

    with monkeypatch.context() as patch:
        patch.setattr(dpo, "_update", failing)
        worker.work(until_idle=True)
    assert runs.get(db, old.id).status == "failed"
    seen = runs.judgments_of(db, old.id)
    last = judgments.get(db, seen[-1])
    judgments.submit(db, NewJudgment(last.comparison_id, last.annotator_id, [1, 1], last.shown, "changed"))
    assert on_training_prompts(db) != seen
    new = verbs.retry_run(db, old.id, from_checkpoint=True)
    worker.work(until_idle=True)
    resumed = runs.get(db, new.id)
    assert (resumed.status, resumed.error) == ("succeeded", None)
    assert runs.judgments_of(db, new.id) == seen
    folders = [db.folder / policies.by_name(db, run.result["policy"]).folder / "adapter" for run in (whole, resumed)]
    one, other = (load_file(folder / "adapter_model.safetensors") for folder in folders)
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_with_a_reward_model_scores_are_shown_and_people_weigh_as_it_relies_on_them(
    worker: Worker, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    verbs.start_run(db, "train-reward", {"reward.epochs": 0, "reference_samples": 8})
    worker.work(until_idle=True)
    given = given_of(worker, settings_of("dpo"), monkeypatch)
    run = runs.listing(db, kind="train-policy")[0]
    assert run.result["reward_model"] == "reward-1"
    assert "score" in run_views.curves(db, run.id)
    weights = {one.weight for one in given.preferences}
    assert len(weights) == 1
    assert 0 < weights.pop() < 1, "one person, not wholly relied on"
    mixed = settings_of("ppo", imitation_coefficient=0.5, imitation_batch=2)
    curves = run_views.curves(db, trained(worker, mixed).id)
    assert len(curves["imitation_loss"]) == FEW["steps"]
    assert runs.judgments_of(db, runs.listing(db, kind="train-policy")[0].id) == on_training_prompts(db)


def test_a_policy_is_trained_on_all_training_prompts_and_chosen_by_some_that_are_held_out(
    worker: Worker, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, held_out = ({one.id for one in prompt_rows.listing(db, split=split)} for split in ("train", "holdout"))
    settings = {**settings_of("ppo", steps=1), "rewards": ["length_window"], "held_out_prompts": 4}
    given = given_of(worker, settings, monkeypatch)
    assert sorted(one.id for one in given.prompts) == sorted(train)
    assert given.held_out is not None
    chosen_by = [one.id for one in given.held_out.prompts]
    assert len(chosen_by) == len(set(chosen_by)) == 4 < len(held_out)
    assert set(chosen_by) < held_out and train.isdisjoint(held_out)


def test_a_judgment_counts_as_much_as_who_gave_it_is_relied_on(monkeypatch: pytest.MonkeyPatch) -> None:
    people = {str(person): {"reliability": {"value": value}, "inverted": 0.0} for person, value in ((7, 0.9), (8, 0.5))}
    weigh = Reliability({"people": {"enabled": True, "people": people}})
    texts = SimpleNamespace(first=lambda one: [one.first_id], second=lambda one: [one.second_id])
    told = [
        training_data._preference(
            SimpleNamespace(first_id=3, second_id=4, outcome=outcome, annotator_id=person, weight=0.5),
            [1],
            texts,
            weigh,
        )
        for person, outcome in ((7, "first"), (8, "second"), (8, "tie"))
    ]
    assert told == [
        Preference([1], [3], [4], False, 0.45),
        Preference([1], [4], [3], False, 0.25),
        Preference([1], [3], [4], True, 0.25),
    ]


def test_reliability_is_read_from_the_report_of_a_reward_model() -> None:
    person = {"reliability": {"value": 0.9}, "inverted": 0.5}
    weigh = Reliability({"people": {"enabled": True, "people": {"7": person}}})
    assert weigh(7) == 0.9, "what there is of inversion is in it already"
    assert weigh(8) == 0.8, "what is expected of anybody"
    assert Reliability({})(7) == 1.0


def test_a_run_without_any_of_it_takes_no_judgments() -> None:
    from rounds.algorithm_needs import needs_of

    assert needs_of(parse("train-policy", FEW_STEPS["train-policy"])) == {"prompts", "reward", "learned"}
    assert needs_of(parse("train-policy", {"rewards": ["novelty"]})) == {"prompts", "reward"}
    assert needs_of(parse("train-policy", {"algorithm": "dpo"})) == {"prompts", "preferences"}
    assert "demonstrations" in needs_of(parse("train-policy", {"ppo.imitation_coefficient": 0.1}))
