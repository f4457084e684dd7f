"""What a run will take is kept when it begins, and a disk that is too small ends it in words before it writes."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from feedback_store import clock, policies, runs
from feedback_store.database import Database
from rounds import environment, estimates, estimating, failures, run_views, verbs
from rounds.settings import parse
from rounds.work import THERE
from rounds.worker import Worker
from tests.rounds.small_study import new_study


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with new_study(tmp_path / "study") as db:
        yield db


def worked(db: Database, monkeypatch: pytest.MonkeyPatch, kind: str = "sample") -> tuple[runs.Run, list[str]]:
    """A run that a worker executed whose kind only says that it began."""
    began: list[str] = []
    module = SimpleNamespace(run=lambda context: began.append(context.run.kind) or {})
    monkeypatch.setattr("rounds.worker.load_kind", lambda _kind: module)
    run = runs.enqueue(db, kind, parse(kind))
    Worker(db.folder, lease_seconds=5).work(until_idle=True)
    return runs.get(db, run.id), began


def test_what_was_predicted_stands_beside_what_it_took(db: Database, monkeypatch: pytest.MonkeyPatch):
    run, began = worked(db, monkeypatch)
    assert (run.status, began) == ("succeeded", ["sample"])
    told = estimating.estimate_run(db, "sample", parse("sample"))
    seen = run_views.run_view(db, run.id)
    assert seen["seconds"] is not None
    assert seen["predicted"]["disk_gb"] == told.disk_gb
    assert seen["predicted"]["seconds_low"] < seen["predicted"]["seconds"] < seen["predicted"]["seconds_high"]
    waiting = runs.enqueue(db, "sample", parse("sample"))
    assert run_views.run_view(db, waiting.id)["predicted"] is None
    assert estimating.against_predicted(db, waiting) == {"seconds": None, "memory_gb": None}
    ended = replace(run, progress={"peak_memory_gb": 1.5 * seen["predicted"]["memory_gb"]})
    took = pytest.approx(seen["seconds"] / seen["predicted"]["seconds"], abs=0.01)
    assert estimating.against_predicted(db, ended) == {"seconds": took, "memory_gb": 1.5}


def test_a_scoring_run_goes_by_the_length_of_its_file(db: Database, tmp_path: Path):
    runs.enqueue(db, "train-reward", {})  # a file can be scored behind it
    short, long = tmp_path / "short.jsonl", tmp_path / "long.jsonl"
    short.write_text("{}\n")
    long.write_text("{}\n" * 100_000)
    estimates_of = [
        estimating.estimate_run(db, "score", parse("score", {"file": str(path)})).seconds for path in (short, long)
    ]
    run = verbs.start_run(db, "score", {"file": str(long)}, priority=9)
    lease = runs.claim(db, "test", lease_seconds=60)
    assert lease is not None
    assert lease.run_id == run.id
    estimating.foresee(db, lease, run.config)
    told = estimating.predicted(db, run.id)
    assert told is not None
    assert told["seconds"] == estimates_of[1] > estimates_of[0]


def test_a_run_that_would_fill_the_disk_fails_in_words_before_it_begins(db: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(total=10**9, used=10**9 - 50, free=50))
    run, began = worked(db, monkeypatch, "train-policy")
    assert (run.status, began) == ("failed", [])
    assert "too little room on the disk: this run writes up to 3 MB" in str(run.error)
    failure = failures.explain(run.error)
    assert failure is not None
    assert failure.cause == "disk"


def test_what_waits_is_promised_its_room(db: Database):
    assert estimating.estimate_run(db, "train-policy", parse("train-policy")).promised_disk_gb == 0
    monkey = parse("train-policy")
    for _ in range(3):
        runs.enqueue(db, "policy-export", {**parse("policy-export"), "format": "merged"})
    # Three merged copies of 200,000 parameters in 32 bits each.
    told = estimating.estimate_run(db, "train-policy", monkey)
    assert told.promised_disk_gb == pytest.approx(3 * 0.0008, abs=5e-4)


def test_a_run_that_starts_from_an_adapter_keeps_one_of_its_rank(db: Database, monkeypatch: pytest.MonkeyPatch):
    policies.add_base(db, source="tiny:", sha256="a", tokenizer_sha256="b", template_sha256="c")
    config = parse("train-policy", {"start_policy": "base"})
    usual = estimating.estimate_run(db, "train-policy", config).kept_gb
    monkeypatch.setattr("rounds.own_lora.of_policy", lambda *_: {"rank": 64, "alpha": 128.0})
    assert estimating.estimate_run(db, "train-policy", config).kept_gb == pytest.approx(4 * usual, rel=0.01)


def test_a_run_that_goes_on_has_only_the_rest_to_do(db: Database, monkeypatch: pytest.MonkeyPatch):
    old = runs.enqueue(db, "train-policy", parse("train-policy"))
    whole = estimating.estimate_run(db, "train-policy", parse("train-policy", {"ppo.steps": 9})).seconds
    monkeypatch.setattr("rounds.resuming.step_of", lambda _db, _run: 6)
    rest = parse("train-policy", {"ppo.steps": 9, "resume_from": old.id})
    three = estimating.estimate_run(db, "train-policy", parse("train-policy", {"ppo.steps": 3})).seconds
    assert estimating.estimate_run(db, "train-policy", rest).seconds == three < whole


def test_texts_that_an_evaluation_drew_before_are_not_counted_again(db: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(estimating, "parameters_of", lambda *_: 135e6)
    policies.add_base(db, source="tiny:", sha256="a", tokenizer_sha256="b", template_sha256="c")
    asked = {"policies": ["base"], "prompts": 4, "likelihoods": False}
    wanted, drawn = (parse("evaluate", {**asked, "samples": samples}) for samples in (4, 2))
    runs.enqueue(db, "evaluate", drawn)
    lease = runs.claim(db, "worker", lease_seconds=60)
    assert lease is not None
    told = {"prompts": 4, "samples": 2, "policies": {"base": {}}}
    runs.succeed(db, lease, told, now=clock.after(clock.now(), 20))
    fresh = estimating.estimate_run(db, "evaluate", {**wanted, "seed": 7})
    half = estimating.estimate_run(db, "evaluate", wanted)

    def rough(there: int) -> float:
        return estimates.rough_seconds("evaluate", {**wanted, THERE: there}, estimating.facts(db), 0)

    assert half.seconds / fresh.seconds == pytest.approx(rough(8) / rough(0), rel=0.02)
    assert half.seconds < fresh.seconds


def test_an_estimate_goes_by_runs_of_the_same_algorithm_where_there_are_some(db: Database):
    def ended(algorithm: str) -> int:
        run = runs.enqueue(db, "train-policy", parse("train-policy", {"algorithm": algorithm}))
        lease = runs.claim(db, "worker", lease_seconds=60, now="2026-11-23T10:00:00.000Z")
        assert lease is not None
        runs.succeed(db, lease, {}, now="2026-11-23T10:01:40.000Z")
        return run.id

    first = ended("rloo")
    others = [ended("dpo") for _ in range(estimates.LATEST + 1)]
    assert estimating.estimate_run(db, "train-policy", parse("train-policy", {"algorithm": "rloo"})).runs == [first]
    by_others = estimating.estimate_run(db, "train-policy", parse("train-policy", {"algorithm": "grpo"})).runs
    assert by_others == others[: -estimates.LATEST - 1 : -1]


def test_a_run_that_trained_straight_on_judgments_is_held_against_as_many_as_it_read(
    db: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(estimating, "parameters_of", lambda *_: 135e6)
    monkeypatch.setattr(runs, "judgments_of", lambda *_: list(range(50)))
    config, facts = parse("train-policy", {"algorithm": "dpo"}), replace(estimating.facts(db), judgments=50)
    monkeypatch.setattr(estimating, "facts", lambda _: facts)
    rough = estimates.rough_seconds("train-policy", config, facts, 50)
    runs.enqueue(db, "train-policy", config)
    lease = runs.claim(db, "worker", lease_seconds=60, now="2026-11-23T10:00:00.000Z")
    assert lease is not None
    for step in range(config["dpo"]["steps"] + 1):
        runs.add_metrics(db, lease, "steps", step, {"kl_nats": 0.0})
    runs.succeed(db, lease, {}, now=clock.after("2026-11-23T10:00:00.000Z", round(rough)))
    assert estimating.estimate_run(db, "train-policy", config).seconds == pytest.approx(rough, rel=0.02)


def test_a_run_that_computed_layers_again_by_itself_is_reckoned_so(db: Database):
    config = parse("train-policy", {"ppo.prompts_per_step": 64, "ppo.tokens_per_batch": 50_000})
    assert config["compute"]["gradient_checkpointing"] == "auto"
    rough = {
        again: estimates.rough_memory_gb(
            "train-policy", {**config, "compute": {"gradient_checkpointing": again}}, estimating.facts(db)
        )
        for again in ("on", "off")
    }
    assert rough["on"] < 0.9 * rough["off"]
    run = runs.enqueue(db, "train-policy", config)
    lease = runs.claim(db, "worker", lease_seconds=60, now="2026-11-23T10:00:00.000Z")
    assert lease is not None
    environment.keep(db, lease, {"gradient_checkpointing": True, "compile": False})
    runs.keep_progress(db, lease, {"peak_memory_gb": rough["on"]})
    runs.succeed(db, lease, {}, now="2026-11-23T10:01:40.000Z")
    found = estimating.estimate_run(db, "train-policy", {**config, "compute": {"gradient_checkpointing": "on"}})
    assert found.runs == [run.id]
    assert found.memory_gb == pytest.approx(rough["on"], abs=0.01)
