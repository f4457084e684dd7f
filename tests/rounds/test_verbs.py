"""The verbs of the loop: what is queued, with which settings, what is refused, and how the loop is said to stand."""

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
)
from feedback_store.comparisons import NewComparison
from feedback_store.completions import NewCompletion
from feedback_store.errors import InvalidInput
from feedback_store.judgments import NewJudgment
from feedback_store.prompts import NewPrompt, from_text
from rounds import annotating, run_views, studies, verbs
from rounds.settings import SettingsError
from rounds.verbs import Impossible


@pytest.fixture
def db(tmp_path):
    with studies.open_or_create(tmp_path / "study", base="tiny:", create=True, seed=2) as study:
        rows = [NewPrompt(from_text(f"Prompt {i}"), split="holdout" if i < 3 else "train") for i in range(8)]
        prompts.add(study, rows, holdout_share=0.2, seed=0)
        yield study


def add_base(db):
    return policies.add_base(db, source="tiny:", sha256="a" * 64, tokenizer_sha256="b" * 64, template_sha256="c" * 64)


def write(db, policy, prompt_id, text, *, seed=None, finish="stop"):
    new = NewCompletion(prompt_id, policy.id, text, seed, 0 if seed is not None else None, finish_reason=finish)
    return completions.add(db, [new])[0]


def judge(db, number, person="ann"):
    """As many comparisons, each judged once."""
    base = policies.by_name(db, "base")
    who = annotators.ensure(db, person).id
    for i in range(number):
        prompt = prompts.listing(db)[i % 8].id
        ids = [
            write(db, base, prompt, f"text {i} {side} {db.value('SELECT COUNT(*) FROM completions')}") for side in "ab"
        ]
        comparison = comparisons.add(db, [NewComparison(prompt, ids)])[0]
        judgments.submit(db, NewJudgment(comparison, who, [1, 2], [0, 1], key=f"key-{comparison}"))


def finish(db, run, *, reward=None, policy=None):
    """End a run as a worker would, publishing what is given."""
    lease = runs.claim(db, "test", lease_seconds=60, kinds=[run.kind])
    assert lease is not None
    if reward is not None:
        from feedback_store import judgments

        run_records.snapshot(db, lease, [row.id for row in judgments.live(db)])
        reward_models.publish(
            db,
            lease,
            folder=reward,
            base_sha256="a" * 64,
            manifest_sha256="d" * 64,
            metrics={"holdout": {}, "judgments": 12},
        )
    elif policy is not None:
        parent = policies.current(db)
        metrics = {"kl_nats": 1.5, "score": 0.4, "reward_model": "reward-1"}
        policies.publish(
            db,
            lease,
            parent_id=parent.id,
            folder=policy,
            base_sha256="a" * 64,
            manifest_sha256="d" * 64,
            metrics=metrics,
        )
    else:
        runs.succeed(db, lease, {})


def test_a_run_is_queued_with_every_setting_resolved_and_the_studys_values(db):
    studies.change_settings(db, previous_policy_share=0.5)
    run = verbs.start_run(db, "sample", ["pairs=5"])
    assert run.config["pairs"] == 5
    assert run.config["previous_policy_share"] == 0.5
    assert run.config["seed"] == 2001
    assert run.priority > 0


def test_a_policy_run_takes_the_studys_sampling_and_a_seed_of_its_own(db):
    add_base(db)
    judge(db, 1)
    first, second = verbs.train_next_policy(db)
    assert (first.kind, second.kind) == ("train-reward", "train-policy")
    assert second.config["ppo"]["sampling"]["max_new_tokens"] == 16
    assert second.config["reward_model"] is None
    assert first.config["reward"]["seed"] != second.config["ppo"]["seed"]


def test_what_has_nothing_to_work_on_is_refused_in_words(db):
    add_base(db)
    with pytest.raises(Impossible, match="no judgments yet"):
        verbs.start_run(db, "train-reward")
    with pytest.raises(Impossible, match="no reward model yet"):
        verbs.start_run(db, "train-policy")
    assert runs.listing(db) == []


def test_names_that_do_not_exist_are_refused_with_those_that_do(db):
    add_base(db)
    with pytest.raises(InvalidInput, match=r"no policy 'policy-9'.*base"):
        verbs.start_run(db, "evaluate", {"policies": "base,policy-9"})
    with pytest.raises(SettingsError, match=r"no reward model 'reward-9'.*none yet"):
        verbs.start_run(db, "evaluate", {"reward_model": "reward-9"})


