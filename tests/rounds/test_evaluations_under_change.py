"""Blind evaluations while the study goes on around them: rounds, people who are left out, imports, what is held."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import evaluation_studies
from feedback_store import (
    annotators,
    behind_figures,
    comparisons,
    completions,
    evaluations,
    exchange,
    exclusions,
    judged_policies,
    judgments,
    policies,
    prompts,
    questions,
    rounds,
    runs,
    withdrawal,
)
from feedback_store.comparisons import NewComparison
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.evaluations import Evaluation
from feedback_store.questions import Question
from rounds import annotating, evaluating, evaluation_figures
from web_studies import claim

LONG_AGO = "2020-01-01T00:00:00.000Z"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with evaluation_studies.make(tmp_path / "study") as study:
        yield study


def person(db: Database, name: str) -> int:
    return annotators.ensure(db, name).id


def asked(db: Database, name: str, most: int = 3) -> list[Question]:
    return annotating.next_questions(db, person(db, name), limit=most).questions


def judge(db: Database, question: Question, name: str) -> None:
    key = f"{name} on {question.comparison_id}"
    new = judgments.NewJudgment(question.comparison_public_id, person(db, name), [1, 2], question.shown, key)
    annotating.answer(db, new)


def judge_all(db: Database, name: str, most: int = 100) -> int:
    for number in range(most):
        found = asked(db, name, 1)
        if not found:
            return number
        judge(db, found[0], name)
    return most


def pairs_of_the_round(db: Database, number: int) -> None:
    [prompt] = prompts.add(
        db, [prompts.NewPrompt(prompts.from_text("Own?"), split="train")], holdout_share=0, seed=0
    ).ids
    for place in range(number):
        ids = completions.add(
            db, [NewCompletion(prompt, 1, f"{text} {place}", place, side) for side, text in enumerate("ab")]
        )
        comparisons.add(db, [NewComparison(prompt, ids, priority=rounds.current(db).number)])


def purposes(db: Database, found: list[Question]) -> list[str]:
    return [comparisons.get(db, one.comparison_id).purpose for one in found]


def counted(db: Database, evaluation: Evaluation) -> list[int]:
    """How many judgments count: by the evaluation's own page, by Home and the gate, by all judgments together."""
    policy_ids = [side.policy_id for side in evaluation.sides]
    together = judged_policies.of_two(db, *policy_ids), judged_policies.among_own(db)
    return [
        evaluations.progress(db, evaluation.id).judged,
        *map(len, (evaluations.judged(db, evaluation.id), *together)),
    ]


def test_rounds_that_begin_later_do_not_come_before_an_evaluation(db: Database) -> None:
    evaluation_studies.start(db, wanted=4, pairs=4)
    for parent in (2, 3, 4):
        runs.enqueue(db, "train-policy", {})
        hashes = {"base_sha256": "a" * 64, "manifest_sha256": "d" * 64}
        policies.publish(db, claim(db), parent_id=parent, folder=f"models/policy-{parent}", metrics={}, **hashes)
    pairs_of_the_round(db, 6)
    assert rounds.current(db).number > 3
    assert purposes(db, asked(db, "ann", 5)) == ["evaluation"] * 4 + ["training"]


def test_what_somebody_held_as_it_was_unsealed_is_asked_of_nobody_else(db: Database) -> None:
    evaluation = evaluation_studies.start(db, wanted=2, pairs=8)
    held = asked(db, "bob", 3)
    assert judge_all(db, "ann", 2) == 2
    assert not evaluations.get(db, evaluation.id).sealed
    assert [one.comparison_id for one in asked(db, "bob")] == [one.comparison_id for one in held], "theirs to answer"
    assert questions.give_back(db, person(db, "bob"), held[0].comparison_public_id)
    db.execute("UPDATE assignments SET expires_at = ? WHERE ended_at IS NULL", [LONG_AGO])
    assert asked(db, "eve") == []
    assert comparisons.counts(db).ready == 0
    assert behind_figures.comparisons(db, "ready", 0, 100) == []
    assert [one.comparison_id for one in asked(db, "bob")] == [one.comparison_id for one in held[1:]]
    judge(db, held[1], "bob")
    assert evaluations.progress(db, evaluation.id).judged == 2, "too late to count"
    db.execute("UPDATE assignments SET expires_at = ? WHERE ended_at IS NULL", [LONG_AGO])
    evaluations.unseal(db, evaluation_studies.start(db, wanted=2, pairs=1).id, why="early", by="lead")
    assert comparisons.counts(db).ready == 0, "what was held then is cleared away with the next that ends"


def test_pairs_that_are_answered_in_part_are_asked_no_more_after_the_end(db: Database) -> None:
    evaluation = evaluation_studies.start(db, wanted=6, pairs=6)
    judge_all(db, "ann", 2)
    exclusions.leave_out(db, annotator_id=person(db, "ann"), reason="clicks", by="lead")
    assert len(asked(db, "eve", 6)) == 6
    for one in asked(db, "eve", 6):
        questions.give_back(db, person(db, "eve"), one.comparison_public_id)
    evaluations.unseal(db, evaluation.id, why="early", by="lead")
    assert asked(db, "eve") == [] and comparisons.counts(db).ready == 0


