"""The queue of runs: leases, attempts, waiting, retrying, cancelling, fencing, publishing."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from feedback_store import clock, comparisons, completions, policies, prompts, reward_models, rounds, runs
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.errors import Conflict, InvalidInput, LeaseLost
from feedback_store.prompts import NewPrompt

NOW = "2026-11-23T10:00:00.000Z"
REPOSITORY = Path(__file__).parents[2]


def claimed(db: Database, worker: str = "one", now: str = NOW, **fields: Any) -> runs.Lease:
    lease = runs.claim(db, worker, **{"lease_seconds": 30, "now": now, **fields})
    assert lease is not None
    return lease


def publish_policy(db: Database, lease: runs.Lease) -> policies.Policy:
    number = policies.next_number(db, run_id=lease.run_id)
    return policies.publish(
        db, lease, parent_id=policies.by_name(db, "base").id, folder=f"models/policy-{number}", base_sha256="a" * 64,
        manifest_sha256="d" * 64, metrics={"reward": 1.5, "kl": float("nan")},
    )  # fmt: skip


def test_a_run_goes_from_queue_to_success(db: Database) -> None:
    run = runs.enqueue(db, "train-reward", {"epochs": 2}, now=NOW)
    assert (run.status, run.config, run.attempt) == ("queued", {"epochs": 2}, 0)
    lease = claimed(db)
    assert runs.claim(db, "two", lease_seconds=30, now=NOW) is None
    assert runs.heartbeat(db, lease, lease_seconds=30, progress={"step": 3}, now=clock.after(NOW, 20)) == "continue"
    held = runs.get(db, run.id)
    assert (held.status, held.worker, held.attempt, held.progress) == ("running", "one", 1, {"step": 3})
    assert held.lease_expires_at == clock.after(NOW, 50)
    runs.succeed(db, lease, {"accuracy": 0.7})
    ended = runs.get(db, run.id)
    assert (ended.status, ended.result, ended.lease_expires_at) == ("succeeded", {"accuracy": 0.7}, None)
    with pytest.raises(LeaseLost, match="is succeeded"):
        runs.heartbeat(db, lease, lease_seconds=30)


def test_the_highest_priority_comes_first_then_the_oldest(db: Database) -> None:
    ids = [runs.enqueue(db, kind, {}, priority=priority).id for kind, priority in [("a", 0), ("b", 5), ("c", 5)]]
    assert [run.id for run in runs.active(db)] == [ids[1], ids[2], ids[0]]
    assert claimed(db, min_priority=1).run_id == ids[1]
    assert claimed(db, kinds=["a"]).run_id == ids[0]
    assert runs.claim(db, "one", lease_seconds=30, kinds=["a"], now=NOW) is None
    assert claimed(db).run_id == ids[2]


def test_an_expired_lease_is_taken_over_and_the_old_worker_is_fenced_off(db: Database) -> None:
    run = runs.enqueue(db, "train-reward", {})
    old = claimed(db, "old")
    new = claimed(db, "new", now=clock.after(NOW, 30))
    assert new.run_id == run.id
    assert new.token > old.token
    writes: list[Callable[[], object]] = [
        lambda: runs.heartbeat(db, old, lease_seconds=30),
        lambda: runs.succeed(db, old, {}),
        lambda: runs.fail(db, old, "no"),
        lambda: runs.cancelled(db, old),
        lambda: runs.release(db, old),
        lambda: runs.add_metrics(db, old, "train", 1, {"loss": 1.0}),
        lambda: runs.log(db, old, "hello"),
        lambda: runs.snapshot(db, old, []),
        lambda: completions.add(db, [], lease=old),
        lambda: comparisons.add(db, [], lease=old),
    ]
    for write in writes:
        with pytest.raises(LeaseLost, match=r"was leased to new .*old held lease 1"):
            write()
    runs.add_metrics(db, new, "train", 1, {"loss": 2.0})
    assert runs.get(db, run.id).attempt == 2


def test_an_expired_lease_that_nobody_took_is_prolonged_by_its_worker(db: Database) -> None:
    runs.enqueue(db, "train-reward", {})
    lease = claimed(db)
    assert runs.heartbeat(db, lease, lease_seconds=30, now=clock.after(NOW, 90)) == "continue"
    assert runs.claim(db, "two", lease_seconds=30, now=clock.after(NOW, 100)) is None


def test_release_puts_a_run_back_without_counting_the_attempt(db: Database) -> None:
    run = runs.enqueue(db, "train-reward", {})
    runs.release(db, claimed(db))
    assert (runs.get(db, run.id).status, runs.get(db, run.id).attempt) == ("queued", 0)
    assert claimed(db, "two").token == 2


def test_a_run_that_was_asked_to_stop_does_not_go_back_into_the_queue(db: Database) -> None:
    run, waiting = runs.enqueue(db, "train-reward", {}), runs.enqueue(db, "train-policy", {}, needs=[1])
    lease = claimed(db)
    runs.cancel(db, run.id)
    runs.release(db, lease, now=clock.after(NOW, 9))
    ended = runs.get(db, run.id)
    assert (ended.status, ended.seconds_at_work) == ("cancelled", 9)
    assert runs.get(db, waiting.id).status == "cancelled"


def test_the_time_between_attempts_is_nobodys_work(db: Database) -> None:
    run = runs.enqueue(db, "train-reward", {})
    assert runs.get(db, run.id).seconds_at_work is None
    first = claimed(db)
    runs.heartbeat(db, first, lease_seconds=30, now=clock.after(NOW, 20))  # the machine fails after it
    second = claimed(db, "two", now=clock.after(NOW, 7200))
    runs.release(db, second, now=clock.after(NOW, 7210))
    assert runs.get(db, run.id).seconds_at_work == 30
    third = claimed(db, "three", now=clock.after(NOW, 90_000))
    runs.heartbeat(db, third, lease_seconds=30, now=clock.after(NOW, 90_004))
    assert runs.get(db, run.id).seconds_at_work == 34
    runs.succeed(db, third, {}, now=clock.after(NOW, 90_005))
    assert runs.get(db, run.id).seconds_at_work == 35


def test_an_attempt_that_goes_on_after_its_lease_expired_is_one_attempt(db: Database) -> None:
    run = runs.enqueue(db, "train-policy", {})
    lease = claimed(db)
    assert runs.claim(db, "one", lease_seconds=30, kinds=["sample"], now=clock.after(NOW, 60)) is None
    runs.heartbeat(db, lease, lease_seconds=30, now=clock.after(NOW, 90))
    runs.succeed(db, lease, {}, now=clock.after(NOW, 100))
    assert runs.get(db, run.id).seconds_at_work == 100


def test_what_a_machine_sleeps_and_what_else_its_worker_does_is_not_the_time_of_a_run(db: Database) -> None:
    run = runs.enqueue(db, "train-policy", {})
    lease = claimed(db)
    runs.heartbeat(db, lease, lease_seconds=30, now=clock.after(NOW, 20))
    runs.heartbeat(db, lease, lease_seconds=30, slept=True, now=clock.after(NOW, 30_000))
    assert runs.get(db, run.id).seconds_at_work == 20
    runs.pause(db, lease, now=clock.after(NOW, 30_010))
    runs.heartbeat(db, lease, lease_seconds=30, now=clock.after(NOW, 30_050))
    assert runs.get(db, run.id).seconds_at_work == 30
    runs.go_on(db, lease, now=clock.after(NOW, 30_060))
    runs.succeed(db, lease, {}, now=clock.after(NOW, 30_065))
    assert runs.get(db, run.id).seconds_at_work == 35


def test_a_lease_that_is_over_is_renewed_and_nothing_else_is_told(db: Database) -> None:
    run = runs.enqueue(db, "train-policy", {})
    lease = claimed(db)
    before = runs.get(db, run.id)
    runs.renew(db, lease, lease_seconds=30, now=clock.after(NOW, 20))
    assert runs.get(db, run.id) == before, "it has time left"
    runs.renew(db, lease, lease_seconds=30, now=clock.after(NOW, 5000))
    renewed = runs.get(db, run.id)
    assert renewed.lease_expires_at == clock.after(NOW, 5030) and renewed.heartbeat_at == before.heartbeat_at
    runs.heartbeat(db, lease, lease_seconds=30, slept=True, now=clock.after(NOW, 5001))
    assert runs.get(db, run.id).seconds_at_work == 0, "what was slept is known still"


@pytest.mark.parametrize("asked_to_stop", [False, True])
def test_a_run_that_ends_because_its_worker_died_took_no_longer_than_was_heard_of_it(
    db: Database, asked_to_stop: bool
) -> None:
    run = runs.enqueue(db, "train-reward", {}, max_attempts=1)
    lease = claimed(db)
    runs.heartbeat(db, lease, lease_seconds=30, now=clock.after(NOW, 30))
    if asked_to_stop:
        runs.cancel(db, run.id, now=clock.after(NOW, 31))
    assert runs.claim(db, "two", lease_seconds=30, now=clock.after(NOW, 36_000)) is None
    ended = runs.get(db, run.id)
    assert (ended.status, ended.seconds_at_work) == ("cancelled" if asked_to_stop else "failed", 30)


def test_a_run_whose_worker_died_too_often_fails_with_the_likely_reason(db: Database) -> None:
    run = runs.enqueue(db, "train-policy", {}, max_attempts=2)
    claimed(db)
    claimed(db, now=clock.after(NOW, 30))
    assert runs.claim(db, "one", lease_seconds=30, now=clock.after(NOW, 60)) is None
    failed = runs.get(db, run.id)
    assert failed.status == "failed"
    assert failed.error is not None
    assert "died 2 times" in failed.error
    assert "memory" in failed.error


def test_the_last_error_in_the_log_is_the_likely_reason(db: Database) -> None:
    run = runs.enqueue(db, "train-policy", {}, max_attempts=1)
    runs.log(db, claimed(db), "killed, probably out of memory: 11 of 12 GB", level="error")
    runs.claim(db, "one", lease_seconds=30, now=clock.after(NOW, 30))
    assert "Likely reason: killed, probably out of memory: 11 of 12 GB." in (runs.get(db, run.id).error or "")


def test_a_dead_workers_runs_can_be_freed_at_once(db: Database) -> None:
    runs.enqueue(db, "train-policy", {})
    claimed(db, "dead")
    assert runs.expire_leases(db, "dead", now=NOW) == 1
    assert claimed(db, "new").token == 2


def test_a_queued_run_is_cancelled_at_once_and_a_running_one_is_asked(db: Database) -> None:
    first, second = (runs.enqueue(db, "train-policy", {}) for _ in range(2))
    lease = claimed(db)
    assert runs.cancel(db, second.id).status == "cancelled"
    assert runs.cancel(db, first.id).status == "running"
    assert runs.heartbeat(db, lease, lease_seconds=30, now=NOW) == "cancel"
    runs.cancelled(db, lease)
    assert runs.get(db, first.id).status == "cancelled"
    assert runs.cancel(db, first.id).status == "cancelled"


def test_a_cancelled_run_whose_worker_died_ends_as_cancelled(db: Database) -> None:
    run = runs.enqueue(db, "train-policy", {})
    claimed(db)
    runs.cancel(db, run.id)
    assert runs.claim(db, "two", lease_seconds=30, now=clock.after(NOW, 31)) is None
    assert runs.get(db, run.id).status == "cancelled"


def test_a_run_that_ended_cannot_be_cancelled(db: Database) -> None:
    run = runs.enqueue(db, "train-policy", {})
    runs.fail(db, claimed(db), "broken \x00 \ud800")
    assert runs.get(db, run.id).error == "broken \\x00 \\ud800"
    with pytest.raises(InvalidInput, match="has failed already"):
        runs.cancel(db, run.id)
    with pytest.raises(InvalidInput, match="no run 99"):
        runs.cancel(db, 99)


def test_a_run_waits_for_all_that_it_needs(db: Database) -> None:
    first, second = (runs.enqueue(db, kind, {}, now=NOW).id for kind in ("sample", "train-reward"))
    waiting = runs.enqueue(db, "train-policy", {}, needs=[second, first, first], priority=9)
    assert waiting.needs == [first, second]
    for expected in (first, second):
        lease = claimed(db)
        assert lease.run_id == expected
        assert runs.claim(db, "two", lease_seconds=30, kinds=["train-policy"], now=NOW) is None
        runs.succeed(db, lease, {})
    assert claimed(db).run_id == waiting.id


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_what_waits_for_a_run_that_cannot_succeed_is_cancelled_with_words(db: Database, end: str) -> None:
    needed = runs.enqueue(db, "train-reward", {})
    waiting = runs.enqueue(db, "train-policy", {}, needs=[needed.id])
    further = runs.enqueue(db, "evaluate", {}, needs=[waiting.id])
    apart = runs.enqueue(db, "sample", {})
    if end == "failed":
        runs.fail(db, claimed(db), "broken", now=NOW)
    else:
        runs.cancel(db, needed.id, now=NOW)
    ended, last = runs.get(db, waiting.id), runs.get(db, further.id)
    assert (ended.status, ended.ended_at, last.status) == ("cancelled", NOW, "cancelled")
    assert f"Run {needed.id} (train-reward), which this run needs, " in (ended.error or "")
    assert f"Run {waiting.id} (train-policy), which this run needs, was cancelled" in (last.error or "")
    assert runs.get(db, apart.id).status == "queued"
    with pytest.raises(InvalidInput, match=f"Run {needed.id} .* is {end}, so a run that needs it would never start"):
        runs.enqueue(db, "train-policy", {}, needs=[needed.id])


def test_what_waits_is_cancelled_too_where_the_worker_died_or_heeds_the_wish(db: Database) -> None:
    dying = runs.enqueue(db, "train-reward", {}, max_attempts=1)
    stopping = runs.enqueue(db, "train-reward", {})
    waiting = [runs.enqueue(db, "train-policy", {}, needs=[one.id]).id for one in (dying, stopping)]
    claimed(db, "dies")
    lease = claimed(db, "heeds", now=clock.after(NOW, 20))
    runs.cancel(db, stopping.id)
    assert [runs.get(db, one).status for one in waiting] == ["queued", "queued"]
    assert runs.claim(db, "other", lease_seconds=30, now=clock.after(NOW, 31)) is None
    runs.cancelled(db, lease)
    assert [runs.get(db, one).status for one in waiting] == ["cancelled", "cancelled"]


def test_a_run_that_needs_one_that_is_not_there_is_refused(db: Database) -> None:
    with pytest.raises(InvalidInput, match="no run 7"):
        runs.enqueue(db, "train-policy", {}, needs=[7])
    assert runs.listing(db) == []


def test_a_retry_is_a_new_run_of_the_same_config_and_the_old_one_keeps_its_records(db: Database) -> None:
    old = runs.enqueue(db, "train-policy", {"steps": 3}, priority=2, max_attempts=5)
    lease = claimed(db)
    runs.add_metrics(db, lease, "train", 1, {"loss": 2.0})
    runs.log(db, lease, "it broke", level="error")
    runs.fail(db, lease, "broken")
    new = runs.retry(db, old.id)
    assert (new.retries_id, new.status, new.config, new.kind) == (old.id, "queued", old.config, old.kind)
    assert (new.priority, new.max_attempts, new.attempt, new.error) == (2, 5, 0, None)
    assert runs.get(db, old.id).error == "broken"
    assert (len(runs.metrics(db, old.id)), len(runs.logs(db, old.id)), runs.metrics(db, new.id)) == (1, 1, [])


def test_only_what_failed_or_was_cancelled_is_retried_and_only_so_often(db: Database) -> None:
    run = runs.enqueue(db, "train-policy", {})
    with pytest.raises(InvalidInput, match="is queued; only a run that failed"):
        runs.retry(db, run.id)
    ids = [run.id]
    for _ in range(runs.MOST_RETRIES):
        runs.fail(db, claimed(db), "broken")
        ids.append(runs.retry(db, ids[-1]).id)
    with pytest.raises(InvalidInput, match=f"was retried already; the latest retry is run {ids[-1]}"):
        runs.retry(db, ids[0])
    runs.cancel(db, ids[-1])
    with pytest.raises(InvalidInput, match="is retry 3 of 3 of the same work"):
        runs.retry(db, ids[-1])


def test_a_retried_run_needs_what_was_retried_in_the_place_of_what_failed(db: Database) -> None:
    needed = runs.enqueue(db, "train-reward", {})
    waiting = runs.enqueue(db, "train-policy", {}, needs=[needed.id])
    runs.fail(db, claimed(db), "broken")
    with pytest.raises(InvalidInput, match=f"Retry run {needed.id} first"):
        runs.retry(db, waiting.id)
    again = runs.retry(db, needed.id)
    assert runs.retry(db, waiting.id).needs == [again.id]


class _Plans(Database):
    """A study that notes how SQLite reads the runs of each statement."""

    seen: list[str]

    def _note(self, sql: str, parameters: object) -> None:
        if "runs" in sql:
            plan = self.connection().execute(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall()
            self.seen += [row["detail"] for row in plan]

    def rows(self, sql: str, parameters: object = ()) -> list:  # type: ignore[override]
        self._note(sql, parameters)
        return super().rows(sql, parameters)  # type: ignore[arg-type]

    def row(self, sql: str, parameters: object = ()) -> dict | None:  # type: ignore[override]
        self._note(sql, parameters)
        return super().row(sql, parameters)  # type: ignore[arg-type]

    def execute(self, sql: str, parameters: object = ()) -> object:  # type: ignore[override]
        self._note(sql, parameters)
        return super().execute(sql, parameters)  # type: ignore[arg-type]


def test_the_queue_never_reads_all_runs(db: Database) -> None:
    plans = _Plans(db.folder)
    plans.seen = []
    runs.enqueue(plans, "train-policy", {}, needs=[runs.enqueue(plans, "train-reward", {}).id])
    lease = claimed(plans)
    runs.heartbeat(plans, lease, lease_seconds=30)
    runs.log(plans, lease, "going on")
    runs.fail(plans, lease, "broken")
    runs.retry(plans, lease.run_id)
    runs.active(plans)
    runs.expire_leases(plans, "one")
    plans.close()
    scans = {seen for seen in plans.seen if re.match(r"SCAN (runs|r|n|d|run_dependencies)\b", seen)}
    assert scans == {"SCAN runs USING INDEX runs_waiting"}  # only what is queued or running, in the order of the claims
    assert any("SEARCH runs USING INTEGER PRIMARY KEY" in seen for seen in plans.seen)


def test_metrics_of_a_step_are_replaced_and_what_is_not_finite_is_none(db: Database) -> None:
    run = runs.enqueue(db, "train-policy", {})
    lease = claimed(db)
    for loss in (1.0, 2.0):
        runs.add_metrics(db, lease, "train", 1, {"loss": loss, "kl": float("inf")})
    runs.add_metrics(db, lease, "train", 2, {"loss": 1.0, "part.spelling": 0.2})
    runs.add_metrics(db, lease, "train", 2, {"loss": 1.0})
    runs.add_metrics(db, lease, "hold-out", 0, {"accuracy": 0.5})
    assert [(one.series, one.step, one.values) for one in runs.metrics(db, run.id)] == [
        ("hold-out", 0, {"accuracy": 0.5}), ("train", 1, {"loss": 2.0, "kl": None}),
        ("train", 2, {"loss": 1.0, "part.spelling": 0.2}),
    ]  # fmt: skip
    assert len(runs.metrics(db, run.id, "train")) == 2


def test_log_lines_are_read_from_where_one_stopped(db: Database) -> None:
    run = runs.enqueue(db, "train-policy", {})
    lease = claimed(db)
    for text in ("one", "two", "three"):
        runs.log(db, lease, text)
    lines = runs.logs(db, run.id)
    assert [line.text for line in lines] == ["one", "two", "three"]
    assert [line.text for line in runs.logs(db, run.id, after=lines[1].id)] == ["three"]


def test_the_first_snapshot_of_a_run_stays_and_can_be_asked_both_ways(
    db: Database, compare: Callable, judge: Callable
) -> None:
    one, two = (judge(db, comparison, [1, 2]) for comparison in compare(db, 2))
    run = runs.enqueue(db, "train-reward", {})
    lease = claimed(db)
    assert runs.snapshot(db, lease, [one]) == run.id
    runs.snapshot(db, lease, [one, two])
    assert runs.judgments_of(db, run.id) == [one]
    assert (runs.runs_that_saw(db, one), runs.runs_that_saw(db, two)) == ([run.id], [])


def test_publishing_a_policy_ends_the_run_and_opens_the_next_round(based: Database) -> None:
    assert rounds.current(based).number == 1
    run = runs.enqueue(based, "train-policy", {})
    policy = publish_policy(based, claimed(based))
    assert (policy.name, policy.kind, policy.run_id, policy.folder) == (
        "policy-1",
        "trained",
        run.id,
        "models/policy-1",
    )
    assert policy.metrics == {"reward": 1.5, "kl": None}
    assert policies.current(based) == policy
    assert (rounds.current(based).number, rounds.current(based).policy_id) == (2, policy.id)
    ended = runs.get(based, run.id)
    assert ended.status == "succeeded"
    assert ended.result == {"policy_id": policy.id, "policy": "policy-1", "metrics": policy.metrics}


def test_a_policy_that_somebody_chose_while_the_run_was_at_work_stays_current(based: Database) -> None:
    runs.enqueue(based, "train-policy", {})
    first = publish_policy(based, claimed(based))
    base = policies.by_name(based, "base")
    runs.enqueue(based, "train-policy", {})
    lease = claimed(based)
    policies.use(based, base.id, by="Ada")
    second = publish_policy(based, lease)
    assert policies.current(based) == base
    assert rounds.current(based).policy_id == first.id, "no round of a policy that writes nothing"
    result = runs.get(based, lease.run_id).result
    assert result is not None
    assert (result["policy"], result["stays_current"]) == (second.name, "base")
    assert [line.text.partition(":")[0] for line in runs.logs(based, lease.run_id)] == [
        "policy-2 is published, and base stays current"
    ]


def test_what_was_chosen_before_the_run_began_or_by_another_run_does_not_stay(based: Database) -> None:
    runs.enqueue(based, "train-policy", {})
    one = publish_policy(based, claimed(based, now=clock.now()))
    policies.use(based, policies.by_name(based, "base").id, by="Ada", now=clock.after(NOW, -10))
    runs.enqueue(based, "train-policy", {})
    lease = claimed(based)
    policies.use(based, one.id, by="run 1")
    assert policies.current(based) == one
    two = publish_policy(based, lease)
    assert policies.current(based) == two


def test_a_run_that_publishes_again_gets_the_row_that_it_made(based: Database) -> None:
    runs.enqueue(based, "train-policy", {})
    lease = claimed(based)
    policy = publish_policy(based, lease)
    assert publish_policy(based, lease) == policy
    runs.succeed(based, lease, {"samples": 8})
    result = runs.get(based, lease.run_id).result
    assert result is not None
    assert (result["policy"], result["samples"]) == ("policy-1", 8)
    assert policies.next_number(based, run_id=lease.run_id) == 1
    assert policies.next_number(based) == 2
    assert [one.name for one in policies.listing(based)] == ["base", "policy-1"]
    assert rounds.current(based).number == 2


def test_a_worker_that_lost_its_run_publishes_nothing(based: Database) -> None:
    runs.enqueue(based, "train-policy", {})
    old = claimed(based, "old")
    new = claimed(based, "new", now=clock.after(NOW, 31))
    with pytest.raises(LeaseLost):
        publish_policy(based, old)
    assert [one.name for one in policies.listing(based)] == ["base"]
    publish_policy(based, new)
    with pytest.raises(LeaseLost):
        publish_policy(based, old)


STOPPED = """
import sys
from feedback_store import reward_models, runs
from feedback_store.database import Database
from feedback_store.errors import LeaseLost