def test_a_file_to_score_is_copied_and_its_path_is_not_kept(db, tmp_path):
    add_base(db)
    judge(db, 2)
    finish(db, verbs.start_run(db, "train-reward"), reward="models/reward-1")
    file = tmp_path / "answers.jsonl"
    file.write_text("{}\n")
    run = verbs.start_run(db, "score", {"file": str(file)})
    assert run.config["file"] == "answers.jsonl"
    assert (db.folder / "runs" / str(run.id) / "input.jsonl").read_text() == "{}\n"
    with pytest.raises(SettingsError, match="there is no such file"):
        verbs.start_run(db, "score", {"file": str(tmp_path / "nowhere.jsonl")})


def test_the_queue_is_refilled_once_and_only_where_it_is_wanted(db):
    run = verbs.refill(db)
    assert run is not None
    assert (run.kind, run.config["pairs"]) == ("sample", 25)
    assert verbs.refill(db) is None
    finish(db, run)
    studies.change_settings(db, refill=False)
    assert verbs.refill(db) is None


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_a_sample_run_that_did_not_end_well_is_not_queued_again_by_itself(db, end):
    run = verbs.refill(db)
    if end == "failed":
        runs.fail(db, runs.claim(db, "test", lease_seconds=60), "wrote nothing to compare")
    else:
        runs.cancel(db, run.id)
    assert verbs.refill(db) is None
    again = verbs.start_run(db, "sample")
    finish(db, again)
    assert verbs.refill(db) is not None
    assert run.id < again.id


def test_a_queue_that_lacks_less_than_a_batch_is_left_as_it_is(db):
    studies.change_settings(db, queue_target=10)
    base = add_base(db)
    for i in range(6):
        ids = [write(db, base, 4, f"{i} {side}") for side in "ab"]
        comparisons.add(db, [NewComparison(4, ids)])
    assert verbs.refill(db) is None
    studies.change_settings(db, queue_target=12)
    run = verbs.refill(db)
    assert run is not None
    assert run.config["pairs"] == 6


def test_a_study_without_prompts_is_not_refilled(tmp_path):
    with studies.open_or_create(tmp_path / "empty", base="tiny:", create=True) as db:
        assert verbs.refill(db) is None
        with pytest.raises(Impossible, match="no prompts yet"):
            verbs.start_run(db, "sample")


def test_asking_for_questions_refills_the_queue(db):
    person = annotators.ensure(db, "ann").id
    batch = annotating.next_questions(db, person)
    assert batch.state == "none_yet"
    assert [run.kind for run in runs.active(db)] == ["sample"]


def test_a_new_study_stands_at_its_beginning_and_looking_changes_nothing(db):
    state = verbs.loop_state(db)
    assert (state.round, state.policy, state.reward) == (1, None, None)
    assert (state.prompts.train, state.prompts.holdout) == (5, 3)
    assert (state.next_step.kind, state.next_step.code) == ("wait", "loading")
    assert db.value("SELECT COUNT(*) FROM rounds") == 0


def test_the_loop_is_told_from_judgments_to_the_side_by_side(db):
    add_base(db)
    judge(db, 12)
    state = verbs.loop_state(db)
    assert (state.pairs.judged_total, state.pairs.since_reward) == (12, 12)
    assert state.next_step.kind == "next-policy"

    reward_run, policy_run = verbs.train_next_policy(db)
    assert [row.kind for row in verbs.loop_state(db).active] == ["train-reward", "train-policy"]
    finish(db, reward_run, reward="models/reward-1")
    finish(db, policy_run, policy="models/policy-1")

    state = verbs.loop_state(db)
    assert (state.round, state.policy.name, state.policy.parent) == (2, "policy-1", "base")
    assert (state.reward.name, state.reward.accuracy, state.pairs.since_reward) == ("reward-1", None, 0)
    assert (state.policy_run.kl_nats, state.policy_run.run_id) == (1.5, policy_run.id)
    assert (state.side_by_side.older, state.side_by_side.newer) == ("base", "policy-1")
    judge(db, 3, "bob")
    assert verbs.loop_state(db).pairs.since_reward == 3


