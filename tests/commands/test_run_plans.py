"""`run --preset --dry-run`, `retry`, and what `runs --json` tells."""

import json
import shlex
import sys
from dataclasses import replace

import pytest

from feedback_store import reward_models, runs
from feedback_store.database import Database
from rounds import run_alarms, supervisor, verbs
from ui.commands.output import as_text
from ui.commands.runs import how_far, print_result
from ui.commands.waiting import left_words


def failed(study, error: str = "NonFiniteLoss: loss was not finite") -> int:
    with Database.open(study) as db:
        run = runs.listing(db, limit=1)[0]
        lease = runs.claim(db, "worker", lease_seconds=60)
        assert lease is not None
        runs.fail(db, lease, error)
    return run.id


def test_a_dry_run_prints_settings_estimate_and_command_and_starts_nothing(tastemaker, study):
    told = tastemaker("run", study, "sample", "--preset", "quick", "--set", "candidates=3", "--dry-run").out
    lines = told.splitlines()
    assert ["pairs", "6"] in [line.split() for line in lines]
    assert ["candidates", "3"] in [line.split() for line in lines]
    assert any(line.startswith("Takes about ") and "rough" in line for line in lines)
    assert any(line.startswith("Memory about ") and "of which" in line for line in lines)
    assert any(line.startswith("Free on the disk: ") for line in lines)
    assert lines[-1] == f"tastemaker run {study} sample --set pairs=6 --set candidates=3"
    assert tastemaker("runs", study, "--json").json == []
    made = tastemaker("run", study, "sample", "--preset", "quick", "--dry-run", "--json").json
    assert made["changed"] == {"pairs": 6}
    assert made["settings"]["pairs"] == 6
    assert made["estimate"]["seconds"] > 0


def test_a_dry_run_shows_small_settings_as_they_are_typed(tastemaker, study):
    rewards = 'rewards=[{"function": "length_window"}]'
    told = tastemaker("run", study, "train-policy", "--set", "algorithm=rloo", "--set", rewards, "--dry-run").out
    values = dict(line.split(None, 1) for line in told.splitlines() if line.startswith(("rloo.", "rewards")))
    assert values["rloo.learning_rate"] == "0.0005"
    [part] = json.loads(values["rewards"])
    assert (part["function"], part["weight"], part["settings"]["longest"]) == ("length_window", 1.0, 60)


def test_a_wait_for_a_worker_that_does_not_come_up_ends_with_its_words(tastemaker, study, monkeypatch):
    ends = [sys.executable, "-c", "import sys; sys.exit('worker: there is no model in models/gone')"]
    monkeypatch.setattr(supervisor, "worker_command", lambda *_args, **_given: ends)
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_SECONDS", 0.3)
    ended = tastemaker("run", study, "sample", "--wait")
    assert ended.code == 1
    assert "No worker comes up for run 1 (sample), which stays in the queue" in ended.err
    assert "worker: there is no model in models/gone" in ended.err
    assert [run["status"] for run in tastemaker("runs", study, "--json").json] == ["queued"]


def test_a_wait_outlives_another_run_that_kills_the_worker(tastemaker, study, monkeypatch):
    with Database.open(study) as db:
        first = runs.enqueue(db, "sample", {}, priority=99)
    script = (
        "import sys\nfrom feedback_store import runs\nfrom feedback_store.database import Database\n"
        f"with Database.open({str(study)!r}) as db:\n"
        "    lease = runs.claim(db, 'w', lease_seconds=0.01)\n"
        f"    if lease is None: sys.exit('none')\n"
        f"    if lease.run_id == {first.id}: sys.exit('out of memory')\n"
        "    runs.succeed(db, lease, {})\n"
    )
    monkeypatch.setattr(supervisor, "worker_command", lambda *_args, **_given: [sys.executable, "-c", script])
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE_SECONDS", 0.1)
    ended = tastemaker("run", study, "sample", "--wait")
    assert ended.code == 0, ended.err
    statuses = {run["id"]: run["status"] for run in tastemaker("runs", study, "--json").json}
    assert statuses == {first.id: "failed", first.id + 1: "succeeded"}


