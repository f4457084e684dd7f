"""Studies for tests of the pages: pairs put into the store directly, without a worker or a model."""

from collections.abc import Sequence
from typing import Any

from feedback_store import (
    annotators,
    comparisons,
    completions,
    judgments,
    policies,
    prompts,
    questions,
    reward_models,
    run_records,
    runs,
)
from feedback_store.comparisons import NewComparison
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.judgments import NewJudgment
from feedback_store.prompts import NewPrompt

HOSTILE = (
    '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script><svg onload="window.hacked=1">'
    "[link](javascript:window.hacked=1) ![image](http://evil.example/x.png) {{window.hacked=1}} ${window.hacked=1}"
    "<iframe src=http://evil.example></iframe><style>*{display:none}</style>"
)
GOOD, LONG = "Short and good.", "Long, winding and less good, and it goes on and on until it"


def fill(db: Database, pairs: int, texts: Sequence[str] = (GOOD, LONG), question: str = "what is best?") -> None:
    """`pairs` comparisons of these completions of the base, each on its own training prompt; the second was cut off."""
    base = policies.add_base(db, source="tiny:", sha256="a" * 64, tokenizer_sha256="b" * 64, template_sha256="c" * 64)
    known = prompts.count(db)
    for prompt_id in _prompts(db, [f"Question {known + n}: {question}" for n in range(pairs)], "train"):
        new = [
            NewCompletion(prompt_id, base.id, text, finish_reason="length" if place == 1 else "stop")
            for place, text in enumerate(texts)
        ]
        comparisons.add(db, [NewComparison(prompt_id, completions.add(db, new))])


def judge_all(db: Database, annotator: str = "local") -> int:
    """The first candidate is preferred in every comparison; returns how many were judged."""
    annotator_id = annotators.ensure(db, annotator).id
    judged = 0
    while found := questions.next_questions(db, annotator_id, limit=10).questions:
        for question in found:
            new = NewJudgment(question.comparison_public_id, annotator_id, [1, 2], question.shown, f"key-{judged:08}")
            judgments.submit(db, new)
            judged += 1
    return judged


def claim(db: Database) -> runs.Lease:
    """What a worker does: the next run."""
    lease = runs.claim(db, "worker", lease_seconds=60)
    assert lease is not None
    return lease


def reward_model(db: Database, lease: runs.Lease | None = None, people: dict[str, Any] | None = None) -> None:
    """A reward model with figures, published by a run that saw all judgments. `people`: what it learned of them."""
    if lease is None:
        runs.enqueue(db, "train-reward", {})
        lease = claim(db)
    run_records.snapshot(db, lease, [row.id for row in judgments.live(db)])
    holdout = {"accuracy": 0.72, "accuracy_low": 0.55, "accuracy_high": 0.88, "decided": 31, "length_baseline": 0.64}
    reward_models.publish(
        db,
        lease,
        folder="models/reward-1",
        base_sha256="a" * 64,
        manifest_sha256="d" * 64,
        metrics={"holdout": holdout, "people": {"people": people or {}}},
    )


def exported_reward(db: Database, form: str = "module") -> str:
    """The name of an export of reward-1 that a run wrote, with a file in a folder and a link out of it."""
    runs.enqueue(db, "reward-export", {"format": form})
    lease = runs.claim(db, "worker", lease_seconds=60, kinds=["reward-export"])
    assert lease is not None
    name = f"reward-1-{form}"
    folder = db.folder / "exports" / name
    (folder / "base").mkdir(parents=True)
    (folder / "README.md").write_text("# reward-1\n", encoding="utf-8")
    (folder / "base" / "config.json").write_text("{}", encoding="utf-8")
    (folder / "out").symlink_to(db.folder / "study.db")
    runs.succeed(db, lease, {"reward_model": "reward-1", "format": form, "folder": f"exports/{name}", "files": []})
    return name


def two_policies(
    db: Database, old: str, new: str, number: int = 3, question: str = "why?", lease: runs.Lease | None = None
) -> None:
    """A trained policy beside the base, with a completion of each on `number` held-out prompts."""
    if lease is None:
        runs.enqueue(db, "train-policy", {})
        lease = claim(db)
    base = policies.base(db)
    assert base is not None
    metrics = {"score": 0.4, "kl_nats": 1.2, "length_tokens": 20.0}
    trained = policies.publish(
        db,
        lease,
        parent_id=base.id,
        folder="models/policy-1",
        base_sha256="a" * 64,
        manifest_sha256="d" * 64,
        metrics=metrics,
    )
    for prompt_id in _prompts(db, [f"Held out {n}: {question}" for n in range(number)], "holdout"):
        for policy, text in ((base, old), (trained, new)):
            completions.add(
                db, [NewCompletion(prompt_id, policy.id, text, finish_reason="length", run_id=lease.run_id)]
            )


def _prompts(db: Database, texts: list[str], split: str) -> list[int]:
    new = [NewPrompt(prompts.from_text(text), split=split) for text in texts]
    return prompts.add(db, new, holdout_share=0.2, seed=0).ids
