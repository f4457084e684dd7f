"""Rewards of several parts in a run: the default is what it was, parts are written down, what goes wrong is said."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from feedback_store import policies, preferences, prompts, run_records, runs
from feedback_store.database import Database
from policy_training.algorithms import ppo
from reward_training import length_correction
from reward_training.cautious import scorer
from reward_training.records import Text
from reward_training.reward_posterior import NoPosterior, RewardPosterior
from rounds import resuming, reward_sources, run_plan, settings, shown_samples, studies
from rounds.drawing import storable
from rounds.policy_reward import PolicyReward
from rounds.worker import Worker
from tests.rounds.small_study import judge_everything, new_study, start_run

pytestmark = pytest.mark.usefixtures("one_thread")

OWN = {
    "vowels": "def reward(prompts, completions):\n    return [sum(text.count(v) for v in 'aeiou') / (1 + len(text))"
    " for text in completions]\n",
    "nan": "def reward(prompts, completions):\n    return [float('nan')] * len(completions)\n",
    "short": "def reward(prompts, completions):\n    return [1.0]\n",
    "same": "def reward(prompts, completions):\n    return [3.0] * len(completions)\n",
    "fails": "def reward(prompts, completions):\n    return [text['x'] for text in completions]\n",
}
FEW = {"ppo__steps": 1, "shown_prompts": 2, "shown_times": 0, "reference_samples": 8, "reward_uncertainty_penalty": 0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("own")
    for name, code in OWN.items():
        (made / f"{name}.py").write_text(code)
    return made


@pytest.fixture(scope="module")
def study(tmp_path_factory, folder) -> Database:
    """A judged study with a reward model."""
    db = new_study(tmp_path_factory.mktemp("parts") / "study")
    worker = worker_of(db, folder)
    start_run(db, "sample", pairs=12)
    worker.work(until_idle=True)
    judge_everything(db, lambda text: text.count(",") - 0.01 * len(text))
    start_run(db, "train-reward", reward__epochs=0)
    worker.work(until_idle=True)
    return db


def worker_of(db: Database, functions: Path | None) -> Worker:
    worker = Worker(db.folder, lease_seconds=60, functions=functions)
    worker.models.register_base()
    return worker


def trained(db: Database, functions: Path | None, rewards, **more) -> runs.Run:
    run = start_run(db, "train-policy", rewards=rewards, **{**FEW, **more})
    worker_of(db, functions).work(until_idle=True)
    return runs.get(db, run.id)


@pytest.fixture(scope="module")
def several(study, folder) -> runs.Run:
    parts = ["learned", {"function": "length_window", "weight": 0.5, "settings": {"longest": 6}}, "own:vowels", "bleu"]
    run = trained(study, folder, parts)
    assert run.status == "succeeded", run.error
    return run


def looked_into(study, folder, look, rewards=("learned",), **more) -> runs.Run:
    """A run; `look(reward, items, sampled, texts, scores)` at each batch of completions, `texts` with what the study
    holds of their prompts."""
    plain, asked = PolicyReward.__call__, {one.id: one.messages for one in prompts.listing(study)}
    system = {"role": "system", "content": studies.settings(study).system_prompt}

    def looking(self, items, sampled):
        scores = plain(self, items, sampled)
        texts = [
            Text([system, *asked[item.id]], storable(one.text), one.finished)
            for item, one in zip(items, sampled, strict=True)
        ]
        look(self, items, sampled, texts, scores)
        return scores

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PolicyReward, "__call__", looking)
        run = trained(study, folder, [*rewards], **more)
    assert run.status == "succeeded", run.error
    return run


def test_with_nothing_taken_off_the_numbers_are_those_of_the_reward_model_alone(study, folder):
    seen = []

    def look(reward, _items, _sampled, texts, scores):
        seen.append((scores, reward.context.models.reward(reward.row).score(texts)))

    run = looked_into(study, folder, look)
    assert len(seen) == 2
    assert all(ours == theirs for ours, theirs in seen)
    [metric, *_] = run_records.metrics(study, run.id, "steps")
    assert not [name for name in metric.values if name.startswith("part.")]


def test_by_default_a_text_is_worth_less_by_one_deviation_of_its_score(study, folder):
    plain = settings.parse("train-policy")
    assert plain["rewards"] == [{"function": "learned", "weight": 1.0, "settings": {}}]
    assert plain["reward_uncertainty_penalty"] == 1.0
    seen = []

    def look(reward, _items, _sampled, texts, scores):
        model, saved = reward.context.models.reward(reward.row), reward.context.models.folder(reward.row.folder)
        seen.append((scores, scorer(model, saved, "head", 1.0)(texts)))

    run = looked_into(study, folder, look, reward_uncertainty_penalty=plain["reward_uncertainty_penalty"])
    part = resuming.reward_of(study.folder, run.id)["parts"]["learned"]
    for scores, cautious in seen:
        assert scores == pytest.approx([(one - part["mean"]) / part["sd"] for one in cautious], abs=1e-4)


def test_a_reward_of_a_version_that_did_not_say_how_sure_it_is_still_trains_a_policy(study, folder, monkeypatch):
    def none(folder):
        raise NoPosterior(f"{folder.name} does not say how sure it is: an earlier version trained it.")

    monkeypatch.setattr(RewardPosterior, "load", none)
    run = trained(study, folder, ["learned"], reward_uncertainty_penalty=1.0)
    assert run.status == "succeeded", run.error
    said = [line.text for line in run_records.logs(study, run.id) if "does not say how sure it is" in line.text]
    assert [words.split(":")[0] for words in said] == [
        "Scores are without a price for what the reward does not know",
        "Held-out scores are without a penalty for what the reward does not know",
    ]
    refused = trained(study, folder, ["learned"], reward_combination="worst")
    assert refused.status == "failed"
    assert "does not say how sure it is" in refused.error


def test_a_flat_line_of_length_is_written_down_so_that_no_later_attempt_fits_another(study, folder, monkeypatch):
    monkeypatch.setattr(length_correction, "fit", lambda *_: length_correction.LengthCorrection(0.0, 0.0))
    run = trained(study, folder, ["learned"], length_correction=1.0)
    assert run.status == "succeeded", run.error
    assert resuming.reward_of(study.folder, run.id)["length"] == {"slope": 0.0, "centre": 0.0}


def test_doubt_and_length_come_off_the_learned_reward_of_whole_texts_and_of_such_as_are_not(study, folder):
    seen = []

    def look(reward, items, sampled, texts, scores):
        model, saved = reward.context.models.reward(reward.row), reward.context.models.folder(reward.row.folder)
        cautious = scorer(model, saved, "head", 2.0)(texts)
        assert max(one - less for one, less in zip(model.score(texts), cautious, strict=True)) > 0.1
        seen.append((scores, reward.learned(items, sampled), cautious, [one.completion for one in texts]))

    run = looked_into(study, folder, look, reward_uncertainty_penalty=2.0, length_correction=1.0)
    fixed, part = (resuming.reward_of(study.folder, run.id)[key] for key in ("length", "parts"))
    assert abs(fixed["slope"]) > 0.01
    mean, sd = (part["learned"][name] for name in ("mean", "sd"))
    assert mean < -0.1 and abs(sd - 1) > 0.01, "what is taken off moves both: beta would change its meaning"
    for scores, learned, cautious, words in seen:
        away = length_correction.log_lengths(words) - fixed["centre"]
        expected = [(one - fixed["slope"] * x - mean) / sd for one, x in zip(cautious, away, strict=True)]
        assert scores == pytest.approx(expected, abs=1e-4)
        assert learned == pytest.approx(expected, abs=1e-4)


def test_parts_sum_to_the_score_in_every_step_and_sample(study, several):
    steps = run_records.metrics(study, several.id, "steps")
    assert len(steps) == 2
    for step in steps:
        parts = {name: value for name, value in step.values.items() if name.startswith("part.")}
        assert set(parts) == {"part.learned", "part.length_window", "part.own:vowels", "part.bleu"}
        assert sum(parts.values()) == pytest.approx(step.values["score"], abs=1e-4)
    samples = shown_samples.read(resuming.run_folder(study.folder, several.id))
    assert samples
    assert all(sum(one.parts.values()) == pytest.approx(one.score) for one in samples)


def test_what_it_was_made_of_is_written_down(study, several, folder):
    made = {one["name"]: one for one in several.result["rewards"]}
    assert list(made) == ["learned", "length_window", "own:vowels", "bleu"]
    assert (made["learned"]["mean"], made["learned"]["sd"]) == (0.0, 1.0)
    assert made["length_window"]["weight"] == 0.5
    import hashlib

    assert made["own:vowels"]["sha256"] == hashlib.sha256(OWN["vowels"].encode()).hexdigest()
    assert made["own:vowels"]["sd"] != 1.0
    policy = policies.by_name(study, several.result["policy"])
    card = json.loads((study.folder / policy.folder / "card.json").read_text())
    assert card["rewards"] == several.result["rewards"]
    assert str(folder) not in json.dumps([several.config, several.result, card])
    assert runs.judgments_of(study, several.id)  # the good answers came from these


def test_texts_without_a_good_answer_are_counted_and_no_others(study, folder):
    decided = {one.prompt_id for one in preferences.derive(study) if one.outcome != "tie" and one.split == "train"}
    seen = []

    def look(reward, items, *_):
        without = sum(item.id not in decided for item in items)
        assert 0 < without < len(items)
        seen.append((reward.readings()["unscored.bleu"], without / len(items)))

    run = looked_into(study, folder, look, ["length_window", "bleu"])
    assert seen and all(told == expected for told, expected in seen)
    lines = [line.text for line in run_records.logs(study, run.id)]
    assert any("prompts have a good answer to be compared with" in line for line in lines)


@pytest.mark.parametrize(
    ("rewards", "words"),
    [
        (["own:nan"], "The reward function own:nan gave nan for the completion"),
        (["own:short"], r"The reward function own:short gave 1 scores for \d+ completions"),
        (["own:fails"], "The reward function own:fails raised TypeError"),
        (["learned", "own:nowhere"], "There is no own:nowhere in the worker's folder. It has: own:fails"),
        (
            [{"function": "classifier", "settings": {"name": "toy"}}],
            "There is no model 'toy' in the study's folder models. There are: none",
        ),
    ],
)
def test_what_is_no_score_fails_the_run_in_words(study, folder, rewards, words):
    import re

    run = trained(study, folder, rewards)
    assert run.status == "failed"
    assert re.search(words, run.error)


def test_a_constant_reward_is_warned_of_and_goes_on(study, folder):
    run = trained(study, folder, ["learned", "own:same"])
    assert run.status == "succeeded", run.error
    said = [line.text for line in run_records.logs(study, run.id) if line.level == "warning"]
    assert any("own:same gave all reference samples the same" in words for words in said)
    assert any(
        words.startswith("The reward function own:same gave all") and "teaches nothing" in words for words in said
    )


def test_without_the_learned_part_no_reward_model_is_needed(tmp_path, folder):
    db = new_study(tmp_path / "fresh")
    run = trained(db, folder, ["length_window", "novelty", "relevance"])
    assert run.status == "succeeded", run.error
    assert run.result["reward_model"] is None
    fixed = resuming.reward_of(db.folder, run.id)
    assert len(fixed["centres"]["request"]) == len(fixed["centres"]["answer"]) > 1
    assert len(fixed["reference_ids"]) == 8
    assert policies.current(db).name == run.result["policy"]
    with pytest.raises(run_plan.Impossible, match="no reward model yet"):
        run_plan.resolve(db, "train-policy", {"rewards": ["learned", "novelty"]})
    run_plan.resolve(db, "train-policy", {"rewards": ["novelty"]})


def test_a_later_attempt_takes_the_scale_of_the_first_and_refuses_other_code(study, folder, monkeypatch):
    run = start_run(study, "train-policy", rewards=["own:vowels"], **FEW)
    monkeypatch.setattr(ppo, "train", lambda *_, **__: 1 / 0)
    worker_of(study, folder).work(until_idle=True)
    fixed = resuming.reward_of(study.folder, run.id)
    assert fixed["parts"]["own:vowels"]["sd"] != 1.0
    monkeypatch.undo()
    path = folder / "vowels.py"
    try:
        path.write_text(OWN["vowels"] + "# another\n")
        again = start_run(study, "train-policy", rewards=["own:vowels"], **FEW)
        kept = resuming.run_folder(study.folder, again.id)
        kept.mkdir()
        (kept / resuming.REWARD).write_text(json.dumps(fixed))
        worker_of(study, folder).work(until_idle=True)
        assert "own:vowels is not what it was when this run began" in runs.get(study, again.id).error
    finally:
        path.write_text(OWN["vowels"])


def test_what_chooses_the_policy_is_the_reward_less_what_it_does_not_know_and_length_comes_off_both(study, folder):
    rewards, cautious, learned, words = [], [], [], []
    plain, held_out = PolicyReward.__call__, PolicyReward.held_out

    def watched(self, items, sampled):
        found = held_out(self, items, sampled)
        rewards.append(plain(self, items, sampled))
        cautious.append(found)
        learned.append(self.learned(items, sampled))
        words.append([one.text for one in sampled])
        return found

    def looked_at(**more):
        for seen in (rewards, cautious, learned, words):
            seen.clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(PolicyReward, "held_out", watched)
            run = trained(
                study,
                folder,
                ["learned", {"function": "length_window", "weight": 0.5}],
                ppo__seed=7,
                start_policy="base",
                **more,
            )
        assert run.status == "succeeded", run.error
        return run

    looked_at(held_out_penalty=2.0)
    twice = [[one - other for one, other in zip(*rows, strict=True)] for rows in zip(rewards, cautious, strict=True)]
    assert all(rows[0] > 0 and rows == pytest.approx([rows[0]] * len(rows)) for rows in twice)  # of the mean, for all
    looked_at(held_out_penalty=1.0)
    once = [[one - other for one, other in zip(*rows, strict=True)] for rows in zip(rewards, cautious, strict=True)]
    assert twice[0] == pytest.approx([2 * one for one in once[0]], rel=1e-3)
    before, alone = rewards[0], learned[0]
    looked_at(held_out_penalty=0.0)
    assert rewards == cautious
    run = looked_at(held_out_penalty=1.0, length_correction=1.0)
    fixed, parts = (resuming.reward_of(study.folder, run.id)[key] for key in ("length", "parts"))
    away = length_correction.log_lengths(words[0]) - fixed["centre"]
    mean, sd = (parts["learned"][name] for name in ("mean", "sd"))
    off = [(one - fixed["slope"] * x - mean) / sd for one, x in zip(alone, away, strict=True)]
    assert learned[0] == pytest.approx(off, abs=1e-4)
    whole = [total - plain + changed for total, plain, changed in zip(before, alone, off, strict=True)]
    assert rewards[0] == pytest.approx(whole, abs=1e-4)
    doubt = [one - other for one, other in zip(rewards[0], cautious[0], strict=True)]
    assert sd != 1 and doubt == pytest.approx([once[0][0] / sd] * len(doubt), rel=1e-3), "in the unit of the reward"
    assert any("after the correction" in line.text for line in run_records.logs(study, run.id))


def test_a_run_that_goes_on_from_another_one_answers_for_the_judgments_of_its_references_too(study, several):
    new = runs.enqueue(study, "train-policy", several.config)
    lease = runs.claim(study, "test", lease_seconds=60)
    context = SimpleNamespace(db=study, lease=lease, run=new, study=studies.settings(study))
    found = reward_sources.good_answers(context, several.id)
    assert len(found)
    assert runs.judgments_of(study, new.id) == runs.judgments_of(study, several.id) != []
    runs.fail(study, lease, "it was for a test")


def test_a_later_attempt_scores_on_the_scale_that_was_written_down(study, folder):
    first = trained(study, folder, ["own:vowels"])
    fixed = resuming.reward_of(study.folder, first.id)
    fixed["parts"]["own:vowels"] |= {"mean": 5.0, "sd": 2.0}
    again = start_run(study, "train-policy", rewards=["own:vowels"], **FEW)
    kept = resuming.run_folder(study.folder, again.id)
    kept.mkdir()
    (kept / resuming.REWARD).write_text(json.dumps(fixed))
    worker_of(study, folder).work(until_idle=True)
    [made] = runs.get(study, again.id).result["rewards"]
    assert (made["mean"], made["sd"]) == (5.0, 2.0)