@pytest.mark.parametrize("how", ["left out", "withdrawn", "left out before"])
def test_pairs_that_only_who_is_left_out_judged_are_asked_again(db: Database, how: str) -> None:
    evaluation = evaluation_studies.start(db, wanted=8, pairs=13)
    bad = person(db, "bad")
    if how == "left out before":
        exclusions.leave_out(db, annotator_id=bad, reason="clicks", by="lead")
    judge_all(db, "bad", 7)
    if how == "left out":
        exclusions.leave_out(db, annotator_id=bad, reason="clicks", by="lead")
    if how == "withdrawn":
        withdrawal.withdraw(db, bad, by="bad")
    assert evaluations.progress(db, evaluation.id).left == 13
    assert judge_all(db, "good") == 8
    ended = evaluations.get(db, evaluation.id)
    assert (ended.unsealed_why, counted(db, ended)) == ("count", [8] * 4)


def test_who_counts_again_can_complete_an_evaluation(db: Database) -> None:
    evaluation = evaluation_studies.start(db, wanted=4, pairs=6)
    judge_all(db, "ann", 3)
    exclusions.leave_out(db, annotator_id=person(db, "ann"), reason="clicks", by="lead")
    judge_all(db, "bob", 3)
    exclusions.take_back(db, annotator_id=person(db, "ann"), by="lead")
    assert evaluations.get(db, evaluation.id).sealed
    evaluating.look_again(db)
    ended = evaluations.get(db, evaluation.id)
    assert (ended.unsealed_why, evaluations.progress(db, ended.id).judged) == ("count", 6)


def test_an_import_that_completes_an_evaluation_unseals_it(db: Database, tmp_path: Path) -> None:
    evaluation = evaluation_studies.start(db, wanted=4, pairs=6)
    few = evaluation_studies.answers_file(db, evaluation, tmp_path / "few.jsonl", most=3)
    exchange.import_file(db, few, "comparisons")
    evaluating.look_again(db)
    assert evaluations.get(db, evaluation.id).sealed
    more = evaluation_studies.answers_file(db, evaluation, tmp_path / "more.jsonl", most=6, annotator="max")
    exchange.import_file(db, more, "comparisons")
    evaluating.look_again(db)
    ended = evaluations.get(db, evaluation.id)
    assert (ended.unsealed_why, ended.unsealed_by) == ("count", "rule")


def test_what_counted_as_one_was_unsealed_counts_whatever_is_undone_and_unsealed_later(db: Database) -> None:
    evaluation = evaluation_studies.start(db, wanted=4, pairs=4)
    judge_all(db, "ann", 2)
    evaluations.unseal(db, evaluation.id, why="early", by="lead")
    assert annotating.undo(db, person(db, "ann"), key="undo") is not None
    db.execute("UPDATE assignments SET expires_at = ? WHERE ended_at IS NULL", [LONG_AGO])
    evaluations.unseal(db, evaluation_studies.start(db, wanted=2, pairs=1).id, why="early", by="lead")
    assert counted(db, evaluation) == [2] * 4


def test_an_evaluation_waits_for_prompts_that_were_taken_back(db: Database, tmp_path: Path) -> None:
    db.execute("UPDATE prompts SET withdrawn = 1")
    file = tmp_path / "prompts.jsonl"
    file.write_text("".join(f'{{"prompt": "Of a file {n}?", "split": "holdout"}}\n' for n in range(4)))
    exchange.import_file(db, file, "prompts")
    evaluation = evaluation_studies.start(db, wanted=4, pairs=4)
    judge_all(db, "ann", 2)
    exchange.undo_import(db, file)
    evaluating.look_again(db)
    assert evaluations.get(db, evaluation.id).sealed
    assert (asked(db, "bob"), evaluations.progress(db, evaluation.id).taken_back) == ([], 4)
    before = evaluation_figures.state(db)
    exchange.import_file(db, file, "prompts")
    evaluating.look_again(db)
    assert evaluation_figures.state(db) != before
    assert judge_all(db, "bob") == 2
    assert (evaluations.get(db, evaluation.id).unsealed_why, counted(db, evaluation)) == ("count", [4] * 4)


@pytest.mark.parametrize("how", ["left out", "taken back"])
def test_an_import_that_goes_takes_its_judgments_from_an_unsealed_evaluation(
    db: Database, tmp_path: Path, how: str
) -> None:
    evaluation = evaluation_studies.start(db, wanted=8, pairs=7)
    file = evaluation_studies.answers_file(db, evaluation, tmp_path / "said.jsonl", most=4)
    brought = exchange.import_file(db, file, "comparisons").import_id
    assert brought is not None
    judge_all(db, "ann", 2)
    evaluations.unseal(db, evaluation.id, why="early", by="lead")
    assert counted(db, evaluation) == [6] * 4
    if how == "left out":
        exclusions.leave_out(db, import_id=brought, reason="of another study", by="lead")
        assert counted(db, evaluation) == [2] * 4
        exclusions.take_back(db, import_id=brought, by="lead")
        assert counted(db, evaluation) == [6] * 4
    else:
        exchange.undo_import(db, brought)
        assert counted(db, evaluation) == [2] * 4
