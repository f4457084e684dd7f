"""Studies with two policies and blind evaluations of them, made without a worker or a model."""

import json
from pathlib import Path

from feedback_store import annotators, comparisons, completions, evaluations, policies, prompts, reward_models, runs
from feedback_store.comparisons import PRIORITY_OF_EVALUATIONS, NewComparison
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.evaluations import Evaluation
from feedback_store.judgments import NewJudgment
from feedback_store.prompts import NewPrompt
from feedback_store.runs import Run
from rounds import annotating, studies, verbs
from web_studies import claim


def make(folder: Path) -> Database:
    """A study with the base, policy-1 trained from it, and held-out prompts; nothing to judge yet."""
    db = studies.open_or_create(
        folder, base="tiny:", create=True, refill=False, check_share=0.0, repeat_share=0.0, overlap_share=0.0
    )
    fill(db)
    return db


def fill(db: Database) -> None:
    """Base, policy-1 and held-out prompts, in two languages and with tags."""
    if policies.base(db) is None:
        policies.add_base(db, source="tiny:", sha256="a" * 64, tokenizer_sha256="b" * 64, template_sha256="c" * 64)
    runs.enqueue(db, "train-policy", {})
    metrics = {"score": 0.4, "kl_nats": 1.2, "length_tokens": 20.0, "reward_model": "reward-1"}
    hashes = {"base_sha256": "a" * 64, "manifest_sha256": "d" * 64}
    policies.publish(db, claim(db), parent_id=1, folder="models/policy-1", metrics=metrics, **hashes)
    new = [
        NewPrompt(
            prompts.from_text(f"Held out {n}: what is best?"),
            split="holdout",
            language="en" if n % 3 else "zh",
            tags=["short"] if n % 2 else [],
        )
        for n in range(8)
    ]
    prompts.add(db, new, holdout_share=0.2, seed=0)


def start(
    db: Database,
    *,
    wanted: int,
    pairs: int,
    stop_rule: str = "count",
    best_of: bool = False,
    swapped: bool = False,
    texts: tuple[str, str] = ("a text of base", "the longer text of policy-1"),
) -> Evaluation:
    """A sealed evaluation whose run is done; with `swapped` each policy has the other's texts."""
    settings: dict[str, object] = {"blind.judgments": wanted, "blind.stop_rule": stop_rule}
    if best_of:
        settings |= {"blind.best_of": "base", "blind.best_of_texts": 2}
    run = verbs.start_run(db, "evaluate", settings, by="annotator 1")
    lease = runs.claim(db, "worker", lease_seconds=60, kinds=["evaluate"])
    assert lease is not None and lease.run_id == run.id
    evaluation = evaluations.of_run(db, run.id)
    sides = len(evaluation.sides)
    held = prompts.listing(db, "holdout")
    made = []
    for number in range(pairs):
        order = [(number % sides, (number + 1) % sides), ((number + 1) % sides, number % sides)][number % 2]
        prompt = held[number % len(held)].id
        if swapped:
            order = (1 - order[0], 1 - order[1])
        written = []
        for place, side in enumerate(order):
            says = texts[min(1 - side if swapped else side, 1)]
            written.append(
                NewCompletion(
                    prompt, evaluation.sides[side].policy_id, f"{number}: {says}", seed=run.id * 1000 + number,
                    sample_index=place, finish_reason="stop",
                )
            )  # fmt: skip
        ids = completions.add(db, written, lease=lease)
        new = NewComparison(prompt, ids, purpose="evaluation", chosen_by="evaluation", priority=PRIORITY_OF_EVALUATIONS)
        made.append((*order, new))
    evaluations.add_pairs(db, lease, evaluation.id, made)
    runs.succeed(db, lease, {"blind": {"evaluation": evaluation.id, "comparisons": pairs}, "policies": {}})
    assert comparisons.count_by_prompt(db)
    return evaluations.get(db, evaluation.id)


