"""A study in which every figure of the console's Home has a value: judged, trained, and trained again."""

import numpy as np

from feedback_store import (
    annotators,
    comparisons,
    completions,
    judgments,
    policies,
    preferences,
    prompts,
    reward_models,
    runs,
)
from feedback_store.comparisons import NewComparison
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.judgments import NewJudgment
from feedback_store.policies import Policy
from feedback_store.prompts import NewPrompt
from reward_training.human_ceiling import Said, human_ceiling
from reward_training.likelihood import FIRST, SECOND, TIE
from reward_training.metrics import Readings, evaluate
from rounds.loop_state import HOLDOUT_SERIES
from web_studies import claim

RANKS = ([1, 2], [2, 1], [1, 1], [1, 2], [1, 2])
HELD_OUT = 16


def fill(db: Database) -> None:
    """Prompts of both splits, pairs judged by one and by two people, a reward, a policy, and new against old."""
    base = policies.add_base(db, source="tiny:", sha256="a" * 64, tokenizer_sha256="b" * 64, template_sha256="c" * 64)
    _judged(db, [(base, base)] * 9, "train", people=("ann", "bob"))
    _judged(db, [(base, base)] * HELD_OUT, "holdout", people=("ann",))
    _reward(db, base)
    trained = _policy(db, base)
    _judged(db, [(base, trained)] * 7, "train", people=("ann",))
    _judged(db, [(trained, trained)] * 3, "train", people=())


def _judged(db: Database, writers: list[tuple[Policy, Policy]], split: str, people: tuple[str, ...]) -> None:
    known = prompts.count(db)
    new = [NewPrompt(prompts.from_text(f"Question {known + place}?"), split=split) for place in range(len(writers))]
    for place, prompt_id in enumerate(prompts.add(db, new, holdout_share=0.2, seed=0).ids):
        texts = [
            NewCompletion(prompt_id, writer.id, f"Answer {side} to {known + place}." + " more" * side * (place % 3))
            for side, writer in enumerate(writers[place])
        ]
        (pair,) = comparisons.add(
            db, [NewComparison(prompt_id, completions.add(db, texts), overlap=max(1, len(people)))]
        )
        for number, name in enumerate(people):
            ranks = RANKS[(place + number * (place % 2)) % len(RANKS)]
            person = annotators.ensure(db, name).id
            judgments.submit(db, NewJudgment(pair, person, ranks, [0, 1], f"{name}-{pair:06}"))


def _reward(db: Database, base: Policy) -> None:
    """A reward that saw all judgments, with readings of the held-out pairs from which its figures are computed."""
    runs.enqueue(db, "train-reward", {})
    lease = claim(db)
    seen = judgments.live(db)
    runs.snapshot(db, lease, [one.id for one in seen])
    held_out = [one for one in seen if comparisons.get(db, one.comparison_id).split == "holdout"]
    outcomes = ["first" if one.ranks == [1, 2] else "second" if one.ranks == [2, 1] else "tie" for one in held_out]
    draw = np.random.default_rng(3)
    differences = draw.normal(0.4, 1, len(held_out)).round(3)
    lengths = 20.0 + draw.integers(-1, 2, (len(held_out), 2))
    readings = {
        "judgments": [one.id for one in held_out], "outcomes": outcomes,
        "differences": differences.tolist(), "length_differences": (lengths[:, 0] - lengths[:, 1]).tolist(),
    }  # fmt: skip
    runs.add_metrics(db, lease, HOLDOUT_SERIES, 0, readings)
    codes = np.array([{"first": FIRST, "second": SECOND, "tie": TIE}[outcome] for outcome in outcomes])
    groups = [prompts.get(db, comparisons.get(db, one.comparison_id).prompt_id).group for one in held_out]
    reward_models.publish(
        db,
        lease,
        folder="models/reward-1",
        base_sha256="a" * 64,
        manifest_sha256="d" * 64,
        metrics={
            "ceiling": human_ceiling(_said(db, [one.id for one in seen])),
            "holdout": evaluate(Readings(differences, lengths, codes, groups), 0.0),
            "judgments": len(seen),
            "taste": _taste(db, base),
            "taste_policy": base.name,
        },
    )


def _said(db: Database, judgment_ids: list[int]) -> list[Said]:
    return [
        Said(f"{one.comparison_id} {one.first_id}", str(one.prompt_id), str(one.annotator_id), one.outcome == "first")
        for one in preferences.derive(db, judgment_ids)
        if one.outcome != "tie"
    ]


def _taste(db: Database, base: Policy) -> list[dict]:
    chosen = prompts.listing(db, split="holdout")[:3]
    found = []
    for prompt in chosen:
        texts = [
            NewCompletion(prompt.id, base.id, f"Sample {place}.", seed=place, sample_index=place) for place in range(8)
        ]
        ids = completions.add(db, texts)
        found.append({"prompt_id": prompt.id, "scores": {str(one): (one * 7 % 11) / 4 - 1 for one in ids}})
    return found


def _policy(db: Database, base: Policy) -> Policy:
    runs.enqueue(db, "train-policy", {})
    lease = claim(db)
    for step in range(6):
        readings = {"score": step / 4, "kl_nats": step / 3, "length_tokens": 20.0 + step, "entropy_nats": 2 - step / 9}
        runs.add_metrics(db, lease, "steps", step, readings)
    metrics = {**readings, "reward_model": "reward-1", "alarms": ["hacking"]}
    return policies.publish(
        db,
        lease,
        parent_id=base.id,
        folder="models/policy-1",
        base_sha256="a" * 64,
        manifest_sha256="d" * 64,
        metrics=metrics,
    )
