"""Check questions before live work: training, pass, fail, another try; and the floor that pauses by rule."""

from collections.abc import Callable
from typing import Any

import pytest

from feedback_store import annotators, audit, clock, comparisons, judgments, qualifications, qualifying, questions
from feedback_store.database import Database
from feedback_store.drawing import Asking
from feedback_store.errors import InvalidInput
from feedback_store.judgments import Judgment, NewJudgment
from feedback_store.qualifying import Feedback, Qualifying
from feedback_store.questions import QuestionBatch

NOW = "2026-11-23T10:00:00.000Z"
THREE = Qualifying(questions=3, pass_mark=0.6)
FLOOR = Qualifying(questions=0, floor=0.5, window=4)
RIGHT, WRONG = [1, 2], [2, 1]


class Person:
    """Somebody who answers, one second after the other."""

    def __init__(self, db: Database, rule: Qualifying, name: str = "ann") -> None:
        self.db, self.rule = db, rule
        self.id = annotators.ensure(db, name).id
        self.second = 0

    @property
    def now(self) -> str:
        return clock.after(NOW, self.second)

    @property
    def standing(self) -> str:
        return qualifying.standing(self.db, self.id, self.rule)

    def asks(self, limit: int = 3, **fields: Any) -> QuestionBatch:
        asking = Asking(qualifying=self.rule, **fields)
        return questions.next_questions(self.db, self.id, limit=limit, asking=asking, now=self.now)

    def answers(self, comparison: int, ranks: list[int] | None, skipped: str | None = None) -> Feedback | None:
        """As the routes do it: the answer and what it leads to in one transaction."""
        self.second += 1
        key = f"{self.id}-{self.second}"
        with self.db.transaction():
            said = judgments.submit(
                self.db, NewJudgment(comparison, self.id, ranks, [0, 1], key, skipped=skipped), now=self.now
            )
            return self.is_told(said)

    def is_told(self, said: Judgment) -> Feedback | None:
        return qualifying.after_answer(
            self.db, self.id, said.comparison_id, said.ranks, self.rule, judgment_id=said.id, at=said.created_at
        )

    def answers_all(self, comparisons: list[int], ranks: list[list[int]]) -> None:
        for comparison, said in zip(comparisons, ranks, strict=True):
            self.answers(comparison, said)


@pytest.fixture
def checks(db: Database, compare: Callable) -> list[int]:
    return compare(db, 8, first=100, purpose="check", expert=RIGHT)


def ids(batch: QuestionBatch) -> list[int]:
    return [one.comparison_id for one in batch.questions]


def test_without_a_rule_everybody_does_live_work(db: Database, compare: Callable, checks: list[int]) -> None:
    ann = Person(db, Qualifying())
    plain = compare(db, 2)
    assert ann.standing == "live"
    batch = ann.asks()
    assert (ids(batch), batch.training) == (plain, False)


def test_training_is_check_questions_alone_and_no_more_than_decide(
    db: Database, compare: Callable, checks: list[int]
) -> None:
    ann = Person(db, THREE)
    compare(db, 5, priority=9)
    batch = ann.asks(limit=5)
    assert (batch.state, ids(batch), batch.left, batch.training) == ("ready", checks[:3], 3, True)
    assert ids(ann.asks(limit=5)) == checks[:3], "what is held comes again"
    ann.answers(checks[0], RIGHT)
    batch = ann.asks(limit=5)
    assert (ids(batch), batch.left) == (checks[1:3], 2)
    assert ann.standing == "training"


def test_what_the_expert_said_is_told_after_each_answer_in_training(db: Database, checks: list[int]) -> None:
    ann = Person(db, THREE)
    assert ann.answers(checks[0], RIGHT) == Feedback(True, RIGHT)
    assert ann.answers(checks[1], WRONG) == Feedback(False, RIGHT)
    assert ann.answers(checks[2], [1, 1]) == Feedback(False, RIGHT), "a tie is not the expert's order"


