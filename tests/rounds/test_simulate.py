"""Simulated rounds: judged like people judge, waited for in words, reported with the taste's own figures.

A worker of a few lines stands in for the real one; its policies write more commas from round to round.
"""

import itertools
import json
import random
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from feedback_store import (
    annotators,
    comparisons,
    completions,
    judgments,
    policies,
    prompts,
    reward_models,
    run_records,
    runs,
    study_settings,
)
from feedback_store.comparisons import NewComparison
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from language_models.errors import UnknownModel
from rounds import simulate as simulation
from rounds import studies
from rounds.round_report import _identical, collapsed
from rounds.settings import SettingsError
from rounds.simulate import SimulationFailed, simulate
from rounds.simulated_annotators import UnknownAnnotators
from rounds.tastes import UnknownTaste

WORDS = [
    "amber",
    "birch",
    "cedar",
    "delta",
    "ember",
    "fern",
    "grove",
    "harbor",
    "iris",
    "juniper",
    "kelp",
    "lilac",
    "maple",
    "north",
    "opal",
    "pine",
    "quartz",
    "river",
]
BASE = {"source": "tiny:", "sha256": "a" * 64, "tokenizer_sha256": "b" * 64, "template_sha256": "c" * 64}


def text(seed, commas):
    """Ten words with a few commas, more of them for later policies."""
    draw = random.Random(seed)
    chosen = draw.sample(WORDS, 10)
    for place in range(draw.randint(0, 1) + commas):
        chosen[2 * place] += ","
    return " ".join(chosen) + "."


class FakeWorker:
    """Does what the runs ask for without a model; `fails` is the kind of run that it fails."""

    restarts = 0
    state = "running"
    kl_nats = 1.5  # on held-out prompts

    def __init__(self, folder, fails=None):
        self.folder, self.fails, self.over = folder, fails, threading.Event()
        self.thread = threading.Thread(target=self.work)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *trace):
        self.over.set()
        self.thread.join()

    def work(self):
        with Database.open(self.folder) as db:
            policies.add_base(db, **BASE)
            while not self.over.wait(0.01):
                lease = runs.claim(db, "fake", lease_seconds=60)
                if lease is not None:
                    self.execute(db, lease, runs.get(db, lease.run_id))

    def execute(self, db, lease, run):
        if run.kind == self.fails:
            runs.fail(db, lease, "the disk is full")
            return
        getattr(self, run.kind.replace("-", "_"))(db, lease, run)

    def sample(self, db, lease, run):
        for prompt in prompts.listing(db, "train")[: run.config["pairs"]]:
            ids = self.write(db, policies.current(db), prompt.id, run.config["seed"], 2)
            comparisons.add(db, [NewComparison(prompt.id, ids)], lease=lease)
        runs.succeed(db, lease, {})

    def train_reward(self, db, lease, run):
        run_records.snapshot(db, lease, [row.id for row in judgments.live(db)])
        folder = f"models/reward-{reward_models.next_number(db)}"
        reward_models.publish(db, lease, folder=folder, base_sha256="a" * 64, manifest_sha256="d" * 64, metrics={})

    def train_policy(self, db, lease, run):
        folder, parent = f"models/policy-{policies.next_number(db)}", policies.current(db)
        hashes = {"base_sha256": "a" * 64, "manifest_sha256": "d" * 64}
        policies.publish(db, lease, parent_id=parent.id, folder=folder, metrics={"kl_nats": 1.25}, **hashes)

    def evaluate(self, db, lease, run):
        rewards = {}
        for name in run.config["policies"]:
            policy = policies.by_name(db, name)
            for prompt in prompts.listing(db, "holdout")[: run.config["prompts"]]:
                ids = self.write(db, policy, prompt.id, run.config["seed"], run.config["samples"])
                rewards |= {one.id: float(one.text.count(",")) for one in completions.get(db, ids)}
        folder = db.folder / "runs" / str(run.id)
        folder.mkdir(parents=True)
        lines = [json.dumps({"completion_id": key, "reward": value}) for key, value in rewards.items()]
        (folder / "rewards.jsonl").write_text("\n".join(lines) + "\n")
        runs.succeed(db, lease, {"policies": {name: {"kl_nats": self.kl_nats} for name in run.config["policies"]}})

    def write(self, db, policy, prompt_id, seed, number):
        commas = int(policy.name.removeprefix("policy-")) if policy.kind == "trained" else 0
        return completions.add(
            db,
            [
                NewCompletion(
                    prompt_id,
                    policy.id,
                    text(f"{policy.name} {prompt_id} {seed} {index}", commas),
                    seed=seed,
                    sample_index=index,
                    token_count=12,
                    finish_reason="stop",
                )
                for index in range(number)
            ],
        )


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(simulation, "POLL_SECONDS", 0.01)

    def use(**given):
        monkeypatch.setattr(simulation, "start_worker_if_none", lambda folder, functions: FakeWorker(folder, **given))

    use()
    return use