def test_a_policy_does_not_train_without_its_reward_and_the_next_step_speaks_of_what_failed(db):
    add_base(db)
    judge(db, 12)
    _, policy_run = verbs.train_next_policy(db)
    runs.fail(db, runs.claim(db, "test", lease_seconds=60), "out of memory")
    assert runs.claim(db, "test", lease_seconds=60) is None
    assert runs.get(db, policy_run.id).status == "cancelled"
    step = verbs.loop_state(db).next_step
    assert (step.kind, step.code) == ("next-policy", "failed")
    assert "out of memory" in step.reason


def test_a_run_is_shown_with_curves_and_the_end_of_its_log(db):
    run = verbs.start_run(db, "sample")
    lease = runs.claim(db, "test", lease_seconds=60)
    for step in (1, 2):
        run_records.add_metrics(db, lease, "steps", step, {"kl_nats": step / 10})
        run_records.log(db, lease, f"step {step}")
    view = run_views.run_view(db, run.id)
    assert view["curves"] == {"kl_nats": [[1, 0.1], [2, 0.2]]}
    assert [line["text"] for line in view["logs"]] == ["step 1", "step 2"]
    assert [line["text"] for line in run_views.run_view(db, run.id, after_log=view["logs"][0]["id"])["logs"]] == [
        "step 2"
    ]


def test_two_policies_are_shown_on_the_held_out_prompts_that_both_answered(db):
    base = add_base(db)
    judge(db, 12)
    for run, folder in zip(verbs.train_next_policy(db), ({"reward": "models/r"}, {"policy": "models/p"}), strict=True):
        finish(db, run, **folder)
    new = policies.by_name(db, "policy-1")
    held_out = [prompt.id for prompt in prompts.listing(db, "holdout")]
    for prompt_id in held_out[:2]:
        write(db, base, prompt_id, f"old {prompt_id}", seed=7)
        write(db, base, prompt_id, "another", seed=8)
        write(db, new, prompt_id, f"new {prompt_id}", seed=7, finish="length")
    shown = verbs.side_by_side(db, "base", "policy-1", limit=1, offset=1)
    assert shown["total"] == 2
    (row,) = shown["rows"]
    assert row["prompt"] == "Prompt 1"
    assert (row["a"]["text"], row["b"]["text"]) == (f"old {held_out[1]}", f"new {held_out[1]}")
    assert (row["a"]["cut_off"], row["b"]["cut_off"]) == (False, True)


def test_people_are_asked_as_the_study_says(db):
    study = studies.change_settings(db, check_share=0.5, repeat_after=4, daily_quota=7, lease_seconds=30)
    asking = annotating.asking(db, study)
    assert (asking.check_share, asking.repeat_share, asking.repeat_after) == (0.5, 0.03, 4)
    assert (asking.daily_quota, asking.prompt_quota, asking.lease_seconds, asking.seed) == (7, None, 30, 2)
    studies.change_settings(db, closed=True)
    assert annotating.next_questions(db, annotators.ensure(db, "ann").id).state == "closed"


def test_a_closed_study_writes_nothing_new_for_who_asks(db):
    studies.change_settings(db, closed=True)
    annotating.next_questions(db, annotators.ensure(db, "ann").id)
    assert verbs.refill(db) is None


def test_what_only_others_can_answer_does_not_keep_the_queue_from_being_filled(db):
    studies.change_settings(db, queue_target=4)
    base = add_base(db)
    ann = annotators.ensure(db, "ann").id
    for i in range(5):
        ids = [write(db, base, 4, f"{i} {side}") for side in "ab"]
        comparison = comparisons.add(db, [NewComparison(4, ids, overlap=3)])[0]
        judgments.submit(db, NewJudgment(comparison, ann, [1, 2], [0, 1], key=f"key-{i}"))
    assert comparisons.counts(db).ready == 5
    assert verbs.refill(db) is None
    assert annotating.next_questions(db, ann).state == "all_done"
    assert [run.kind for run in runs.active(db)] == ["sample"]


def test_a_sample_run_takes_the_studys_overlap(db):
    studies.change_settings(db, overlap=5, overlap_share=0.4)
    config = verbs.start_run(db, "sample").config
    assert (config["overlap"], config["overlap_share"]) == (5, 0.4)