def test_who_passes_does_live_work_and_is_told_nothing_more(db: Database, compare: Callable, checks: list[int]) -> None:
    ann = Person(db, THREE)
    plain = compare(db, 1)
    ann.answers_all(checks[:3], [RIGHT, RIGHT, WRONG])
    assert ann.standing == "live"
    [held] = qualifications.held(db, ann.id)
    assert (held.name, held.score) == ("qualified", pytest.approx(2 / 3))
    entry = audit.listing(db)[0]
    assert (entry.actor, entry.action, entry.subject) == ("rule", "qualify", f"annotator {ann.id}")
    ann.second += 1
    assert ids(ann.asks()) == plain
    assert ann.answers(checks[3], WRONG) is None
    assert ann.standing == "live", "later answers take nothing away without a floor"


def test_the_same_answer_again_is_told_the_same(db: Database, checks: list[int]) -> None:
    ann = Person(db, THREE)
    ann.answers_all(checks[:3], [RIGHT, RIGHT, WRONG])
    last = ann.is_told(judgments.live(db, annotator_id=ann.id)[-1])
    assert last == Feedback(False, RIGHT), "the answer that decided was given in training"
    assert ann.standing == "live"
    assert len(qualifications.held(db, ann.id)) == 1


def test_who_fails_gets_neither_live_work_nor_check_questions(
    db: Database, compare: Callable, checks: list[int]
) -> None:
    ann = Person(db, THREE)
    compare(db, 2)
    ann.answers_all(checks[:3], [RIGHT, WRONG, WRONG])
    assert ann.standing == "not_qualified"
    assert (ann.asks().state, ann.asks().questions) == ("not_qualified", [])


def test_the_first_answer_to_each_counts(db: Database, checks: list[int]) -> None:
    ann = Person(db, THREE)
    ann.answers_all(checks[:2], [WRONG, WRONG])
    ann.answers_all(checks[:2], [RIGHT, RIGHT])
    assert qualifying.missing(db, ann.id, THREE) == 1, "a changed answer is no further one"
    ann.answers(checks[2], RIGHT)
    assert ann.standing == "not_qualified", "what the expert told does not help"


def test_a_skip_is_neither_right_nor_wrong(db: Database, checks: list[int]) -> None:
    ann = Person(db, THREE)
    assert ann.answers(checks[0], None, "unclear") is None
    assert qualifying.missing(db, ann.id, THREE) == 3
    assert ids(ann.asks(limit=3)) == checks[1:4], "another one takes its place"
    ann.answers_all(checks[1:4], [RIGHT, RIGHT, RIGHT])
    assert qualifications.held(db, ann.id)[0].score == 1.0


def test_of_check_questions_that_were_retired_nothing_counts(db: Database, checks: list[int]) -> None:
    ann = Person(db, THREE)
    ann.answers_all(checks[:2], [WRONG, RIGHT])
    db.execute("UPDATE comparisons SET held_back = 1 WHERE id = ?", [checks[0]])
    assert qualifying.missing(db, ann.id, THREE) == 2


def test_where_there_are_too_few_check_questions_nobody_gets_further(db: Database, compare: Callable) -> None:
    compare(db, 1)
    [only] = compare(db, 1, first=1, purpose="check", expert=RIGHT)
    ann = Person(db, THREE)
    assert ids(ann.asks()) == [only]
    ann.answers(only, RIGHT)
    assert (ann.asks().state, ann.standing) == ("checks_missing", "training")


def test_another_try_is_with_questions_that_were_not_asked_yet(db: Database, checks: list[int]) -> None:
    ann = Person(db, THREE)
    ann.answers_all(checks[:3], [WRONG, WRONG, WRONG])
    qualifying.qualify_again(db, ann.id, by="lead", now=ann.now)
    assert (ann.standing, qualifying.missing(db, ann.id, THREE)) == ("training", 3)
    assert ids(ann.asks()) == checks[3:6]
    ann.answers_all(checks[3:6], [RIGHT, RIGHT, RIGHT])
    assert ann.standing == "live"
    assert [one.action for one in audit.listing(db)] == ["qualify", "qualify again", "qualify"]


def test_a_lead_qualifies_in_spite_of_the_answers(db: Database, checks: list[int]) -> None:
    ann = Person(db, THREE)
    ann.answers_all(checks[:3], [WRONG, WRONG, WRONG])
    qualifying.qualify(db, ann.id, by="lead", now=ann.now)
    assert ann.standing == "live"
    assert [one.name for one in qualifications.held(db, ann.id)] == ["qualified"]
    assert audit.listing(db)[0].actor == "lead"