def run(folder, **given):
    settings = {"rounds": 1, "pairs": 12, "taste": "lists", "annotators": "careful:2,hasty", "base": "tiny:"}
    return list(simulate(folder, **{**settings, **given}))


def test_a_round_is_judged_once_a_pair_by_all_annotators_as_simulated_people(tmp_path, fake):
    (report,) = run(tmp_path / "s")
    assert (report["round"], report["judgments"], report["judgments_total"]) == (1, 12, 12)
    with Database.open(tmp_path / "s") as db:
        people = {person.id: person for person in annotators.listing(db)}
        assert {person.kind for person in people.values()} == {"simulated"}
        answers = judgments.live(db)
        assert sorted(people[answer.annotator_id].name for answer in answers) == sorted(
            ["careful-1", "careful-2", "hasty-1"] * 4
        )
        assert len({answer.comparison_id for answer in answers}) == 12
        assert all(answer.milliseconds and not answer.late for answer in answers)
        assert {tuple(answer.shown) for answer in answers} == {(0, 1), (1, 0)}


def test_ranks_follow_the_candidates_however_the_sides_were_shown(tmp_path, fake):
    run(tmp_path / "s", annotators="careful", pairs=40)
    with Database.open(tmp_path / "s") as db:
        agreed = []
        for answer in judgments.live(db):
            first, second = completions.get(db, comparisons.get(db, answer.comparison_id).completion_ids)
            if answer.ranks[0] != answer.ranks[1] and first.text.count(",") != second.text.count(","):
                agreed.append((answer.ranks[0] < answer.ranks[1]) == (first.text.count(",") > second.text.count(",")))
        assert len(agreed) > 8
        assert sum(agreed) / len(agreed) > 0.9


def test_the_report_holds_the_tastes_own_figures(tmp_path, fake):
    first, second = run(tmp_path / "s", rounds=2)
    assert first["reward_accuracy"] == 1.0  # the rewards are the commas
    assert first["reward_pairs"] >= 200
    assert first["kl_nats"] == 1.25
    assert first["kl_budget_nats"] == 5.0
    assert (first["cut_off_rate"], first["empty_rate"], first["mean_tokens"]) == (0, 0, 12)
    # base 0 or 1 commas, policy-1 1 or 2: a win unless both have 1, a quarter of the pairs, which is a tie
    assert first["share"] == pytest.approx(0.875, abs=0.03)
    assert first["share_low"] < first["share"] < first["share_high"]
    assert first["share_max"] == 1.0
    assert first["share_prompts"] >= 100
    assert 0.9 < first["distinct_2_ratio"] < 1.1
    assert not first["collapsed"]
    assert second["share"] == 1.0
    assert second["policy"] == "policy-2"
    assert second["judgments_total"] == 24


