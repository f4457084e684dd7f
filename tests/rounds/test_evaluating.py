"""Blind evaluations begin with their run, end by their rule, and a gate says what it goes by."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import evaluation_studies
import sealed_studies
import web_studies
from feedback_store import (
    annotators,
    audit,
    comparisons,
    evaluation_texts,
    evaluations,
    frames,
    judgments,
    policies,
    questions,
    reward_models,
    runs,
)
from feedback_store.database import Database
from feedback_store.errors import InvalidInput
from rounds import annotating, evaluating, evaluation_figures, loop_state, run_plan, verbs
from rounds.blind_results import held_at_every_look, result_of
from rounds.evaluating import CannotEvaluate
from rounds.policy_results import BlindJudgment, summarise
from rounds.settings import SettingsError
from rounds.stop_rule import boundary
from tests.rounds.small_study import new_study


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with evaluation_studies.make(tmp_path / "study") as study:
        yield study


def answer(db: Database, prefers: Callable[[str], float], number: int, name: str = "ann") -> None:
    """Judge the next pairs as the page does."""
    person = annotators.ensure(db, name).id
    for place in range(number):
        [question] = annotating.next_questions(db, person, limit=1).questions
        scores = dict(zip(question.shown, (prefers(one.text) for one in question.completions), strict=True))
        ranks = [1 if scores[side] == max(scores.values()) else 2 for side in (0, 1)]
        key = f"{name}-{question.comparison_id}-{place}"
        new = judgments.NewJudgment(question.comparison_public_id, person, ranks, question.shown, key)
        annotating.answer(db, new)


def newer(text: str) -> float:
    return float("policy-1" in text)


def test_a_run_with_blind_judgments_begins_a_sealed_evaluation_and_says_so_in_the_trail(db: Database) -> None:
    run = verbs.start_run(db, "evaluate", {"blind.judgments": 8, "blind.stop_rule": "sequential"}, by="annotator 1")
    [evaluation] = evaluations.listing(db)
    assert (evaluation.run_id, evaluation.wanted, evaluation.stop_rule) == (run.id, 8, "sequential")
    assert [side.words for side in evaluation.sides] == ["base", "policy-1"] and evaluation.sealed
    assert [(one.actor, one.action) for one in audit.listing(db)] == [("annotator 1", "start evaluation")]
    verbs.start_run(db, "evaluate")
    assert evaluations.count(db) == 1, "without blind judgments there is none"


def test_a_retried_run_goes_on_with_the_evaluation_that_it_was_queued_with(db: Database) -> None:
    run = verbs.start_run(db, "evaluate", {"blind.judgments": 8})
    runs.cancel(db, run.id)
    again = verbs.retry_run(db, run.id)
    assert evaluations.of_run(db, again.id) == evaluations.of_run(db, run.id)
    assert evaluations.count(db) == 1
    with pytest.raises(InvalidInput, match="without an evaluation"):
        evaluations.of_run(db, verbs.start_run(db, "evaluate").id)


def test_what_cannot_be_evaluated_is_refused_and_nothing_is_queued(db: Database) -> None:
    before = len(runs.listing(db))
    policies.external(db, "somebody")
    for settings, words in (
        ({"blind.judgments": 8, "policies": "base"}, "2 to 8 different sides; it has 1"),
        ({"blind.judgments": 8, "policies": "base,somebody"}, "no weights to sample from"),
        ({"blind.judgments": 8, "blind.best_of": "base"}, "no reward model yet"),
        ({"blind.judgments": 8, "blind.best_of": "policy-9"}, "no policy 'policy-9'"),
        ({"blind.judgments": 10**6}, "less than or equal to 10000"),
    ):
        with pytest.raises((CannotEvaluate, InvalidInput, SettingsError), match=words):
            verbs.start_run(db, "evaluate", settings)
    assert len(runs.listing(db)) == before and evaluations.count(db) == 0


def test_an_evaluation_without_sides_is_refused_before_the_run(db: Database, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="2 to 8 different sides; it has 1"):
        run_plan.resolve(db, "evaluate", {"policies": "base", "blind.judgments": 8})
    policies.use(db, 1)
    with pytest.raises(CannotEvaluate, match=r"The current policy is base.*policies=base,policy-1"):
        run_plan.resolve(db, "evaluate")
    run_plan.resolve(db, "evaluate", {"policies": "base,policy-1"})
    with new_study(tmp_path / "fresh") as fresh:
        policies.add_base(fresh, source="t", sha256="a" * 64, tokenizer_sha256="b" * 64, template_sha256="c" * 64)
        with pytest.raises(CannotEvaluate, match="only the base so far"):
            run_plan.resolve(fresh, "evaluate")
        run_plan.resolve(fresh, "evaluate", expected=["train-policy"])


def test_it_is_unsealed_when_its_number_is_reached_and_the_rest_is_asked_no_more(db: Database) -> None:
    evaluation = evaluation_studies.start(db, wanted=4, pairs=9)
    answer(db, newer, 3)
    assert evaluations.get(db, evaluation.id).sealed
    answer(db, newer, 1)
    ended = evaluations.get(db, evaluation.id)
    assert (ended.unsealed_why, ended.unsealed_by) == ("count", "rule")
    assert annotating.next_questions(db, annotators.ensure(db, "bob").id).questions == []
    assert evaluations.progress(db, evaluation.id).judged == 4


def test_the_sequential_rule_ends_a_clear_case_early_and_not_an_even_one(db: Database) -> None:
    clear = evaluation_studies.start(db, wanted=60, pairs=20, stop_rule="sequential")
    for _ in range(20):
        if evaluations.get(db, clear.id).sealed:
            answer(db, newer, 1)
    ended = evaluations.get(db, clear.id)
    assert ended.unsealed_why == "sequential"
    assert evaluations.progress(db, clear.id).judged < 20
    even = evaluation_studies.start(db, wanted=60, pairs=25, stop_rule="sequential")
    for place in range(10):
        answer(db, newer if place % 2 else lambda text: -newer(text), 2)
    assert evaluations.get(db, even.id).sealed


def test_in_a_notebook_the_best_of_several_texts_is_another_side_than_its_policy(db: Database) -> None:
    web_studies.reward_model(db)
    evaluation = evaluation_studies.start(db, wanted=6, pairs=6, best_of=True)
    answer(db, newer, 6)
    assert not evaluations.get(db, evaluation.id).sealed
    authors = {author for pair in frames.judgments(db)["policies"] for author in pair}
    assert authors == {side.words for side in evaluation.sides}
    assert "best of 2 of base" in authors


def test_undoing_an_answer_before_the_end_takes_it_out_of_the_count(db: Database) -> None:
    evaluation = evaluation_studies.start(db, wanted=3, pairs=9)
    answer(db, newer, 2)
    annotating.undo(db, annotators.ensure(db, "ann").id, key="undo")
    assert evaluations.progress(db, evaluation.id).judged == 1
    assert evaluations.get(db, evaluation.id).sealed


def test_a_gate_goes_by_people_where_enough_judged_blind(db: Database) -> None:
    evaluation = evaluation_studies.start(db, wanted=12, pairs=14)
    run = evaluation_studies.evaluated(db, {"policy-1": 0.0, "base": 1.0})
    answer(db, newer, 11)
    assert evaluating.gate(db, run).basis == "reward", "sealed judgments are not told by a gate either"
    answer(db, newer, 1)
    assert not evaluations.get(db, evaluation.id).sealed
    gate = evaluating.gate(db, run)
    assert (gate.basis, gate.share, gate.number) == ("blind", 1.0, 12)
    assert gate.words().startswith("policy-1 is preferred to base in 1.00 (95 % interval 0.57 to 1.00), by 12 blind")


def test_a_gate_goes_by_the_reward_else_and_says_so(db: Database) -> None:
    gate = evaluating.gate(db, evaluation_studies.evaluated(db, {"policy-1": 1.0, "base": 0.5}))
    assert (gate.basis, gate.share, gate.reward_model) == ("reward", 1.0, "reward-1")
    assert "by the reward reward-1 on 4 prompts" in gate.words()


def test_a_gate_without_anything_to_go_by_says_what_is_missing(db: Database) -> None:
    run = runs.enqueue(db, "evaluate", {})
    with pytest.raises(CannotEvaluate, match=r"did not evaluate policy-1.*Leave `policies` out"):
        evaluating.gate(db, run)
    policies.use(db, 1)
    with pytest.raises(CannotEvaluate, match=r"The current policy is base.*policies=base,policy-1"):
        evaluating.gate(db, run)


def test_texts_of_a_sealed_evaluation_are_not_shown_side_by_side(db: Database) -> None:
    evaluation = evaluation_studies.start(db, wanted=4, pairs=5)
    assert verbs.side_by_side(db, "base", "policy-1")["total"] == 0
    evaluations.unseal(db, evaluation.id, why="early", by="x")
    assert verbs.side_by_side(db, "base", "policy-1")["total"] > 0


def test_rewards_of_a_gate_are_read_from_the_run(db: Database) -> None:
    run = evaluation_studies.evaluated(db, {"policy-1": 1.0, "base": 0.5})
    lines = (db.folder / "runs" / str(run.id) / "rewards.jsonl").read_text().splitlines()
    assert {json.loads(line)["reward"] for line in lines} == {1.0, 0.5}
    assert reward_models.latest(db) is not None
    assert questions.next_questions(db, annotators.ensure(db, "eve").id).questions == []


def skip(db: Database, number: int) -> None:
    """Pass over the next pairs as the page does."""
    person = annotators.ensure(db, "ann").id
    for _ in range(number):
        [question] = annotating.next_questions(db, person, limit=1).questions
        key = f"skip-{question.comparison_id}"
        new = judgments.NewJudgment(
            question.comparison_public_id, person, None, question.shown, key, skipped="too_hard"
        )
        annotating.answer(db, new)


def test_it_ends_by_itself_when_the_last_pair_is_answered_or_skipped(db: Database) -> None:
    evaluation = evaluation_studies.start(db, wanted=6, pairs=5)
    answer(db, newer, 3)
    skip(db, 1)
    [held] = annotating.next_questions(db, annotators.ensure(db, "bob").id, limit=3).questions
    assert evaluations.get(db, evaluation.id).sealed, "somebody holds the last one"
    key = f"bob-{held.comparison_id}"
    bob = annotators.ensure(db, "bob").id
    annotating.answer(db, judgments.NewJudgment(held.comparison_public_id, bob, [1, 1], held.shown, key))
    ended = evaluations.get(db, evaluation.id)
    assert (ended.unsealed_why, ended.unsealed_by) == ("exhausted", "rule")
    assert evaluations.progress(db, evaluation.id).judged == 4
    assert audit.listing(db)[0].detail == {"why": "exhausted", "judged": 4, "wanted": 6}


def test_pairs_that_wait_for_a_lead_keep_it_sealed_until_the_last_is_kept_out(db: Database) -> None:
    evaluation = evaluation_studies.start(db, wanted=6, pairs=4)
    waiting = [row["public_id"] for row in db.rows("SELECT public_id FROM comparisons ORDER BY id LIMIT 2")]
    db.execute("UPDATE comparisons SET held_back = 1 WHERE id <= 2")
    answer(db, newer, 2)
    progress = evaluations.progress(db, evaluation.id)
    assert (progress.left, progress.held_back) == (0, 2) and evaluations.get(db, evaluation.id).sealed
    evaluating.decide_held_back(db, waiting[0], serve=True, by="lead")
    answer(db, newer, 1)
    assert evaluations.get(db, evaluation.id).sealed
    evaluating.decide_held_back(db, waiting[1], serve=False, by="lead")
    assert evaluations.get(db, evaluation.id).unsealed_why == "exhausted"


def test_the_sides_and_the_policies_of_the_figures_are_fixed_at_one_moment(db: Database) -> None:
    blind = verbs.start_run(db, "evaluate", {"blind.judgments": 4})
    plain = verbs.start_run(db, "evaluate")
    policies.use(db, 1)
    named = [side.policy for side in evaluations.of_run(db, blind.id).sides]
    assert blind.config["policies"] == named == ["base", "policy-1"]
    assert plain.config["policies"] == [], "without people the run takes those of when it starts"


def test_a_regression_with_a_text_that_another_evaluation_seals_is_left_out(db: Database) -> None:
    ended = evaluation_studies.start(db, wanted=3, pairs=5)
    answer(db, lambda text: -newer(text), 3)
    lost = evaluating.regressions(db, ended.id, 0, 1)
    assert len(lost) == 3
    shared = comparisons.get(db, lost[0].comparison_id)
    sealed_studies.seal(db, shared.prompt_id, [shared.completion_ids])
    assert evaluating.regressions(db, ended.id, 0, 1) == lost[1:]
    with pytest.raises(InvalidInput, match="Nobody is told who wrote what"):
        evaluation_texts.of_pair(db, lost[0].comparison_id)
    assert evaluation_texts.of_pair(db, lost[1].comparison_id).texts


def test_after_an_end_by_the_rule_home_and_the_gate_have_the_interval_that_the_evaluation_has(db: Database) -> None:
    clear = evaluation_studies.start(db, wanted=60, pairs=30, stop_rule="sequential")
    run = evaluation_studies.evaluated(db, {"policy-1": 0.0, "base": 1.0})
    assert result_of(db, "policy-1", "base").interval == "none", "nothing of a sealed one is told"
    while evaluations.get(db, clear.id).sealed:
        answer(db, newer, 1)
    gate = evaluating.gate(db, run)
    assert gate.basis == "blind" and "which holds however often one looked" in gate.words()
    result = result_of(db, "policy-1", "base")
    found = evaluation_figures.compute(db)
    [pair] = found["evaluations"][str(clear.id)]["pairs"]
    assert (pair["interval"], pair["looked"], pair["error"]) == ("every look", False, 0.05)
    assert (result.interval, result.low, result.high) == ("every look", pytest.approx(pair["low"]), pair["high"])
    shown = loop_state.loop_state(db).result
    assert shown is not None and shown.every_look and not shown.cannot_tell and shown.low == result.low == gate.low
    assert found["all"]["looked"] and found["all"]["pairs"][0]["looked"]
    assert found["all"]["pairs"][0]["low"] > result.low, "what holds at every look is wider"


def test_the_interval_after_an_end_by_the_rule_counts_a_ranking_once_and_says_what_it_cannot_tell() -> None:
    judged = [BlindJudgment(number, number, True, "win") for number in range(5)]
    judged += [BlindJudgment(9, 9, True, outcome, weight=0.5) for outcome in ("win", "loss", "win", "win")]
    result = held_at_every_look(summarise(judged), judged, 60)
    width = boundary(5 + 2**2, error=0.05, wanted=60) / 7
    assert result.share == pytest.approx(6.5 / 7)
    assert (result.low, result.high) == (pytest.approx(6.5 / 7 - width), 1.0)
    assert result.cannot_tell and result.more_judgments != 0
