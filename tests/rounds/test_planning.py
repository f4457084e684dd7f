"""Plans against hand-worked numbers, and their widths against studies that are played many times."""

import numpy as np
import pytest

from feedback_store.database import Database
from feedback_store.recent_work import RecentWork, recent_work
from rounds import planning, studies
from rounds.planning import Plan, assumptions
from rounds.policy_results import BlindJudgment, summarise
from rounds.settings import SettingsError, StudySettings
from web_studies import fill, judge_all

NOTHING_SEEN = RecentWork(0, 0, 0, None)


def planned(people: int, judgments: int, *, checks: int = 0, given: dict | None = None, **settings) -> Plan:
    study = StudySettings(base="tiny:", **settings)
    return planning.plan(
        people,
        judgments,
        study,
        assumptions(NOTHING_SEEN, given or {}),
        checks=checks,
        all_prompts=300,
        holdout_prompts=100,
    )


def test_by_hand():
    plan = planned(
        4, 1000, checks=20, given={"skips": 0.1, "ties": 0.2}, check_share=0.05, repeat_share=0.05, overlap=3,
        overlap_share=0.25, holdout_questions=0.2, previous_policy_share=0.5,
    )  # fmt: skip
    # 1000 - 50 - 50 = 900 answers; a comparison takes 1 + 2 * 0.25 = 1.5 of them.
    assert (plan.checks, plan.repeats, plan.comparisons, plan.shared, plan.again) == (50, 50, 600, 150, 300)
    # 90 skips; 810 told, a fifth of them on held-out prompts; a fifth of each are ties.
    assert (plan.skipped, plan.training, plan.training_decided) == (90, 648, 518)
    assert (plan.holdout, plan.holdout_decided) == (162, 130)
    assert plan.new_against_old.judgments == 270
    assert plan.each == 250
    assert plan.training + plan.holdout + plan.skipped + plan.checks + plan.repeats == 1000


def test_one_person_shares_nothing_and_a_study_without_check_questions_asks_none():
    plan = planned(1, 100, check_share=0.5)
    assert (plan.checks, plan.shared, plan.again, plan.agreement_half) == (0, 0, 0, None)
    assert planned(2, 100, holdout_questions=0.0).accuracy_half is None


def test_days_at_the_quota():
    assert planned(3, 100, daily_quota=10).days == 4  # 34 each
    assert planned(3, 100).days is None


def test_a_quota_of_none_a_day_is_no_plan(tmp_path):
    with studies.open_or_create(tmp_path / "study", base="tiny:", create=True, daily_quota=0) as db:
        with pytest.raises(SettingsError, match=r"daily_quota is 0.*Set it from 1, or to none"):
            planning.plan_of(db, 2, 100)
        studies.change_settings(db, daily_quota=10)
        assert planning.plan_of(db, 2, 100).days == 5


@pytest.mark.parametrize("judgments", range(1, 12))
def test_checks_and_repeats_are_never_more_than_there_are_judgments(judgments):
    plan = planned(1, judgments, checks=50, check_share=0.5, repeat_share=0.5)
    assert plan.checks + plan.repeats + plan.comparisons == judgments
    assert min(plan.checks, plan.repeats, plan.comparisons, plan.training, plan.holdout) >= 0


def test_an_interval_of_a_share_by_hand():
    # 1.96 sqrt(0.0021 + 0.000096) / 1.0384: Wilson (1927) for 0.7 of 100.
    assert planning.wilson_half(0.7, 100) == pytest.approx(0.08845, abs=2e-5)
    assert planning.wilson_half(0.7, 0) is None


@pytest.mark.parametrize(("agreement", "overlap"), [(0.75, 3), (0.6, 2), (0.9, 4)])
def test_the_width_of_agreement_is_that_of_studies_that_are_played(agreement, overlap):
    draw = np.random.default_rng(0)
    q = (1 + np.sqrt(2 * agreement - 1)) / 2
    side = draw.binomial(overlap, q, size=(4000, 80))  # studies, comparisons
    same = (side * (side - 1) + (overlap - side) * (overlap - side - 1)) / (overlap * (overlap - 1))
    assert same.mean() == pytest.approx(agreement, abs=0.005)
    assert planning.agreement_half(agreement, 80, overlap) == pytest.approx(1.96 * same.mean(1).std(), rel=0.05)


@pytest.mark.parametrize(("judgments", "prompts"), [(100, 100), (400, 100), (400, 20)])
def test_four_of_five_studies_tell_the_share_that_can_be_told(judgments, prompts):
    share = planning.told_apart(judgments, 0.0, prompts).share
    draw, told, studies_played = np.random.default_rng(1), 0, 400
    for _ in range(studies_played):
        of_prompt = np.clip(share + planning.BETWEEN_PROMPTS * draw.standard_normal(prompts), 0, 1)
        asked = np.arange(judgments) % prompts
        won = draw.random(judgments) < of_prompt[asked]
        said = [BlindJudgment(n, int(asked[n]), True, "win" if won[n] else "loss") for n in range(judgments)]
        told += summarise(said).low > 0.5
    assert told / studies_played == pytest.approx(0.8, abs=0.08)


def test_more_judgments_of_few_prompts_tell_little_more():
    few, many = (planning.told_apart(400, 0.15, prompts).share for prompts in (10, 400))
    assert few - 0.5 > 2 * (many - 0.5)
    assert planning.told_apart(4000, 0.15, 10).share == pytest.approx(few, abs=0.02)


def test_what_no_number_of_wins_can_tell():
    assert planning.told_apart(5, 0.15, 100).share is None
    assert planning.told_apart(0, 0.15, 100).share is None
    assert planning.told_apart(100, 0.15, 1).share is None


def test_assumptions_say_where_they_come_from():
    found = assumptions(RecentWork(answers=100, skips=10, ties=27, seconds=8.0), {"agreement": 0.6}, accuracy=0.8)
    assert (found.skips.value, found.ties.value, found.seconds.value) == (0.1, 0.3, 8.0)
    assert {found.skips.source, found.ties.source, found.seconds.source, found.accuracy.source} == {"study"}
    assert (found.agreement.value, found.agreement.source) == (0.6, "given")
    few = assumptions(RecentWork(answers=49, skips=10, ties=27, seconds=8.0), {})
    assert few.skips.source == few.accuracy.source == "rule of thumb"


def test_a_study_plans_with_its_own_answers(tmp_path):
    with studies.open_or_create(tmp_path / "study", base="tiny:", create=True, refill=False) as db:
        fill(db, 4)
        judge_all(db)
        seen = recent_work(db)
        assert (seen.answers, seen.skips) == (4, 0)
        plan = planning.plan_of(db, 2, 100, {"ties": 0.5})
        assert plan.assumptions.ties.source == "given"
        refuse(db, {"tyes": 0.5}, "'tyes' cannot be assumed. Allowed are skips, ties")
        refuse(db, {"ties": 1.5}, "ties = 1.5 is not allowed: from 0 to 0.95.")
        with pytest.raises(SettingsError, match="at least one person"):
            planning.plan_of(db, 0, 100)


def refuse(db: Database, given: dict, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        planning.plan_of(db, 2, 100, given)


def test_nobody_is_asked_a_check_question_twice():
    plan = planned(3, 1000, checks=4, check_share=0.1)
    assert plan.checks == 12, "four for each of three, not a tenth of a thousand"
    assert plan.training + plan.holdout + plan.skipped + plan.checks + plan.repeats == pytest.approx(1000, abs=2)
    assert planned(3, 100, checks=4, check_share=0.1).checks == 10
