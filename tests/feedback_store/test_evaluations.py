"""Blind evaluations: never training, sealed until they are not, and what was seen cannot be changed any more."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from feedback_store import (
    audit,
    check_questions,
    comparisons,
    completions,
    evaluations,
    exchange,
    exclusions,
    frames,
    judged_policies,
    judgments,
    policies,
    preferences,
    prompts,
    questions,
    runs,
    seals,
    sqlite,
)
from feedback_store.annotators import ensure
from feedback_store.comparisons import NewComparison
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.errors import Conflict, InvalidInput
from feedback_store.evaluations import Evaluation
from feedback_store.prompts import NewPrompt


@pytest.fixture
def evaluation(based: Database) -> Evaluation:
    """Six pairs of the base against policy-1, sealed; the base's text is the first candidate of the even ones."""
    runs.enqueue(based, "train-policy", {})
    lease = runs.claim(based, "w", lease_seconds=60)
    assert lease is not None
    new = policies.publish(
        based, lease, parent_id=1, folder="models/policy-1", base_sha256="a" * 64, manifest_sha256="d" * 64, metrics={}
    )
    run = runs.enqueue(based, "evaluate", {})
    lease = runs.claim(based, "w", lease_seconds=60)
    assert lease is not None
    made = evaluations.start(
        based, [(1, 1), (new.id, 1)], run_id=run.id, wanted=4, stop_rule="count", error=0.05, seed=7, by="annotator 1"
    )
    pairs = []
    for number in range(6):
        [prompt] = prompts.add(
            based, [NewPrompt(prompts.from_text(f"{number}?"), split="holdout")], holdout_share=0, seed=0
        ).ids
        sides = [0, 1][:: 1 if number % 2 == 0 else -1]
        texts = [NewCompletion(prompt, (1, new.id)[side], f"text {number}") for side in sides]
        ids = completions.add(based, texts)
        pairs.append((*sides, NewComparison(prompt, ids, purpose="evaluation", chosen_by="evaluation")))
    assert evaluations.add_pairs(based, lease, made.id, pairs) == 6  # type: ignore[arg-type]
    assert evaluations.add_pairs(based, lease, made.id, pairs) == 6, "again, nothing"  # type: ignore[arg-type]
    assert len(comparisons.listing(based)) == 6
    return made


def base_preferred(db: Database, judge: Callable, number: int, name: str = "ann") -> int:
    return judge(db, number, [1, 2] if number % 2 else [2, 1], name)  # comparison ids begin at 1


def test_what_was_judged_is_told_by_side(based: Database, evaluation: Evaluation, judge: Callable) -> None:
    base_preferred(based, judge, 1)
    base_preferred(based, judge, 2)
    judge(based, 3, [1, 1], shown=[1, 0])
    judge(based, 4, None, skipped="unclear")
    said = evaluations.judged(based, evaluation.id)
    assert [(one.first, one.second, one.outcome) for one in said] == [
        (0, 1, "first"), (1, 0, "second"), (0, 1, "tie"),
    ]  # fmt: skip
    assert [one.first_shown_on_left for one in said] == [True, True, False]
    assert evaluations.progress(based, evaluation.id) == evaluations.Progress(
        made=6, judged=3, skipped=1, left=2, held_back=0
    )


def test_what_is_said_after_the_end_changes_no_result(based: Database, evaluation: Evaluation, judge: Callable) -> None:
    questions.next_questions(based, ensure(based, "late").id, limit=20)  # held over the end
    for number in range(1, 5):
        base_preferred(based, judge, number)
    evaluations.unseal(based, evaluation.id, why="count", by="rule")
    sides = [side.policy_id for side in evaluation.sides]
    before = judged_policies.of_two(based, *sides)
    assert len(before) == 4
    base_preferred(based, judge, 5, "late")
    assert judged_policies.of_two(based, *sides) == before
    assert len(judged_policies.among_own(based)) == len(before)


def test_evaluations_never_train(based: Database, evaluation: Evaluation, judge: Callable) -> None:
    for number in range(1, 5):
        base_preferred(based, judge, number)
    evaluations.unseal(based, evaluation.id, why="count", by="rule")
    assert preferences.derive(based) == []
    assert judgments.count(based, purpose="training") == 0
    assert list(frames.preferences(based)["judgment_id"]) == []