def test_a_policy_has_collapsed_past_any_of_the_limits():
    of_base = {"empty_rate_base": 0.0, "identical_rate_base": 0.0}
    calm = {"empty_rate": 0.05, "identical_rate": 0.2, "distinct_2_ratio": 0.5, **of_base}
    assert not collapsed(calm, 5.0, 5.0)
    assert not collapsed({**calm, "distinct_2_ratio": None}, None, 5.0)
    for worse in ({"empty_rate": 0.06}, {"identical_rate": 0.21}, {"distinct_2_ratio": 0.49}):
        assert collapsed({**calm, **worse}, 1.0, 5.0)
    assert collapsed(calm, 5.1, 5.0)
    assert not collapsed({**calm, "identical_rate": 0.4, "identical_rate_base": 0.3}, 1.0, 5.0)  # the base says so, too
    texts = [SimpleNamespace(text=text) for text in ("a", "b", "a", "c")]
    assert _identical(texts) == 0.5


def test_the_same_seed_gives_the_same_report_and_another_seed_another(tmp_path, fake):
    def figures(folder, seed):
        return [{key: value for key, value in one.items() if key != "seconds"} for one in run(folder, seed=seed)]

    assert figures(tmp_path / "a", 3) == figures(tmp_path / "b", 3)
    assert figures(tmp_path / "a2", 4) != figures(tmp_path / "b", 3)


def test_no_more_pairs_are_made_than_asked_for(tmp_path, fake):
    run(tmp_path / "s")
    with Database.open(tmp_path / "s") as db:
        assert studies.settings(db).refill, "who serves it now gets pairs"
        assert [one.kind for one in reversed(runs.listing(db))] == [
            "sample",
            "train-reward",
            "train-policy",
            "evaluate",
        ]
        assert study_settings.get(db, "simulation")["taste"] == "lists"


def test_a_new_study_can_take_its_prompts_from_a_file(tmp_path, fake):
    file = tmp_path / "prompts.jsonl"
    file.write_text("".join(json.dumps({"prompt": f"Say something about {word}."}) + "\n" for word in WORDS))
    run(tmp_path / "s", prompts=file, pairs=4)
    with Database.open(tmp_path / "s") as db:
        assert prompts.count(db) == len(WORDS)
        assert 0 < prompts.count(db, "holdout") < len(WORDS)


def test_settings_of_a_kind_of_run_can_be_given(tmp_path, fake):
    run(tmp_path / "s", overrides=["train-policy.ppo.steps=3", "evaluate.samples=2"])
    with Database.open(tmp_path / "s") as db:
        configs = {one.kind: one.config for one in runs.listing(db)}
        assert configs["train-policy"]["ppo"]["steps"] == 3
        assert configs["evaluate"]["samples"] == 2


def test_progress_is_told_in_words(tmp_path, fake):
    said = []
    run(tmp_path / "s", on_progress=said.append)
    assert any(words.startswith("round 1 of 1: sample, ") for words in said)
    assert "round 1 of 1: hasty-1 judges 4 pairs" in said


def test_what_a_cut_off_simulation_left_behind_is_not_counted_in(tmp_path, fake):
    with studies.open_or_create(tmp_path / "study", base="tiny:", create=True, demo=True) as db:
        run = runs.enqueue(db, "sample", {})
    with pytest.raises(SettingsError, match=rf"runs that have not ended: {run.id} \(sample, queued\)"):
        list(simulate(tmp_path / "study", rounds=1, pairs=4, taste="lists", annotators="careful:1", base="tiny:"))


def test_a_failed_run_ends_the_simulation_with_the_runs_own_words(tmp_path, fake):
    fake(fails="train-reward")
    with pytest.raises(SimulationFailed, match=r"Run 2 \(train-reward\) failed: the disk is full"):
        run(tmp_path / "s")


