"""A policy that is no other than its parent does not take the place of one that the study has moved on to."""

from feedback_store import policies, rounds, runs
from feedback_store.database import Database


def published(db: Database, parent: str, *, unchanged: bool) -> policies.Policy:
    runs.enqueue(db, "train-policy", {})
    lease = runs.claim(db, "one", lease_seconds=60)
    assert lease is not None
    hashes = {"base_sha256": "a" * 64, "manifest_sha256": "d" * 64}
    folder = f"models/policy-{policies.next_number(db, run_id=lease.run_id)}"
    return policies.publish(
        db, lease, parent_id=policies.by_name(db, parent).id, folder=folder, metrics={}, unchanged=unchanged, **hashes
    )


def test_it_is_published_and_a_newer_one_stays_current(based: Database) -> None:
    first = published(based, "base", unchanged=False)
    same = published(based, "base", unchanged=True)
    assert policies.current(based) == first
    assert rounds.current(based).policy_id == first.id
    result = runs.get(based, same.run_id or 0).result
    assert result is not None and (result["policy"], result["stays_current"]) == ("policy-2", "policy-1")
    [line] = [line.text for line in runs.logs(based, same.run_id or 0)]
    assert line.startswith("policy-2 is published, and policy-1 stays current: the new one is no other than base.")


def test_where_its_parent_is_current_it_takes_its_place(based: Database) -> None:
    same = published(based, "base", unchanged=True)
    assert policies.current(based) == same
    result = runs.get(based, same.run_id or 0).result
    assert result is not None and "stays_current" not in result