def evaluated(db: Database, rewards: dict[str, float], split: str = "holdout") -> Run:
    """An evaluate run whose texts got these rewards by policy."""
    if reward_models.latest(db) is None:
        runs.enqueue(db, "train-reward", {})
        lease = runs.claim(db, "worker", lease_seconds=60, kinds=["train-reward"])
        assert lease is not None
        hashes = {"base_sha256": "a" * 64, "manifest_sha256": "d" * 64}
        reward_models.publish(db, lease, folder="models/reward-1", metrics={}, **hashes)
    run = verbs.start_run(db, "evaluate", {"split": split})
    lease = runs.claim(db, "worker", lease_seconds=60, kinds=["evaluate"])
    assert lease is not None and lease.run_id == run.id
    lines = []
    for prompt in prompts.listing(db, split)[:4]:
        for name, reward in rewards.items():
            new = NewCompletion(prompt.id, policies.by_name(db, name).id, f"{name} on {prompt.id}", 0, run.id)
            [one] = completions.add(db, [new], lease=lease)
            lines.append(json.dumps({"completion_id": one, "reward": reward}))
    folder = db.folder / "runs" / str(run.id)
    folder.mkdir(parents=True)
    (folder / "rewards.jsonl").write_text("\n".join(lines) + "\n")
    figures = {
        name: {
            "completions": 4, "cut_off": 0.25, "empty": 0.0, "mean_tokens": 12.5, "distinct_1": 0.5, "distinct_2": 0.75,
            "distinct_3": 0.9, "repetition": 0.05, "mean_reward": reward, "reward_words": reward / 2,
            "reward_content": reward / 4, "reward_length": 0.1, "best_of": 2, "best_of_reward": reward + 0.3,
            "kl_nats": 1.5, "kl_k3_nats": 1.4, "perplexity": 9.5, "likelihood_texts": 4,
        }
        for name, reward in rewards.items()
    }  # fmt: skip
    runs.succeed(
        db, lease, {"policies": figures, "reward_model": "reward-1", "prompts": 4, "samples": 1, "split": split}
    )
    return runs.get(db, run.id)


def judge(db: Database, number: int, *, newer_wins: bool = True, strength: int | None = None) -> None:
    """Judge the next pairs as the page does: the text that names policy-1 wins, or loses; both or none is a tie."""
    person = annotators.ensure(db, "ann").id
    for _ in range(number):
        [question] = annotating.next_questions(db, person, limit=1).questions
        wins = [("policy-1" in one.text) == newer_wins for one in question.completions]
        by_place = dict(zip(question.shown, wins, strict=True))
        ranks = [1 if by_place[place] == max(wins) else 2 for place in (0, 1)]
        key = f"key-{question.comparison_id}"
        new = NewJudgment(question.comparison_public_id, person, ranks, question.shown, key, strength=strength)
        annotating.answer(db, new)


def answers_file(db: Database, evaluation: Evaluation, path: Path, *, most: int, annotator: str = "zoe") -> Path:
    """A file of the format comparisons in which somebody judged the first pairs of an evaluation elsewhere."""
    pairs = db.rows(
        "SELECT comparison_id FROM evaluation_pairs WHERE evaluation_id = ? ORDER BY 1 LIMIT ?", [evaluation.id, most]
    )
    rows = []
    for pair in pairs:
        asked = comparisons.get(db, pair["comparison_id"])
        texts = completions.get(db, asked.completion_ids)
        said = {"annotator": annotator, "ranks": [1, 2], "shown": [0, 1], "key": f"{annotator} on {asked.public_id}"}
        rows.append(
            {
                "id": asked.public_id,
                "prompt": prompts.get(db, asked.prompt_id).messages,
                "purpose": "evaluation",
                "completions": [{"id": one.public_id, "text": one.text} for one in texts],
                "judgments": [said],
            }
        )
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    return path
