"""The console's advice counts what a training would see: nothing of people and imports that are left out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from feedback_store import annotators, behind_figures, exclusions, judgments, preferences, runs
from feedback_store.database import Database
from rounds import estimating, missing, verbs
from tests.rounds.small_study import new_study
from web_studies import fill, judge_all, reward_model


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """A study in which ann gave 15 answers."""
    with new_study(tmp_path / "study") as study:
        fill(study, 15)
        judge_all(study, "ann")
        yield study


def counted(db: Database) -> list[int]:
    """How many judgments train: on Home, in the rows behind it, for an estimate, and for the training."""
    rows = behind_figures.training_judgments(db, 0, 1000)
    told = verbs.loop_state(db).pairs.judged_total
    return [told, len(rows), estimating.facts(db).judgments, len({one.judgment_id for one in preferences.derive(db)})]


def test_judgments_of_who_is_left_out_are_in_no_advice(db: Database) -> None:
    ann = annotators.ensure(db, "ann").id
    assert counted(db) == [15] * 4
    assert verbs.loop_state(db).next_step.kind == "next-policy"
    exclusions.leave_out(db, annotator_id=ann, reason="clicks", by="lead")
    assert counted(db) == [0] * 4
    state = verbs.loop_state(db)
    assert state.next_step.kind != "next-policy" and state.pairs.since_reward == 0
    assert not next(one for one in state.actions if one.kind == "train-reward").possible
    assert missing.missing_for(db, "train-reward", {}) == missing.NONE_JUDGED
    assert judgments.count(db) == 15, "what was said stays"
    exclusions.take_back(db, annotator_id=ann, by="lead")
    assert counted(db) == [15] * 4


def test_what_is_new_since_a_reward_is_without_who_is_left_out(db: Database) -> None:
    reward_model(db)
    run = runs.listing(db, kind="train-reward")[0].id
    for number, name in ((4, "bob"), (3, "eve")):
        fill(db, number)
        assert judge_all(db, name) == number
    assert verbs.loop_state(db).pairs.since_reward == judgments.count_new_to(db, run) == 7
    exclusions.leave_out(db, annotator_id=annotators.ensure(db, "bob").id, reason="clicks", by="lead")
    assert verbs.loop_state(db).pairs.since_reward == judgments.count_new_to(db, run) == 3