@pytest.mark.parametrize("act", [qualifying.qualify, qualifying.qualify_again])
def test_nobody_is_qualified_who_is_not_there(db: Database, act: Callable) -> None:
    with pytest.raises(InvalidInput):
        act(db, 99, by="lead", now=NOW)
    assert audit.listing(db) == []


def test_who_falls_below_the_floor_is_paused_by_rule(db: Database, compare: Callable, checks: list[int]) -> None:
    ann = Person(db, FLOOR)
    compare(db, 1)
    ann.answers_all(checks[:3], [RIGHT, WRONG, WRONG])
    assert annotators.get(db, ann.id).paused_at is None, "fewer than the window say nothing"
    assert ann.answers(checks[3], WRONG) is None
    assert annotators.get(db, ann.id).paused_why == "checks"
    assert ann.asks().state == "paused_by_checks"
    entry = audit.listing(db)[0]
    assert (entry.actor, entry.action, entry.detail) == (
        "rule", "pause", {"why": "checks", "share": 0.25, "floor": 0.5, "checks": 4},
    )  # fmt: skip


def test_at_the_floor_nobody_is_paused(db: Database, checks: list[int]) -> None:
    ann = Person(db, FLOOR)
    ann.answers_all(checks[:4], [RIGHT, WRONG, RIGHT, WRONG])
    assert annotators.get(db, ann.id).paused_at is None


def test_only_the_latest_answers_count_for_the_floor(db: Database, checks: list[int]) -> None:
    ann = Person(db, FLOOR)
    ann.answers_all(checks[:5], [WRONG, RIGHT, RIGHT, WRONG, RIGHT])
    ann.answers(checks[5], None, "unclear")
    ann.answers(checks[6], WRONG)
    assert annotators.get(db, ann.id).paused_at is None, "two of the latest four"
    ann.answers(checks[7], WRONG)
    assert annotators.get(db, ann.id).paused_why == "checks"


def test_after_a_pause_a_person_starts_anew(db: Database, compare: Callable, checks: list[int]) -> None:
    ann = Person(db, FLOOR)
    ann.answers_all(checks[:4], [WRONG] * 4)
    annotators.resume(db, ann.id)
    ann.answers(checks[4], WRONG)
    assert annotators.get(db, ann.id).paused_at is None, "the answers before the pause do not count again"
    ann.answers_all(checks[5:8], [WRONG] * 3)
    assert annotators.get(db, ann.id).paused_why == "checks"


def test_answers_in_training_do_not_count_for_the_floor(db: Database, checks: list[int]) -> None:
    ann = Person(db, Qualifying(questions=3, pass_mark=0.3, floor=0.9, window=2))
    ann.answers_all(checks[:3], [RIGHT, WRONG, WRONG])
    assert ann.standing == "live"
    assert ann.answers(checks[3], RIGHT) is None
    assert annotators.get(db, ann.id).paused_at is None
    ann.answers(checks[4], WRONG)
    assert annotators.get(db, ann.id).paused_why == "checks"


def test_what_is_no_check_question_decides_nothing(db: Database, compare: Callable, checks: list[int]) -> None:
    ann = Person(db, THREE)
    [plain] = compare(db, 1)
    assert ann.answers(plain, WRONG) is None
    assert qualifying.missing(db, ann.id, THREE) == 3
    assert comparisons.get(db, plain).answers == 1


def test_a_rule_that_came_later_decides_on_the_answers_that_are_there(
    db: Database, compare: Callable, checks: list[int]
) -> None:
    plain = compare(db, 1)
    passes, fails = Person(db, Qualifying(), "ann"), Person(db, Qualifying(), "bob")
    for person, first in ((passes, RIGHT), (fails, WRONG)):
        person.answers_all(checks, [first, first, RIGHT, *[WRONG] * 5])  # all there are: nothing is left to ask
        person.rule = THREE
    assert (passes.asks().state, ids(passes.asks()), passes.standing) == ("ready", plain, "live")
    assert (fails.asks().state, fails.standing) == ("not_qualified", "not_qualified")