def test_a_worker_that_does_not_come_up_ends_the_simulation_with_its_words(tmp_path, fake, monkeypatch):
    class Broken(FakeWorker):
        state = "The worker ended with code 2: worker: unknown model"
        starts = itertools.count(7)  # those of earlier runs say nothing of this one

        @property
        def restarts(self):
            return next(self.starts)

        def work(self):
            pass

    monkeypatch.setattr(simulation, "start_worker_if_none", lambda folder, functions: Broken(folder))
    with pytest.raises(SimulationFailed, match=r"No worker comes up for run 1 \(sample\).*worker: unknown model"):
        run(tmp_path / "s")


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"taste": "sweet"}, UnknownTaste),
        ({"annotators": "eager:3"}, UnknownAnnotators),
        ({"overrides": ["dream.steps=3"]}, SettingsError),
        ({"overrides": ["sample.pair=3"]}, SettingsError),
        ({"overrides": ["sample.candidates=3"]}, SettingsError),
        ({"overrides": ["train-policy.rloo.steps=3"]}, SettingsError),
        ({"overrides": ["train-policy.shaping_weight=2"]}, SettingsError),
        ({"overrides": ["train-policy.reward_combination=mean"]}, SettingsError),
        ({"prompts": "nowhere.jsonl"}, SettingsError),
        ({"base": "bundled:nothing"}, UnknownModel),
    ],
)
def test_a_wrong_word_is_refused_before_anything_is_made(tmp_path, fake, given, error):
    with pytest.raises(error):
        run(tmp_path / "s", **given)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("train-policy.ppo.sampling.temperature=1.3", "temperature = 1.3 is not allowed"),
        ('train-policy.rewards=[{"function": "classifier", "settings": {"name": "gone"}}]', "no model 'gone'"),
    ],
)
def test_what_the_study_refuses_is_refused_before_the_first_round(tmp_path, fake, override, words):
    with pytest.raises(ValueError, match=words):
        run(tmp_path / "s", overrides=[override])
    with Database.open(tmp_path / "s") as db:
        assert runs.listing(db) == []


def test_what_the_first_rounds_make_may_be_named(tmp_path, fake):
    named = ["train-policy.start_policy=base", "evaluate.reward_model=reward-1"]
    assert len(run(tmp_path / "s", overrides=named)) > 0


def test_a_study_of_rankings_is_refused_in_words(tmp_path, fake):
    with studies.open_or_create(tmp_path / "s", base="tiny:", create=True) as db:
        studies.change_settings(db, by="lead", asked={"candidates": 4})
    with pytest.raises(SettingsError, match=r"asked\.candidates is 4; here it is allowed to be 2"):
        run(tmp_path / "s")
    with Database.open(tmp_path / "s") as db:
        assert runs.listing(db) == []


def test_the_face_of_the_loop_never_loads_torch():
    code = (
        "import sys\nfrom rounds import settings, studies, verbs, supervisor, tastes, simulate, statistics\n"
        "from rounds.demo import demo\ndemo.prompts()\n"
        "assert not {'torch', 'transformers', 'peft', 'gradio'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_rewards_without_the_learned_one_are_simulated_too(tmp_path, fake):
    (report,) = run(tmp_path / "s", overrides=["train-policy.rewards=length_window"])
    assert report["policy"] == "policy-1"
    with Database.open(tmp_path / "s") as db:
        [trained] = runs.listing(db, kind="train-policy")
        assert trained.config["reward_model"] is None


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("evaluate.policies=base", "evaluate.policies is what a simulation sets itself: leave it out"),
        ("sample.pairs=9", r"sample.pairs is what a simulation sets itself \(--pairs\)"),
        ("policy-export.format=merged", "KIND is one of sample, train-reward, train-policy, evaluate"),
    ],
)
def test_what_a_simulation_sets_itself_or_never_runs_is_refused(tmp_path, override, words):
    with pytest.raises(SettingsError, match=words):
        run(tmp_path / "s", overrides=[override])
    assert not (tmp_path / "s").exists()