def test_a_run_that_has_ended_shows_how_long_it_took_and_what_its_policy_came_to(tastemaker, study, capsys):
    with Database.open(study) as db:
        run = runs.enqueue(db, "sample", {})
        lease = runs.claim(db, "worker", lease_seconds=60, now="2026-11-23T10:00:00.000Z")
        assert lease is not None
        progress = {"phase": "sampling", "step": 8, "steps": 9, "seconds_left": 3.0}
        runs.heartbeat(db, lease, lease_seconds=60, progress=progress)
        assert "sampling 8/9 3 s left" in tastemaker("runs", study).out
        runs.succeed(db, lease, {}, now="2026-11-23T10:01:40.000Z")
        assert run.id == lease.run_id
    listed = tastemaker("runs", study).out
    assert "took 100 s" in listed and "s left" not in listed
    capsys.readouterr()
    print_result({"comparisons": 4, "cut_off": 3})
    assert capsys.readouterr().out.split() == ["comparisons", "4", "cut_off", "3"]
    figures = {"score": 1.25, "kl_nats": 0.5, "held_out": None, "length_tokens": 12.0}
    print_result({"policy": "policy-1", "metrics": figures, "shown_prompts": [1]})
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["policy", "policy-1"], ["score", "1.250"], ["kl_nats", "0.500"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "words"), [(0.0, "0.000"), (0.5, "0.500"), (-0.25, "-0.250"), (0.0005, "0.0005"), (0.00123, "0.0012")]
)
def test_small_figures_do_not_turn_into_nothing(value, words):
    assert as_text(value) == words


def test_the_command_of_a_dry_run_starts_what_it_told(tastemaker, study):
    told = tastemaker("run", study, "sample", "--preset", "thorough", "--dry-run", "--json").json
    started = tastemaker(*shlex.split(told["command"])[1:], "--json").json
    assert started["config"] == told["settings"]


def test_a_preset_that_is_none_is_answered_with_those_there_are(refused, study):
    assert "quick, normal, thorough" in refused("run", study, "sample", "--preset", "huge")
    assert "no reward model" in refused("run", study, "train-policy", "--dry-run")


def test_a_failed_run_is_retried_and_listed_with_its_cause(tastemaker, refused, study):
    tastemaker("run", study, "sample", "--set", "pairs=5")
    number = failed(study)
    [listed] = tastemaker("runs", study, "--json").json
    assert listed["failure"]["cause"] == "not_finite"
    assert (listed["config"]["pairs"], listed["published"], listed["needs"]) == (5, None, [])
    assert listed["predicted"] is None  # no worker began it
    assert listed["seconds"] >= 0
    said = refused("retry", study, number, "--from-checkpoint")
    assert "of all kinds only train-policy can, others take minutes" in said
    assert f"Start it anew: tastemaker retry STUDY {number}" in said
    again = tastemaker("retry", study, number, "--json").json
    assert (again["retries_id"], again["config"]["pairs"], again["status"]) == (number, 5, "queued")
    assert f"latest retry is run {again['id']}" in refused("retry", study, number)
    assert "There is no run 99" in refused("retry", study, 99)


def test_alarms_of_a_run_are_told_with_its_end_and_in_the_list(tastemaker, study, monkeypatch):
    def see_through(db, run, **_):
        lease = runs.claim(db, "worker", lease_seconds=60)
        runs.add_metrics(db, lease, run_alarms.ALARMS, 3, {"entropy": 0.125, "entropy.limit": 0.3})
        runs.add_metrics(db, lease, "predicted", 0, {"seconds": 262.4, "memory_gb": 2.0})
        runs.succeed(db, lease, {"policy": "policy-1", "alarms": ["entropy"]})
        return runs.get(db, run.id)

    monkeypatch.setattr("ui.commands.waiting.see_through", see_through)
    told = tastemaker("run", study, "train-policy", "--set", "rewards=novelty", "--wait")
    assert told.code == 0
    assert "Alarm at step 3: entropy 0.125, limit 0.300." in told.err
    assert "Look at the texts of the policy before you use it." in told.err
    assert "(train-policy) succeeded, took 0 s (262 s expected)." in told.out
    listed = tastemaker("runs", study).out
    assert "succeeded, alarm: entropy" in listed
    assert "took 0 s (262 s expected)" in " ".join(listed.split())


def test_curves_of_runs_are_a_table_in_the_order_asked_for(tastemaker, study, refused):
    with Database.open(study) as db:
        for score, more in ((0.25, {}), (1.5, {"entropy_nats": None})):
            run = verbs.start_run(db, "train-policy", {"rewards": "novelty"})
            lease = runs.claim(db, "worker", lease_seconds=60)
            for step in (0, 1):
                runs.add_metrics(db, lease, "steps", step, {"score": score + step, **more})
            runs.succeed(db, lease, {})
        without = verbs.start_run(db, "sample", {"pairs": 2})
    told = tastemaker("curves", study, run.id, run.id - 1, run.id)
    assert told.out.splitlines() == [
        "run,step,score,entropy_nats",
        f"{run.id},0,1.5,",
        f"{run.id},1,2.5,",
        f"{run.id - 1},0,0.25,",
        f"{run.id - 1},1,1.25,",
    ]
    assert tastemaker("curves", study, run.id, "--json").json[1] == {
        "run": run.id, "step": 1, "score": 2.5, "entropy_nats": None
    }  # fmt: skip
    assert "There is no run 99" in refused("curves", study, 99)
    assert tastemaker("curves", study, without.id).out == "run,step\n"