def test_a_rule_that_asks_for_fewer_now_decides_at_once(db: Database, compare: Callable, checks: list[int]) -> None:
    plain = compare(db, 1)
    ann = Person(db, Qualifying(questions=6, pass_mark=0.6))
    ann.answers_all(checks[:4], [RIGHT, RIGHT, WRONG, WRONG])
    ann.rule = THREE
    assert ids(ann.asks()) == plain
    assert qualifications.held(db, ann.id)[0].score == pytest.approx(2 / 3)


def test_what_was_skipped_in_training_comes_again_after_the_others(
    db: Database, compare: Callable, checks: list[int]
) -> None:
    plain = compare(db, 1)
    ann = Person(db, Qualifying(questions=8, pass_mark=0.6))
    for skipped in (checks[1], checks[0]):
        ann.answers(skipped, None, "unclear")
    assert ids(ann.asks(limit=8)) == [*checks[2:], checks[1], checks[0]], "the earliest skip first"
    assert ids(ann.asks(limit=8)) == [*checks[2:], checks[1], checks[0]], "and what is held is held"
    ann.answers_all(checks[2:], [RIGHT] * 6)
    ann.answers(checks[1], None, "unclear")
    assert ids(ann.asks(limit=8)) == [checks[0], checks[1]]
    assert ann.answers(checks[1], RIGHT) == Feedback(True, RIGHT)
    ann.answers(checks[0], WRONG)
    assert ids(ann.asks()) == plain


def test_an_answer_that_was_taken_back_with_its_import_is_none(db: Database, checks: list[int]) -> None:
    ann = Person(db, Qualifying(questions=8, pass_mark=0.6))
    ann.answers(checks[0], RIGHT)
    db.execute("INSERT INTO withdrawn_judgments (judgment_id, at) SELECT MAX(id), ? FROM judgments", [NOW])
    comparisons.recount(db, checks[0])
    ann.answers(checks[0], None, "unclear")
    ann.answers_all(checks[1:], [RIGHT] * 7)
    assert ids(ann.asks()) == checks[:1]
    ann.answers(checks[0], RIGHT)
    assert ann.standing == "live"


def test_a_skip_of_long_ago_can_be_answered_where_it_comes_again(
    db: Database, compare: Callable, checks: list[int]
) -> None:
    ann = Person(db, Qualifying())
    ann.answers(checks[0], None, "unclear")
    for comparison in compare(db, judgments.LAST_CHANGEABLE):
        ann.answers(comparison, RIGHT)
    with pytest.raises(InvalidInput, match="too long ago"):
        ann.answers(checks[0], RIGHT)
    ann.rule = Qualifying(questions=8, pass_mark=0.0)
    ann.answers_all(checks[1:], [RIGHT] * 7)
    assert ids(ann.asks()) == checks[:1]
    assert ann.answers(checks[0], RIGHT) == Feedback(True, RIGHT)
    assert ann.standing == "live"


def test_a_try_goes_on_where_the_clock_is_set_back(db: Database, compare: Callable, checks: list[int]) -> None:
    ann = Person(db, Qualifying(questions=2, floor=0.9, window=1))
    plain = compare(db, 1)
    ann.answers(checks[0], WRONG)
    qualifying.qualify_again(db, ann.id, by="lead", now="2027-01-01T00:00:00.000Z")
    assert qualifying.missing(db, ann.id, ann.rule) == 2, "what came before counts for no later try"
    ann.answers_all(checks[1:3], [RIGHT, RIGHT])
    assert ann.standing == "live"
    ann.second -= 3600
    assert ids(ann.asks()) == plain
    assert ann.answers(checks[3], WRONG) is None, "live work, whatever the clock says"
    assert annotators.get(db, ann.id).paused_why == "checks"


def test_an_answer_that_was_changed_after_the_expert_was_told_refills_no_window(
    db: Database, checks: list[int]
) -> None:
    ann = Person(db, Qualifying(questions=3, pass_mark=0.0, floor=0.5, window=2))
    ann.answers_all(checks[:3], [WRONG, WRONG, WRONG])
    ann.answers(checks[3], WRONG)
    ann.answers(checks[0], RIGHT)
    assert annotators.get(db, ann.id).paused_at is None, "one answer of live work, and no more"
    ann.answers(checks[4], WRONG)
    assert annotators.get(db, ann.id).paused_why == "checks"