def test_only_held_out_comparisons_of_the_purpose_can_belong_to_one(
    based: Database, evaluation: Evaluation, compare: Callable
) -> None:
    for fields in ({"purpose": "training", "split": "holdout"}, {"purpose": "evaluation", "split": "train"}):
        [other] = compare(based, **fields)
        with pytest.raises(sqlite.sqlite3.IntegrityError, match="never trains"):
            based.execute("INSERT INTO evaluation_pairs VALUES (?, ?, 0, 1)", [other, evaluation.id])


def test_no_check_question_is_made_of_a_pair_while_it_is_sealed(
    based: Database, evaluation: Evaluation, judge: Callable
) -> None:
    base_preferred(based, judge, 1)
    with pytest.raises(Conflict, match=r"blind evaluation that is not finished.*Choose another one"):
        check_questions.make(based, 1, [1, 2], by="lead")
    assert check_questions.listing(based) == ([], 0)
    evaluations.unseal(based, evaluation.id, why="early", by="annotator 1")
    assert check_questions.make(based, 1, [1, 2], by="lead").expert == [1, 2]


def test_while_it_is_sealed_no_export_and_no_frame_has_it(
    based: Database, evaluation: Evaluation, judge: Callable, compare: Callable, tmp_path: Path
) -> None:
    for number in range(1, 4):
        base_preferred(based, judge, number)
    pair = comparisons.get(based, 1)
    copy = NewComparison(pair.prompt_id, pair.completion_ids, purpose="check", expert=[1, 2])
    comparisons.add(based, [copy])  # a copy of a sealed pair is sealed as well
    [other] = compare(based)
    judge(based, other, [1, 2])
    report = exchange.export(based, "comparisons", tmp_path / "sealed")
    rows = [json.loads(line) for line in (tmp_path / "sealed" / "comparisons.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == [comparisons.get(based, other).public_id]
    assert report.left_out == {"sealed: of a blind evaluation that is not finished": 7}
    exchange.export(based, "judgments", tmp_path / "table")
    told = [row for path in (tmp_path / "table").glob("*.csv") for row in csv.DictReader(path.open())]
    assert [row["comparison"] for row in told] == [comparisons.get(based, other).public_id]
    assert list(frames.judgments(based)["comparison_id"]) == [other]
    assert seals.among(based, [1, other]) == {1}
    sealed = comparisons.get(based, 2).completion_ids
    assert seals.completions_among(based, [*sealed, *comparisons.get(based, other).completion_ids]) == set(sealed)
    evaluations.unseal(based, evaluation.id, why="early", by="annotator 1")
    assert exchange.export(based, "comparisons", tmp_path / "open").left_out == {}
    assert len(frames.judgments(based)) == 4
    assert seals.among(based, [1, other]) == set()


def test_unsealing_is_for_good_audited_and_asks_nobody_any_more(
    based: Database, evaluation: Evaluation, judge: Callable
) -> None:
    bob = ensure(based, "bob").id
    held = questions.next_questions(based, bob, limit=1).questions[0]
    for number in (2, 3):
        base_preferred(based, judge, number)
    now = evaluations.unseal(based, evaluation.id, why="early", by="annotator 1")
    assert (now.sealed, now.unsealed_why, now.unsealed_by) == (False, "early", "annotator 1")
    assert evaluations.progress(based, evaluation.id).judged == 2
    with pytest.raises(Conflict, match="was unsealed on"):
        evaluations.unseal(based, evaluation.id, why="count", by="rule")
    with pytest.raises(sqlite.sqlite3.IntegrityError, match="keeps what it was started with"):
        based.execute("UPDATE evaluations SET unsealed_at = NULL, unsealed_why = NULL")
    entry = audit.listing(based)[0]
    assert (entry.actor, entry.action, entry.subject) == (
        "annotator 1", "unseal evaluation", f"evaluation {evaluation.id}",
    )  # fmt: skip
    assert entry.detail == {"why": "early", "judged": 2, "wanted": 4}
    assert questions.next_questions(based, ensure(based, "eve").id).questions == []
    left = [one.id for one in comparisons.listing(based)]
    assert left == sorted({2, 3, comparisons.get(based, held.comparison_public_id).id}), "what somebody holds stays"


def test_who_has_seen_the_result_changes_it_no_more(based: Database, evaluation: Evaluation, judge: Callable) -> None:
    base_preferred(based, judge, 1)
    base_preferred(based, judge, 2, "bob")
    evaluations.unseal(based, evaluation.id, why="early", by="annotator 1")
    sides = [side.policy_id for side in evaluation.sides]

    def told() -> list[list[int]]:
        """The judgments by the evaluation's own page, by Home and the gate, and by all judgments together."""
        together = judged_policies.of_two(based, *sides), judged_policies.among_own(based)
        return [
            sorted(one.judgment_id for one in found) for found in (evaluations.judged(based, evaluation.id), *together)
        ]

    before = evaluations.judged(based, evaluation.id)
    counted = told()
    assert counted[0] == counted[1] == counted[2]
    assert len(counted[0]) == 2
    judge(based, 1, [2, 1])  # changes the mind
    judgments.undo(based, ensure(based, "bob").id, "undo")
    assert evaluations.judged(based, evaluation.id) == before
    assert told() == counted
    exclusions.leave_out(based, annotator_id=ensure(based, "bob").id, reason="left clicks", by="lead")
    assert [one.comparison_id for one in evaluations.judged(based, evaluation.id)] == [1]
    assert [len(found) for found in told()] == [1, 1, 1]


def test_what_cannot_be_started_is_refused_in_words(based: Database, evaluation: Evaluation) -> None:
    more = {"run_id": evaluation.run_id, "wanted": 4, "stop_rule": "count", "error": 0.05, "seed": 0, "by": "x"}
    with pytest.raises(InvalidInput, match="2 to 8 different sides; it has 1"):
        evaluations.start(based, [(1, 1), (1, 1)], **more)
    with pytest.raises(InvalidInput, match="no evaluation 99"):
        evaluations.get(based, 99)


def test_a_study_knows_which_of_its_comparisons_are_of_an_evaluation(
    based: Database, evaluation: Evaluation, compare: Callable
) -> None:
    assert evaluations.sealed_of(based, 1) == evaluation
    assert evaluations.sealed_of(based, compare(based)[0]) is None
    assert [one.id for one in evaluations.listing(based)] == [evaluation.id]
    assert (evaluations.count(based), evaluations.count(based, unsealed=True)) == (1, 0)


def test_what_is_sealed_is_found_by_indexes(based: Database, evaluation: Evaluation) -> None:
    for query in (seals.AMONG, seals.COMPLETIONS_AMONG):
        steps = [row["detail"] for row in based.rows(f"EXPLAIN QUERY PLAN {query}", ["[1, 2]"])]
        few = ("json_each", "evaluations_sealed", "sealed_runs")  # the sealed evaluations, their runs and retries
        assert [step for step in steps if "SCAN" in step and not any(name in step for name in few)] == [], query
        assert any("completion_id=?" in step for step in steps)


def test_what_the_run_of_a_sealed_evaluation_drew_is_sealed_before_it_stands_in_a_pair(
    based: Database, evaluation: Evaluation
) -> None:
    prompt = prompts.listing(based, "holdout")[0].id
    drawn = NewCompletion(prompt, evaluation.sides[0].policy_id, "A text of no pair.", run_id=evaluation.run_id)
    ids = completions.add(based, [drawn])
    assert seals.completions_among(based, ids) == set(ids)
    evaluations.unseal(based, evaluation.id, why="count", by="rule")
    assert seals.completions_among(based, ids) == set()


def test_what_a_retry_of_its_run_drew_is_sealed_as_well(based: Database, evaluation: Evaluation) -> None:
    runs.fail(based, runs.Lease(evaluation.run_id, 1, "w"), "out of memory")
    again = runs.retry(based, evaluation.run_id)
    prompt = prompts.listing(based, "holdout")[0].id
    drawn = NewCompletion(prompt, evaluation.sides[0].policy_id, "A text of a retry.", run_id=again.id)
    ids = completions.add(based, [drawn])
    assert seals.completions_among(based, ids) == set(ids)
    other = runs.enqueue(based, "evaluate", {})
    free = completions.add(based, [NewCompletion(prompt, 1, "A text of another run.", run_id=other.id)])
    assert seals.completions_among(based, free) == set()
    evaluations.unseal(based, evaluation.id, why="early", by="annotator 1")
    assert seals.completions_among(based, ids) == set()