def test_a_policy_that_is_no_other_than_its_start_is_told_and_what_stays_current(tastemaker, study, monkeypatch):
    result = {"policy": "policy-9", "parent": "base", "kept_steps": 0, "stays_current": "policy-8"}

    def see_through(db, run, **_):
        runs.succeed(db, runs.claim(db, "worker", lease_seconds=60), result)
        return runs.get(db, run.id)

    monkeypatch.setattr("ui.commands.waiting.see_through", see_through)
    told = tastemaker("run", study, "train-policy", "--set", "rewards=novelty", "--wait")
    assert "policy-9 is no other than base, which the run started from" in told.err
    assert "policy-8 stays current." in told.err
    result |= {"kept_steps": 2}
    told = tastemaker("run", study, "train-policy", "--set", "rewards=novelty", "--wait")
    assert "no other than" not in told.err


def test_a_combination_of_heads_that_the_reward_lacks_is_refused_before_the_run(tastemaker, study, refused):
    with Database.open(study) as db:
        for members in (5, 0):
            run = runs.enqueue(db, "train-reward", {"reward": {"ensemble": {"members": members}}})
            lease = runs.claim(db, "worker", lease_seconds=60)
            while lease.run_id != run.id:
                runs.succeed(db, lease, {})
                lease = runs.claim(db, "worker", lease_seconds=60)
            hashes = {"base_sha256": "a", "manifest_sha256": "m"}
            reward_models.publish(db, lease, folder=f"models/reward-{members}", metrics={}, **hashes)
    asked = ("run", study, "train-policy", "--dry-run", "--set", "reward_combination=worst")
    assert "reward_combination = 'worst' is not allowed: reward-2 was trained without further heads" in refused(*asked)
    assert tastemaker(*asked, "--set", "reward_model=reward-1").code == 0


def test_a_run_that_nobody_waits_for_any_more_says_what_becomes_of_it(study):
    with Database.open(study) as db:
        run = verbs.start_run(db, "train-policy", {"rewards": "novelty"})
        waits = left_words(study, replace(run, status="running"), others=False)
        assert f"waits in the queue: the next worker takes it up (`tastemaker worker {study} --until-idle`)" in waits
        assert f"`tastemaker cancel {study} {run.id}` ends it." in waits
        assert "is for the worker that is at work" in left_words(study, run, others=True)
        assert left_words(study, replace(run, status="failed"), others=False) == f"Run {run.id} (train-policy) failed."


def test_a_run_that_waits_promises_no_time_and_one_that_is_cancelled_says_until_when_it_can_be_gone_on_from(
    tastemaker, study
):
    with Database.open(study) as db:
        run = verbs.start_run(db, "train-policy", {"rewards": "novelty"})
        lease = runs.claim(db, "worker", lease_seconds=60)
        while lease.run_id != run.id:
            runs.succeed(db, lease, {})
            lease = runs.claim(db, "worker", lease_seconds=60)
        runs.heartbeat(
            db, lease, lease_seconds=60, progress={"phase": "p", "step": 3, "steps": 9, "seconds_left": 41.0}
        )
        assert how_far(db, runs.get(db, run.id)) == "p 3/9 41 s left"
        runs.release(db, lease)
        assert how_far(db, runs.get(db, run.id)) == "p 3/9"
    told = tastemaker("cancel", study, run.id).out
    assert (
        f"Until a later policy run has succeeded `tastemaker retry {study} {run.id} --from-checkpoint` goes on" in told
    )


def test_a_head_that_is_still_to_be_trained_is_not_asked_of_the_one_that_is_there(tastemaker, study, refused):
    with Database.open(study) as db:
        run = runs.enqueue(db, "train-reward", {"reward": {"ensemble": {"members": 0}}})
        lease = runs.claim(db, "worker", lease_seconds=60)
        while lease.run_id != run.id:
            runs.succeed(db, lease, {})
            lease = runs.claim(db, "worker", lease_seconds=60)
        reward_models.publish(db, lease, folder="models/reward-1", metrics={}, base_sha256="a", manifest_sha256="m")
        asked = ("run", study, "train-policy", "--dry-run", "--set", "reward_combination=worst")
        assert "reward-1 was trained without further heads" in refused(*asked)
        runs.enqueue(db, "train-reward", {"reward": {"ensemble": {"members": 5}}})
        assert tastemaker(*asked).code == 0
        assert "reward-1 was trained without" in refused(*asked, "--set", "reward_model=reward-1")
        last = runs.enqueue(db, "train-reward", {"reward": {"ensemble": {"members": 0}}})
        assert f"run {last.id} (train-reward) trains it without further heads" in refused(*asked)