db = Database.open(sys.argv[1])
lease = runs.claim(db, "stopped", lease_seconds=1)
print("claimed", flush=True)
sys.stdin.readline()
try:
    reward_models.publish(db, lease, folder="models/reward-1", base_sha256="a", manifest_sha256="m", metrics={})
    print("published")
except LeaseLost:
    print("lease lost")
"""


def test_a_worker_stopped_past_its_lease_cannot_publish(db: Database) -> None:
    runs.enqueue(db, "train-reward", {})
    worker = subprocess.Popen(
        [sys.executable, "-c", STOPPED, str(db.folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY,
    )  # fmt: skip
    assert worker.stdout is not None
    assert worker.stdout.readline() == "claimed\n"
    os.kill(worker.pid, signal.SIGSTOP)
    taken = claimed(db, "other", now=clock.after(clock.now(), 2))
    os.kill(worker.pid, signal.SIGCONT)
    assert worker.communicate("go\n")[0] == "lease lost\n"
    model = reward_models.publish(
        db, taken, folder="models/reward-1", base_sha256="a", manifest_sha256="m", metrics={"accuracy": 0.7}
    )
    assert (model.name, reward_models.latest(db)) == ("reward-1", model)
    assert (
        reward_models.publish(db, taken, folder="models/reward-1", base_sha256="a", manifest_sha256="m", metrics={})
        == model
    )
    assert (reward_models.next_number(db), reward_models.next_number(db, taken.run_id)) == (2, 1)


def test_a_study_keeps_its_base(based: Database) -> None:
    again = policies.add_base(
        based, source="tiny:", sha256="a" * 64, tokenizer_sha256="b" * 64, template_sha256="c" * 64
    )
    assert policies.current(based) == again
    with pytest.raises(Conflict, match="A study keeps its base"):
        policies.add_base(based, source="hub:x/y", sha256="f" * 64, tokenizer_sha256="b" * 64, template_sha256="c" * 64)


def test_policies_are_found_by_name_and_a_wrong_name_lists_the_valid_ones(based: Database) -> None:
    policies.external(based, "base")
    assert policies.by_name(based, "base").kind == "base"
    with pytest.raises(InvalidInput, match="Policies of this study: base"):
        policies.by_name(based, "polic-1")
    with pytest.raises(InvalidInput, match="only the author"):
        policies.use(based, policies.external(based, "gpt").id)


def test_completions_drawn_again_keep_their_id(based: Database) -> None:
    prompt_id = prompts.add(based, [NewPrompt(prompts.from_text("Why?"))], holdout_share=0, seed=0).ids[0]
    new = NewCompletion(prompt_id, 1, "Because.", seed=7, sample_index=0, sampling={"temperature": 0.7}, token_count=3)
    [first] = completions.add(based, [new])
    runs.enqueue(based, "sample", {})
    lease = claimed(based)
    assert completions.add(based, [new, NewCompletion(prompt_id, 1, "So.", seed=7, sample_index=1)], lease)[0] == first
    assert [one.text for one in completions.of_run(based, lease.run_id)] == ["So."]
    assert completions.get(based, [first])[0].sampling == {"temperature": 0.7}
    with pytest.raises(InvalidInput, match="NUL"):
        completions.add(based, [NewCompletion(prompt_id, 1, "\x00")])
    with pytest.raises(InvalidInput, match="no completion 99"):
        completions.get(based, [99])


def test_a_comparison_needs_different_completions_of_its_own_prompt(db: Database, compare: Callable) -> None:
    one, two = (comparisons.get(db, item) for item in compare(db, 2))
    for prompt_id, ids, words in [
        (one.prompt_id, [one.completion_ids[0]] * 2, "2 to 9 different"),
        (one.prompt_id, one.completion_ids[:1], "2 to 9 different"),
        (one.prompt_id, two.completion_ids, "belongs to another prompt"),
        (one.prompt_id, [one.completion_ids[0], 99], "no completion 99"),
    ]:
        with pytest.raises(InvalidInput, match=words):
            comparisons.add(db, [comparisons.NewComparison(prompt_id, ids)])
