"""The texts of a blind evaluation: each side from its own seeds, drawn again where they are equal, stored shuffled."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import evaluation_studies
from feedback_store import completions, evaluations, prompts, runs, seals
from feedback_store.completions import Completion, NewCompletion
from feedback_store.database import Database
from feedback_store.evaluations import Evaluation
from rounds import drawing, evaluation_texts, studies, verbs
from rounds.drawing import Wanted

Writes = Callable[[Wanted], str]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with evaluation_studies.make(tmp_path / "study") as study:
        yield study


def ask(db: Database, monkeypatch: pytest.MonkeyPatch, writes: Writes, **blind: Any) -> tuple[dict, Evaluation, list]:
    """The counts, the evaluation, and the requests in the order of drawing, where policies write what `writes` says."""
    run = verbs.start_run(db, "evaluate", {f"blind.{name}": value for name, value in blind.items()})
    lease = runs.claim(db, "worker", lease_seconds=60, kinds=["evaluate"])
    assert lease is not None and lease.run_id == run.id
    asked: list[Wanted] = []

    def complete(context: Any, wanted: Sequence[Wanted], *, phase: str) -> list[Completion]:
        asked.extend(wanted)
        new = [
            NewCompletion(one.prompt.id, one.policy.id, writes(one), one.seed, one.sample_index, run_id=run.id)
            for one in wanted
        ]
        return completions.get(db, completions.add(db, new, lease=lease))

    monkeypatch.setattr(evaluation_texts, "complete", complete)
    context: Any = SimpleNamespace(db=db, lease=lease, run=run, study=studies.settings(db))
    evaluation = evaluations.of_run(db, run.id)
    held = prompts.listing(db, split="holdout")
    counts = evaluation_texts.ask_people(context, evaluation, held, lambda texts: [len(one.text) for one in texts])
    return counts, evaluations.get(db, evaluation.id), asked


def by_its_seed(wanted: Wanted) -> str:
    """What policies that are alike write: the seed and the prompt decide, not the policy."""
    return f"text {wanted.seed}"


def test_policies_that_are_alike_write_texts_that_differ(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    counts, evaluation, asked = ask(db, monkeypatch, by_its_seed, judgments=20)
    assert (counts["planned"], counts["comparisons"], counts["equal"]) == (25, 25, 0)
    assert len({one.seed for one in asked}) == len(asked) == 50, "no two draws share a seed"
    assert evaluation.sealed


def test_equal_texts_are_drawn_again_twice_then_dropped_and_counted(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: dict[tuple[int, int], int] = {}
    held = [one.id for one in prompts.listing(db, split="holdout")]

    def writes(wanted: Wanted) -> str:
        key = (wanted.prompt.id, wanted.policy.id)
        tries[key] = tries.get(key, 0) + 1
        differs_at = held.index(wanted.prompt.id) + 1  # the first prompt's texts differ at once, the fourth's never
        return f"text {wanted.policy.id}" if tries[key] >= differs_at else "the  same\n" * tries[key]

    monkeypatch.setattr(evaluation_texts, "plan", lambda ids, *rest: planned(held[:4]))
    counts, evaluation, _ = ask(db, monkeypatch, writes, judgments=4)
    assert counts == {"planned": 4, "comparisons": 3, "equal": 1, "held_back": 0}
    assert [tries[key, 1] for key in held[:4]] == [tries[key, 2] for key in held[:4]] == [1, 2, 3, 3]
    assert evaluation.sealed


def planned(prompt_ids: Sequence[int]) -> list[Any]:
    return [evaluation_texts.PlannedPair(prompt, 0, 0, 1) for prompt in prompt_ids]


def test_where_all_texts_are_equal_the_evaluation_ends_with_nothing(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts, evaluation, asked = ask(db, monkeypatch, lambda wanted: "the same", judgments=4)
    assert (counts["comparisons"], counts["equal"], len(asked)) == (0, 9, 3 * 2 * 8 + 3 * 2)
    assert (evaluation.unsealed_why, evaluation.unsealed_by) == ("exhausted", "rule")
    assert evaluations.progress(db, evaluation.id).judged == 0


def test_neither_ids_nor_times_tell_who_wrote_a_text(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    _, evaluation, _ = ask(db, monkeypatch, by_its_seed, judgments=100)
    texts = completions.of_run(db, evaluation.run_id)
    assert len(texts) == 240 and len(seals.completions_among(db, [one.id for one in texts])) == 240
    changes = sum(left.policy_id != right.policy_id for left, right in pairwise(texts))
    assert 80 < changes < 160, "as often the other as the same: blocks would change once, turns each time"
    rows = db.rows(
        "SELECT e.first_side, MIN(k.completion_id) = MIN(CASE WHEN k.position = 0 THEN k.completion_id END) AS earlier"
        " FROM evaluation_pairs e JOIN candidates k ON k.comparison_id = e.comparison_id GROUP BY e.comparison_id"
    )
    base_earlier = sum((row["first_side"] == 0) == bool(row["earlier"]) for row in rows)
    assert len(rows) == 120 and 40 < base_earlier < 80


def test_the_best_of_several_is_taken_of_each_slot(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluation_studies.evaluated(db, {"base": 0.0, "policy-1": 1.0})  # a reward model
    blind = {"judgments": 6, "best_of": "base", "best_of_texts": 3}
    _, evaluation, asked = ask(db, monkeypatch, lambda one: f"{one.seed}" + "x" * 30 * (one.sample_index % 3), **blind)
    assert [side.best_of for side in evaluation.sides] == [1, 1, 3]
    seeds = [one.seed for one in asked]
    assert len(set(seeds)) == len(seeds), "a best is not taken from what the policy is judged by itself"
    best = evaluation_texts.seed_of(evaluation, 2, 0)
    drawn = {one.seed: one for one in asked if one.run_seed == best}
    taken = [
        drawn[row["seed"]]
        for row in db.rows(
            "SELECT t.seed FROM evaluation_pairs e JOIN candidates k ON k.comparison_id = e.comparison_id"
            " JOIN completions t ON t.id = k.completion_id WHERE e.evaluation_id = ?",
            [evaluation.id],
        )
        if row["seed"] in drawn
    ]
    assert taken and {one.sample_index % 3 for one in taken} == {2}, "the longest, which is scored highest here"


def test_seeds_of_evaluations_are_never_those_of_sample_runs(db: Database) -> None:
    run = verbs.start_run(db, "evaluate", {"blind.judgments": 4})
    evaluation = evaluations.of_run(db, run.id)
    own = {evaluation_texts.seed_of(evaluation, side, attempt) for side in range(8) for attempt in range(3)}
    assert len(own) == 24
    of_samples = {drawing.completion_seed(evaluation.seed, evaluation.id, place) for place in range(24)}
    assert not own & of_samples
