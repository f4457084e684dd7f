"""The whole loop on the tiny model: sample, judge, train reward and policy, evaluate, score, export."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from feedback_store import (
    comparisons,
    completions,
    evaluations,
    features,
    policies,
    prompts,
    reward_models,
    run_records,
    runs,
)
from feedback_store.database import Database
from language_models import folders
from language_models.seeds import completion_seed
from reward_training.model import RewardModel
from reward_training.records import Text
from reward_training.settings import RewardSettings
from rounds import studies, verbs
from rounds.evaluation_texts import seed_of
from rounds.kept_features import key_of, set_name
from rounds.kinds import reward_export
from rounds.prompts_looked_at import TASTE_SEED
from rounds.texts import text_of
from rounds.worker import Worker
from tests.rounds.small_study import judge_everything, new_study, start_run

pytestmark = pytest.mark.usefixtures("one_thread")


def commas(text: str) -> float:
    return text.count(",") - 0.01 * len(text)


def idle_worker(folder: Path) -> Worker:
    worker = Worker(folder, lease_seconds=5)
    worker.models.register_base()
    return worker


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Database:
    """One round: sampled, judged, reward and policy trained, sampled again."""
    folder = tmp_path_factory.mktemp("chain") / "study"
    db = new_study(folder)
    worker = idle_worker(folder)
    start_run(db, "sample", pairs=12)
    worker.work(until_idle=True)
    judge_everything(db, commas, criterion="lists")
    for kind in ("train-reward", "train-policy"):
        start_run(db, kind)
    worker.work(until_idle=True)
    start_run(db, "sample", pairs=10)
    worker.work(until_idle=True)
    failed = [run.error for run in runs.listing(db) if run.status != "succeeded"]
    assert not failed
    return db


def of_kind(db: Database, kind: str, place: int = 0) -> runs.Run:
    return sorted(runs.listing(db, kind=kind), key=lambda run: run.id)[place]


def is_for_taste(one: completions.Completion) -> bool:
    return one.seed == completion_seed(TASTE_SEED, one.prompt_id, one.sample_index or 0)


def test_sampling_makes_the_comparisons_asked_for(study):
    run = of_kind(study, "sample")
    assert run.result["policy"] == "base"
    assert run.result["comparisons"] - run.result["holdout"] == 12
    assert run.result["holdout"] == 2
    assert run.result["against_previous"] == 0
    batches = runs.metrics(study, run.id, "batches")
    assert batches[0].values["planned"] == 2  # the first comparison of a fresh study is there at once
    written = [one for one in completions.of_run(study, run.id) if not is_for_taste(one)]
    assert len(written) == 2 * run.result["comparisons"]
    assert all(one.text.strip() and one.token_count and one.finish_reason for one in written)


def test_every_completion_has_a_seed_of_its_own(study):
    seeds = [one.seed for one in completions.of_run(study, of_kind(study, "sample").id)]
    assert len(set(seeds)) == len(seeds)


def test_a_later_round_compares_with_the_previous_policy(study):
    run = of_kind(study, "sample", 1)
    assert run.result["policy"] == "policy-1"
    assert run.result["against_previous"] == 2
    writers = {one.policy_id for one in completions.of_run(study, run.id)}
    assert writers == {policies.by_name(study, "base").id, policies.by_name(study, "policy-1").id}


def test_features_of_everything_written_are_kept_and_are_those_that_are_computed(study):
    known = {prompt.id: prompt for prompt in prompts.listing(study)}
    written = completions.of_run(study, of_kind(study, "sample").id)
    texts = [text_of(known[one.prompt_id], one, studies.settings(study)) for one in written]
    kept = features.get(study, set_name(study), map(key_of, texts))
    model = RewardModel.fresh(Worker(study.folder).models.model, RewardSettings())
    computed = model.all_features(texts).numpy()
    assert np.stack([kept[key_of(text)] for text in texts]) == pytest.approx(computed, abs=1e-5)


def test_eight_samples_of_a_few_held_out_prompts_are_there_to_be_looked_at(study):
    written = [one for one in completions.of_run(study, of_kind(study, "sample").id) if is_for_taste(one)]
    assert len(written) == 24
    assert {one.prompt_id for one in written} <= {prompt.id for prompt in prompts.listing(study, "holdout")}
    assert [len(one["scores"]) for one in reward_models.latest(study).metrics["taste"]] == [8, 8, 8]


def test_the_reward_model_is_published_with_its_report(study):
    run = of_kind(study, "train-reward")
    row = reward_models.latest(study)
    assert row.name == run.result["reward_model"] == "reward-1"
    assert row.metrics["training_pairs"] == 12
    assert row.metrics["holdout_pairs"] == 2
    assert row.metrics["training"]["accuracy"] > 0.5
    assert len(runs.judgments_of(study, run.id)) == 14
    assert folders.verify(study.folder / row.folder) == row.manifest_sha256
    assert runs.metrics(study, run.id, "steps")


def test_the_policy_is_published_and_current(study):
    run = of_kind(study, "train-policy")
    policy = policies.current(study)
    assert policy.name == run.result["policy"] == "policy-1"
    assert policy.parent_id == policies.base(study).id
    assert policy.metrics["kl_nats"] >= 0 or policy.metrics["kl_k3_nats"] >= 0
    assert folders.verify(study.folder / policy.folder) == policy.manifest_sha256
    assert len(runs.metrics(study, run.id, "steps")) == 4  # three updates, and what the last one made
    assert not (study.folder / "runs" / str(run.id) / "checkpoints").exists()
    card = json.loads((study.folder / policy.folder / "card.json").read_text())
    assert card["run_id"] == run.id
    assert card["base"]["sha256"] == policies.base(study).base_sha256


def test_both_policies_wrote_on_the_prompts_to_be_shown(study):
    run = of_kind(study, "train-policy")
    assert len(run.result["shown_prompts"]) == 3
    for prompt_id in run.result["shown_prompts"]:
        assert prompts.get(study, prompt_id).split == "holdout"
        for name in ("base", "policy-1"):
            policy = policies.by_name(study, name)
            there = completions.listing(study, prompt_id=prompt_id, policy_id=policy.id)
            assert [one for one in there if one.run_id == run.id]


def test_no_comparison_pairs_texts_that_look_the_same(study):
    for batch in (of_kind(study, "sample"), of_kind(study, "sample", 1)):
        by_prompt: dict[int, list[str]] = {}
        for one in completions.of_run(study, batch.id):
            by_prompt.setdefault(one.prompt_id, []).append(" ".join(one.text.split()))
        assert all(len(set(texts)) == len(texts) for texts in by_prompt.values())


def test_evaluation_counts_each_policy_and_is_not_drawn_twice(study):
    worker = idle_worker(study.folder)
    first = start_run(study, "evaluate", prompts=4, samples=2, reward_model="reward-1")
    worker.work(until_idle=True)
    run = runs.get(study, first.id)
    assert run.status == "succeeded", run.error
    assert list(run.result["policies"]) == ["base", "policy-1"]
    figures = run.result["policies"]["policy-1"]
    assert figures["completions"] == 8
    assert 0 <= figures["cut_off"] <= 1
    assert figures["mean_reward"] is not None
    rewards = (study.folder / "runs" / str(run.id) / "rewards.jsonl").read_text().splitlines()
    assert len(rewards) == 16
    second = start_run(study, "evaluate", prompts=4, samples=2, policies=["base", "policy-1"])
    worker.work(until_idle=True)
    assert not completions.of_run(study, second.id)
    assert runs.get(study, second.id).result["policies"]["base"]["completions"] == 8


def test_an_evaluation_tells_rewards_likelihoods_and_the_best_of_several(study):
    run = start_run(study, "evaluate", prompts=4, samples=3)
    idle_worker(study.folder).work(until_idle=True)
    run = runs.get(study, run.id)
    assert run.status == "succeeded", run.error
    assert run.result["reward_model"] == "reward-1"
    base, trained = run.result["policies"]["base"], run.result["policies"]["policy-1"]
    for figures in (base, trained):
        assert figures["best_of"] == 3
        assert figures["best_of_reward"] > figures["mean_reward"]
        assert figures["likelihood_texts"] == 4
        assert figures["perplexity"] > 1
        assert 0 <= figures["distinct_1"] <= 1 and figures["repetition"] in (None, pytest.approx(0, abs=1))
    assert (base["kl_nats"], base["kl_k3_nats"]) == (0, 0)
    assert trained["kl_k3_nats"] > 0
    parts = ("reward_words", "reward_content", "reward_length")
    # The parts add up but for a constant of the model, which is the same for both.
    constants = [one["mean_reward"] - sum(one[part] for part in parts) for one in (base, trained)]
    assert constants[0] == pytest.approx(constants[1], abs=1e-3)


def test_a_blind_evaluation_asks_people_about_fresh_texts(study):
    sampled = {one.id for one in completions.listing(study)}
    blind = {"blind": {"judgments": 6, "best_of": "base", "best_of_texts": 2}}
    run = verbs.start_run(study, "evaluate", {"prompts": 3, "likelihoods": False, **blind})
    [evaluation] = evaluations.listing(study)
    assert [side.words for side in evaluation.sides] == ["base", "policy-1", "best of 2 of base"]
    idle_worker(study.folder).work(until_idle=True)
    run = runs.get(study, run.id)
    assert run.status == "succeeded", run.error
    made = comparisons.listing(study, run_id=run.id)
    assert run.result["blind"]["comparisons"] == len(made) == evaluations.progress(study, evaluation.id).made
    assert len(made) + run.result["blind"]["equal"] == run.result["blind"]["planned"] == 6 + 5
    assert {(one.purpose, one.split) for one in made} == {("evaluation", "holdout")}
    asked = {text for one in made for text in one.completion_ids}
    assert not asked & sampled, "nobody has seen these under a name"
    rows = study.rows("SELECT * FROM evaluation_pairs ORDER BY comparison_id")
    for one, row in zip(made, rows, strict=True):
        writers = [text.policy_id for text in completions.get(study, one.completion_ids)]
        sides = [evaluation.sides[row[name]].policy_id for name in ("first_side", "second_side")]
        assert writers == sides
    told = str(run.result["blind"]) + "".join(line.text for line in run_records.logs(study, run.id))
    assert "policy-1" not in told
    evaluations.unseal(study, evaluation.id, why="early", by="test")


def test_the_best_of_two_has_the_higher_reward_of_the_two(study):
    [evaluation] = evaluations.listing(study)
    texts = completions.listing(study, policy_id=policies.base(study).id, run_id=evaluation.run_id)
    own = seed_of(evaluation, 2, 0)
    drawn = [one for one in texts if one.seed == completion_seed(own, one.prompt_id, one.sample_index)]
    worker = idle_worker(study.folder)
    model = worker.models.reward(worker.models.reward_row())
    known = {one.id: one for one in prompts.listing(study)}
    settings = studies.settings(study)
    scores = dict(
        zip(
            [one.id for one in drawn],
            model.score([text_of(known[one.prompt_id], one, settings) for one in drawn]),
            strict=True,
        )
    )
    taken = {
        text
        for one in comparisons.listing(study, run_id=evaluation.run_id, withdrawn=True)
        for text in one.completion_ids
    }
    compared = 0
    for one in drawn:
        if one.id in taken:
            beside = [
                other for other in drawn
                if other.prompt_id == one.prompt_id and other.sample_index // 2 == one.sample_index // 2
            ]  # fmt: skip
            assert len(beside) == 2 and scores[one.id] == max(scores[other.id] for other in beside)
            compared += 1
    assert compared


def test_an_exported_policy_says_what_it_was_trained_by(study):
    run = start_run(study, "policy-export", format="adapter-with-base")
    worker = idle_worker(study.folder)
    worker.work(until_idle=True)
    run = runs.get(study, run.id)
    assert run.status == "succeeded", run.error
    made = json.loads((study.folder / run.result["folder"] / "tastemaker.json").read_text())["made_from"]
    reward = reward_models.listing(study)[0]
    trained = of_kind(study, "train-reward")
    seen = made["reward_models"]["reward-1"]
    assert (seen["manifest_sha256"], seen["snapshot"]) == (reward.manifest_sha256, trained.id)
    assert made["judgments"] == seen["judgments"] == len(runs.judgments_of(study, trained.id))
    assert made["judges"].startswith("0 of this study") and made["judges"].endswith("1 simulated")
    assert (made["algorithm"], made["parents"]) == ("ppo", ["base"])
    assert made["settings"] == of_kind(study, "train-policy").config
    assert [one["function"] for one in made["rewards"]] == ["learned"]


def test_a_classifier_is_fitted_to_training_prompts_by_group_and_compared_on_the_others(study, monkeypatch):
    fitted: list[tuple[list[Text], list[str]]] = []
    real = reward_export.write_classifier

    def looked_at(model, texts, scores, groups, folder):
        fitted.append((texts, groups))
        return real(model, texts, scores, groups, folder)

    compared: list[int] = []
    agreement = reward_export.agreement

    def counted(scores, other, pairs, outcomes):
        compared.append(len(outcomes))
        return agreement(scores, other, pairs, outcomes)

    monkeypatch.setattr(reward_export, "write_classifier", looked_at)
    monkeypatch.setattr(reward_export, "agreement", counted)
    judged = "SELECT id FROM comparisons WHERE split = 'holdout' AND purpose = 'training' ORDER BY id LIMIT 1"
    picked = study.value(judged)
    study.execute("UPDATE comparisons SET is_random = 0 WHERE id = ?", [picked])
    try:
        run = start_run(study, "reward-export", format="classifier", base_licence="Apache-2.0")
        idle_worker(study.folder).work(until_idle=True)
    finally:
        study.execute("UPDATE comparisons SET is_random = 1 WHERE id = ?", [picked])
    assert runs.get(study, run.id).status == "succeeded"
    assert compared == [reward_models.listing(study)[0].metrics["holdout_pairs"] - 1], "a picked pair is no fair sample"
    [(texts, groups)] = fitted
    group_of = {prompt.messages[-1]["content"]: prompt.group for prompt in prompts.listing(study, "train")}
    assert [group_of[text.prompt[-1]["content"]] for text in texts] == groups


@pytest.mark.parametrize("form", ["module", "classifier"])
def test_an_exported_reward_is_a_checksummed_folder_with_a_card(study, form):
    run = start_run(study, "reward-export", format=form, base_licence="Apache-2.0")
    worker = idle_worker(study.folder)
    worker.work(until_idle=True)
    run = runs.get(study, run.id)
    assert run.status == "succeeded", run.error
    folder = study.folder / run.result["folder"]
    assert folder.name == f"reward-1-{form}"
    listed = dict(line.split("  ")[::-1] for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert {name: folders.file_sha256(folder / name) for name in listed} == listed
    assert {*listed, "SHA256SUMS"} == set(run.result["files"])
    card = (folder / "README.md").read_text()
    reward = reward_models.listing(study)[0]
    assert reward.manifest_sha256 in card and reward.base_sha256 in card and "Apache-2.0" in card
    assert ("reward.py" in listed) == (form == "module")
    if form == "classifier":
        told = run.result["agreement"]
        assert told["texts"] > 4 and told["fitted_on"] >= 8 and -1 <= told["rank_correlation"] <= 1
        assert f"{told['rank_correlation']:.3f}" in card and "accuracy lost" in card
    assert not list(folder.parent.glob(".writing-*"))


def test_a_file_is_scored_and_compared_with_its_judgments(study):
    run = start_run(study, "score", file="mine.jsonl")
    folder = study.folder / "runs" / str(run.id)
    folder.mkdir()
    rows = [
        {
            "prompt": f"thing {place}",
            "completions": [{"text": "a, b,\u2028c, d"}, {"text": "aaaa bbbb"}],
            "judgments": [{"annotator": "a", "ranks": [1, 2]}, {"annotator": "b", "ranks": None, "skipped": "unsure"}],
        }
        for place in range(3)
    ]
    odd = {**rows[0], "judgments": [{"annotator": "a", "ranks": [1, "second"]}]}
    lines = [json.dumps(row, ensure_ascii=False) for row in [*rows, odd]]
    (folder / "input.jsonl").write_text("\n".join([*lines, "{broken"]) + "\n")
    worker = idle_worker(study.folder)
    worker.work(until_idle=True)
    run = runs.get(study, run.id)
    assert run.status == "succeeded", run.error
    assert run.result["completions"] == 6
    assert run.result["problems"] == 2
    assert run.result["judged"]["decided"] == 3
    judged = run.result["judged"]
    assert judged["length_baseline"] == 1.0
    assert 0 <= judged["ece"] <= 1 and judged["three_way_log_loss"] > 0 and judged["like_length_pairs"] == 3
    assert judged["ceiling"]["pairs"] == 0
    scores = [json.loads(line) for line in (folder / "scores.jsonl").read_text().splitlines()]
    assert [len(row["scores"]) for row in scores] == [2, 2, 2]
    assert run.result["criteria"] == ["lists"]
    assert [len(row["criteria"]["lists"]) for row in scores] == [2, 2, 2]
    assert (scores[0]["scores"][0] > scores[0]["scores"][1]) == (run.result["judged"]["accuracy"] > 0.5)


def test_odd_texts_are_scored_and_ties_alone_tell_no_accuracy(study):
    run = start_run(study, "score", file="odd.jsonl")
    folder = study.folder / "runs" / str(run.id)
    folder.mkdir()
    tie = [{"annotator": "a", "ranks": [1, 1]}, {"annotator": "b", "ranks": [1, 1]}]
    rows = [
        {"prompt": "odd", "completions": [{"text": ""}, {"text": "🙂🏽"}, {"text": "word " * 50_000}]},
        {"prompt": "tied", "completions": [{"text": "x"}, {"text": "y"}], "judgments": tie},
        {"prompt": "word " * 50_000, "completions": [{"text": "x"}]},
    ]
    (folder / "input.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    idle_worker(study.folder).work(until_idle=True)
    run = runs.get(study, run.id)
    assert run.status == "succeeded", run.error
    assert (run.result["completions"], run.result["cut"], run.result["problems"]) == (6, 2, 0)
    assert (run.result["judged"]["decided"], run.result["judged"]["accuracy"]) == (0, None)
    assert run.result["judged"]["three_way_log_loss"] > 0
    log = " ".join(line.text for line in run_records.logs(study, run.id))
    assert "2 texts are longer than the" in log
    scores = [json.loads(line)["scores"] for line in (folder / "scores.jsonl").read_text().splitlines()]
    assert np.isfinite(np.concatenate(scores)).all()


def test_a_damaged_policy_is_refused_by_name(study, tmp_path):
    study.checkpoint()
    shutil.copytree(study.folder, tmp_path / "copy")
    db = Database.open(tmp_path / "copy")
    weights = db.folder / policies.by_name(db, "policy-1").folder / "adapter" / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    run = start_run(db, "sample", pairs=2)
    idle_worker(db.folder).work(until_idle=True)
    run = runs.get(db, run.id)
    assert run.status == "failed"
    assert "adapter_model.safetensors differs from its sha256" in run.error
