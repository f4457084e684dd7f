"""Which judgments made a policy, and what a judgment trained."""

from collections.abc import Callable

import pytest

from feedback_store import annotators, policies, provenance, reward_models, runs
from feedback_store.database import Database
from feedback_store.errors import InvalidInput


@pytest.fixture
def lease(based: Database) -> Callable[[str], runs.Lease]:
    def claimed(kind: str) -> runs.Lease:
        runs.enqueue(based, kind, {})
        found = runs.claim(based, "worker", lease_seconds=60)
        assert found is not None
        return found

    return claimed


@pytest.fixture
def loop(based: Database, compare: Callable, judge: Callable, lease: Callable[[str], runs.Lease]) -> Database:
    """Judgments 1, 2 (ann) and 3 (bob), 4 (never seen).

    run 1: reward-1 from 1 and 2 -> run 2: policy-1 on the base; run 3: reward-2 from 2 and 3 -> run 4: policy-2 on
    policy-1, and run 5: policy-3 on the base.
    """
    for number, comparison in enumerate(compare(based, 4)):
        judge(based, comparison, [1, 2], name="ann" if number < 2 else "bob")
    base = policies.current(based)
    assert base is not None
    train_reward(based, lease("train-reward"), [1, 2])
    first = train_policy(based, lease("train-policy"), base, "reward-1")
    train_reward(based, lease("train-reward"), [2, 3])
    train_policy(based, lease("train-policy"), first, "reward-2")
    train_policy(based, lease("train-policy"), base, "reward-2")
    return based


def train_reward(db: Database, lease: runs.Lease, judgment_ids: list[int]) -> None:
    runs.snapshot(db, lease, judgment_ids)
    name = f"models/reward-{reward_models.next_number(db)}"
    reward_models.publish(db, lease, folder=name, base_sha256="a" * 64, manifest_sha256="d" * 64, metrics={})


def train_policy(db: Database, lease: runs.Lease, parent: policies.Policy, reward: str) -> policies.Policy:
    return policies.publish(
        db, lease, parent_id=parent.id, folder=f"models/policy-{policies.next_number(db)}", base_sha256="a" * 64,
        manifest_sha256="d" * 64, metrics={}, result={"parent": parent.name, "reward_model": reward},
    )  # fmt: skip


def test_a_policy_is_made_by_its_line_and_the_rewards_that_paid_it(loop: Database) -> None:
    Origin = provenance.Origin
    assert provenance.origin(loop, "base") == Origin(["base"], [], [], [])
    assert provenance.origin(loop, "policy-1") == Origin(["base", "policy-1"], ["reward-1"], [1, 2], [1, 2])
    whole = Origin(["base", "policy-1", "policy-2"], ["reward-1", "reward-2"], [1, 2, 3, 4], [1, 2, 3])
    assert provenance.origin(loop, "policy-2") == whole
    assert provenance.origin(loop, policies.by_name(loop, "policy-2").id) == whole
    assert provenance.origin(loop, "policy-3") == Origin(["base", "policy-3"], ["reward-2"], [3, 5], [2, 3])


@pytest.mark.parametrize(
    ("judgment", "seen_by", "rewards", "made"),
    [
        (1, [1], ["reward-1"], ["policy-1", "policy-2"]),
        (2, [1, 3], ["reward-1", "reward-2"], ["policy-1", "policy-2", "policy-3"]),
        (3, [3], ["reward-2"], ["policy-2", "policy-3"]),
        (4, [], [], []),
        (99, [], [], []),
    ],
)
def test_a_judgment_trained_what_came_of_the_runs_that_saw_it(
    loop: Database, judgment: int, seen_by: list[int], rewards: list[str], made: list[str]
) -> None:
    assert provenance.trained_by(loop, [judgment]) == provenance.Trained(seen_by, rewards, made)


def test_a_person_trained_what_the_judgments_did(loop: Database) -> None:
    for name, judgment_ids in (("ann", [1, 2]), ("bob", [3, 4])):
        person = annotators.ensure(loop, name).id
        assert provenance.trained_by_person(loop, person) == provenance.trained_by(loop, judgment_ids)


def test_each_question_is_one_query(loop: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    rows = Database.rows
    monkeypatch.setattr(Database, "rows", lambda db, sql, given=(): asked.append(sql) or rows(db, sql, given))
    provenance.origin(loop, 2)
    provenance.trained_by(loop, [1])
    assert len(asked) == 2


def test_an_unknown_policy_is_refused_by_name(loop: Database) -> None:
    with pytest.raises(InvalidInput, match=r"no policy 'policy-9'.*policy-1, policy-2"):
        provenance.origin(loop, "policy-9")
