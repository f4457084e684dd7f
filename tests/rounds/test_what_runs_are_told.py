"""What a policy run makes of a study where settings meet: references beside judgments, rewards that are not there, a
policy that nothing moved, and warnings that are about training.
"""

import pytest

from feedback_store import policies, run_records, runs
from feedback_store.database import Database
from feedback_store.runs import Run
from rounds import verbs
from rounds.worker import Worker
from tests.rounds.small_study import judge_everything, new_study, start_run

pytestmark = pytest.mark.usefixtures("one_thread")

SAME = "def reward(prompts, completions):\n    return [3.0] * len(completions)\n"
FEW = {"shown_prompts": 0, "shown_times": 0, "reference_samples": 8}
SHORT_DPO = {
    "algorithm": "dpo", "dpo__steps": 2, "dpo__prompts_per_step": 4, "dpo__kl_budget_nats": 100.0,
    "dpo__sampling__max_new_tokens": 12,
}  # fmt: skip


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Judged, on held-out prompts too, without a reward model."""
    db = new_study(tmp_path_factory.mktemp("told") / "study")
    start_run(db, "sample", pairs=12, holdout_questions=0.4)
    worker_of(db).work(until_idle=True)
    judge_everything(db, lambda text: text.count(",") - 0.01 * len(text))
    return db


def worker_of(db: Database) -> Worker:
    functions = db.folder.parent / "own"
    functions.mkdir(exist_ok=True)
    (functions / "same.py").write_text(SAME)
    worker = Worker(db.folder, lease_seconds=60, functions=functions)
    worker.models.register_base()
    return worker


def trained(db: Database, **settings: object) -> Run:
    run = start_run(db, "train-policy", **{**FEW, **settings})
    worker_of(db).work(until_idle=True)
    run = runs.get(db, run.id)
    assert run.status == "succeeded", run.error
    return run


def told(db: Database, run: Run, level: str = "warning") -> list[str]:
    return [line.text for line in run_records.logs(db, run.id) if line.level == level]


def known_answers(db: Database, run: Run) -> list[str]:
    return [words for words in told(db, run, "info") if "have a good answer to be compared with" in words]


def test_good_answers_are_of_held_out_prompts_too_where_a_run_takes_judgments_besides(study: Database):
    beside = {"rewards": ["bleu"], "ppo__steps": 1, "start_policy": "base", "ppo__seed": 4}
    plain = trained(study, **beside)
    imitating = trained(study, **beside, ppo__imitation_coefficient=0.1)
    assert known_answers(study, plain) == known_answers(study, imitating) != []
    judged = trained(study, **SHORT_DPO, rewards=["bleu"], start_policy="base")
    assert known_answers(study, judged) == known_answers(study, plain)
    looks = [
        row.values["held_out"] for row in run_records.metrics(study, judged.id, "steps") if "held_out" in row.values
    ]
    assert looks
    assert all(look != 0 for look in looks), "by a neutral score of all nothing can be chosen"


def test_rewards_that_are_left_out_are_named(study: Database):
    run = trained(study, **SHORT_DPO, rewards=["learned", "length_window"], start_policy="base")
    assert any("no reward is computed at all, length_window neither" in words for words in told(study, run))
    assert not any("no reward is computed" in words for words in told(study, trained(study, **SHORT_DPO)))


@pytest.mark.parametrize(
    "settings",
    [
        {
            "algorithm": "rloo", "rewards": ["own:same"], "rloo__steps": 2, "rloo__kl_coefficient": 0.0,
            "rloo__truncation_penalty": 0.0,
        },
        {
            "rewards": ["length_window"], "ppo__steps": 2, "ppo__truncated": "leave_out",
            "ppo__sampling__max_new_tokens": 1,
        },
    ],
)  # fmt: skip
def test_a_policy_that_no_step_moved_is_no_other_than_its_parent(study: Database, settings: dict[str, object]):
    verbs.use_policy(study, "base", by="test")
    run = trained(study, **settings, start_policy="base")
    assert run.result is not None
    assert (run.result["kept_steps"], run.result["unchanged"]) == (2, True)
    assert policies.is_unchanged(policies.by_name(study, run.result["policy"]).metrics)
    assert any("No step changed a weight: what is published is the same as base" in words for words in told(study, run))
    moved = trained(study, rewards=["length_window"], ppo__steps=1, start_policy="base")
    assert moved.result is not None
    assert not policies.is_unchanged(moved.result)
    assert policies.is_unchanged({"kept_steps": 0}), "a version before told the steps alone"


def test_what_is_published_is_said_without_held_out_prompts_where_none_were_looked_at(study: Database):
    run = trained(
        study, **{**SHORT_DPO, "dpo__kl_budget_nats": 0.5, "dpo__steps": 4, "dpo__learning_rate": 0.03},
        start_policy="base",
    )  # fmt: skip
    said = [words for level in ("info", "warning") for words in told(study, run, level)]
    assert any("within the limits" in words for words in said), said
    assert not any("held-out" in words for words in said)


def test_texts_to_look_at_bring_no_warning_of_training(study: Database):
    run = trained(study, rewards=["bleu"], ppo__steps=1, shown_prompts=2, start_policy="base")
    silent = [words for words in told(study, run) if "bleu said nothing" in words]
    assert any("of 16 completions" in words for words in silent), silent  # those that are trained on
    assert not any("of 2 completions" in words for words in silent)
