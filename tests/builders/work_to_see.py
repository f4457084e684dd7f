"""Runs and blind evaluations in the states in which people look at them, made without a worker or a model."""

from collections.abc import Sequence

import evaluation_studies
from feedback_store import annotators, comparisons, evaluations, judgments, prompts, run_records, runs
from feedback_store.database import Database
from feedback_store.judgments import NewJudgment
from rounds import evaluating, resuming, shown_samples, verbs
from rounds.beginnings import Beginning
from rounds.settings import parse
from rounds.shown_samples import ShownSample

DAY = 86400.0
TEXTS = (
    "It is light, and rain.",
    "Rain bends light, so you see its colours.",
    "Each drop splits the light of the sun.",
)


def fill(db: Database) -> dict[str, str]:
    """Everything there is to see; the address of each by a name of it."""
    failed, running, reward = _policy_run(db, 4), _policy_run(db, 7), _lease(db, "train-reward")
    runs.fail(db, failed, "out of memory: 11.2 of 12.0 GB of memory in use")
    runs.fail(db, reward, "1 decided judgments on training prompts: at least 2 are needed")
    return {
        "run-running": f"/runs#{running.run_id}",
        "run-failed": f"/runs#{failed.run_id}",
        "run-anew": f"/runs#{reward.run_id}",
        "runs-compared": f"/runs#compare={failed.run_id},{running.run_id}",
        **{f"evaluation-{name}": f"/policies#evaluations/{number}" for name, number in _evaluations(db).items()},
    }


def _lease(db: Database, kind: str) -> runs.Lease:
    run = runs.enqueue(db, kind, parse(kind, {"ppo.steps": 9} if kind == "train-policy" else {}))
    lease = runs.claim(db, "worker", lease_seconds=DAY, kinds=[kind])
    assert lease is not None and lease.run_id == run.id
    return lease


def _policy_run(db: Database, steps: int) -> runs.Lease:
    """A policy run at work with curves, samples, a log and a checkpoint."""
    lease = _lease(db, "train-policy")
    folder = resuming.run_folder(db.folder, lease.run_id)
    checkpoint = folder / resuming.CHECKPOINTS / f"step-{steps:06d}"
    checkpoint.mkdir(parents=True)
    (checkpoint / "manifest.json").write_text("{}")
    Beginning("base", "reward-1").write(folder)
    told = {"seconds": 340.0, "seconds_low": 200.0, "seconds_high": 700.0, "memory_gb": 2.1, "disk_gb": 0.3, "runs": []}
    run_records.add_metrics(db, lease, "predicted", 0, told)
    computed_on = {"python": "3.11.7", "torch": "2.13.0", "threads": 2, "device": "cpu", "precision": "fp32"}
    run_records.add_metrics(db, lease, "environment", 0, {**computed_on, "gradient_checkpointing": False})
    for step in range(steps):
        kl = 0.12 * step**1.5
        score, loss = 0.3 * step**0.6, 0.5 / (1 + step)
        values = {"score": score, "reward": score - 0.09 * kl, "kl_nats": kl, "length_tokens": 30.0 + step}
        values |= {"entropy_nats": 1.9 - step / 20, "clip_fraction": 0.02 * step, "value_loss": loss}
        values |= {"held_out": 0.2 * step**0.5 - 0.02 * step} if step % 2 == 0 else {}
        run_records.add_metrics(db, lease, "steps", step, values)
        run_records.log(db, lease, f"Step {step} is done.")
    held_out = prompts.listing(db, "holdout")[:3]
    for step, text in zip((0, 3, 6), TEXTS, strict=True):
        if step < steps:
            shown_samples.add(folder, [ShownSample(step, one.id, text, step == 0, 12, step / 9) for one in held_out])
    progress = {"phase": "improving the policy", "step": steps, "steps": 9, "seconds_left": 95.0, "peak_memory_gb": 2.4}
    runs.heartbeat(db, lease, lease_seconds=DAY, progress=progress)
    return lease


def _evaluations(db: Database) -> dict[str, int]:
    """Blind evaluations by state: their numbers."""
    sealed, used_up, ended = (
        evaluation_studies.start(db, wanted=wanted, pairs=pairs) for wanted, pairs in ((12, 10), (12, 6), (8, 10))
    )
    for one, number in ((sealed, 5), (used_up, 6), (ended, 8)):
        _judge(db, one.id, number, strengths=(1, 2, 3))
    found = {"sealed": sealed.id, "used-up": used_up.id, "ended": ended.id}
    for name in ("sampling", "failed"):
        run = verbs.start_run(db, "evaluate", {"blind.judgments": 12}, by="annotator 1")
        lease = runs.claim(db, "worker", lease_seconds=DAY, kinds=["evaluate"])
        assert lease is not None
        found[name] = evaluations.of_run(db, run.id).id
        if name == "failed":
            runs.fail(db, lease, "out of memory: 11.2 of 12.0 GB of memory in use")
    return found


def _judge(db: Database, evaluation: int, number: int, strengths: Sequence[int]) -> None:
    """Judge the first pairs of an evaluation: two of three for the newer policy."""
    person = annotators.ensure(db, "ann").id
    rows = db.rows(
        "SELECT comparison_id FROM evaluation_pairs WHERE evaluation_id = ? ORDER BY 1 LIMIT ?", [evaluation, number]
    )
    for place, row in enumerate(rows):
        pair = comparisons.get(db, row["comparison_id"])
        ranks = [1, 2] if place % 3 else [2, 1]
        key = f"to-see-{pair.id}"
        strength = strengths[place % len(strengths)]
        judgments.submit(db, NewJudgment(pair.public_id, person, ranks, [0, 1], key, strength=strength))
        evaluating.after_answer(db, pair.id)
