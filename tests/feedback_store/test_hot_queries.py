"""What happens on every key press reads indexes, whatever the size of the study: the plan of each statement is looked
at. Counts kept up to date are those of the rows.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from feedback_store import (
    annotators,
    clock,
    comparisons,
    completions,
    exclusions,
    judgments,
    policies,
    prompts,
    questions,
    runs,
)
from feedback_store.comparisons import NewComparison
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.drawing import Asking
from feedback_store.judgments import NewJudgment
from feedback_store.prompts import NewPrompt

NOW = "2026-11-23T10:00:00.000Z"
SHARES = Asking(check_share=0.4, repeat_share=0.4, repeat_after=1, daily_quota=1000, prompt_quota=5)
# A handful of rows each: the tallies, a list given with the question, a row made of constants, the candidates of a
# comparison, what is held back (an index of those rows alone), who is left out; and the walks through what is open and
# through the check questions in their order, which a limit ends.
SMALL = (
    "SCAN tallies",
    "VIRTUAL TABLE",
    "SCAN CONSTANT ROW",
    "SCAN rounds",
    "SCAN exclusions",
    "SCAN (subquery",
    "SCAN c USING INDEX comparisons_askable",
    "SCAN c USING INDEX comparisons_checks",
    "SCAN comparisons USING INDEX comparisons_held_back",
)
GROUPS_OF_FEW = ("FROM tallies", "FROM comparisons WHERE held_back = 1")


@contextmanager
def statements(db: Database) -> Iterator[list[str]]:
    """The statements that run meanwhile, with their values; those inside triggers are comments."""
    seen: list[str] = []
    db.connection().set_trace_callback(seen.append)
    yield seen
    db.connection().set_trace_callback(None)


def slow_steps(db: Database, run: list[str]) -> list[str]:
    """The steps of their plans that grow with the study."""
    # The plan of an INSERT shows checks of foreign keys that run only where a constraint is deferred: none is here.
    explained = [text for text in dict.fromkeys(run) if text.lstrip().startswith(("SELECT", "UPDATE"))]
    assert explained
    steps = [
        (text, row["detail"]) for text in explained for row in db.rows(f"EXPLAIN QUERY PLAN {text}") if row["detail"]
    ]
    return [
        f"{detail}: {text}"
        for text, detail in steps
        if ("SCAN" in detail and not any(small in detail for small in SMALL))
        or ("TEMP B-TREE" in detail and not any(few in text for few in GROUPS_OF_FEW))
    ]


@pytest.fixture
def busy(db: Database, compare: Callable, judge: Callable) -> Database:
    """A study with a bit of everything, so that every branch of the hand-out runs."""
    for comparison in compare(db, 8):
        judge(db, comparison, [1, 2], shown=[1, 0])
    compare(db, 20, first=8)
    compare(db, 5, first=28, language="zh", tags=["law"], overlap=3)
    compare(db, 4, first=33, purpose="check", expert=[1, 2])
    return db


def test_asking_judging_and_taking_back_read_indexes_only(busy: Database) -> None:
    ann, bob = annotators.ensure(busy, "ann").id, annotators.ensure(busy, "bob").id
    annotators.asked_of(busy, bob, languages=["zh", "en"], tags=["law"])
    with statements(busy) as run:
        for person in (ann, bob):
            for number in range(12):
                batch = questions.next_questions(busy, person, asking=SHARES, now=clock.after(NOW, number))
                for question in batch.questions[:1]:
                    key = f"{person}-{number}"
                    new = NewJudgment(question.comparison_public_id, person, [1, 2], question.shown, key)
                    judgments.submit(busy, new, now=clock.after(NOW, number))
        judgments.undo(busy, ann, "u1", now=NOW)
        judgments.undo(busy, ann, "u2", now=NOW, judgment_id=judgments.recent(busy, ann)[3].id)
        questions.renew(busy, ann, question.comparison_public_id, now=NOW)
        questions.handed_out(busy, ann, question.comparison_public_id)
        questions.give_back(busy, ann, question.comparison_public_id, now=NOW)
        questions.count_unseen(busy, ann, 50, now=NOW)
    purposes = {row["purpose"] for row in busy.rows("SELECT DISTINCT purpose FROM comparisons WHERE answers > 0")}
    assert purposes == {"training", "check", "repeat"}, "every branch ran"
    assert slow_steps(busy, run) == []


def test_counts_read_the_tallies_and_the_leases_in_force(busy: Database) -> None:
    ann = annotators.ensure(busy, "ann").id
    exclusions.leave_out(busy, annotator_id=ann, reason="clicks", by="lead")
    run_id = runs.enqueue(busy, "train-reward", {}).id
    with statements(busy) as run:
        comparisons.counts(busy, now=NOW)
        comparisons.counts(busy, 1, now=NOW)
        judgments.count(busy, purpose="training", split="train")
        exclusions.judgments_that_train(busy)
        judgments.count_new_to(busy, run_id)
        judgments.of_person_today(busy, ann, now=NOW)
        annotators.answers(busy, ann)
    assert slow_steps(busy, run) == []


def test_the_look_at_plans_sees_a_scan(busy: Database) -> None:
    with statements(busy) as run:
        busy.rows("SELECT * FROM judgments ORDER BY at")
    assert len(slow_steps(busy, run)) == 2


RECOUNT = """
SELECT COALESCE(round_id, 0) AS round_id, split, purpose, COUNT(*) AS comparisons, SUM(answers >= overlap) AS judged,
  SUM(answers) AS answers, SUM(decided) AS decided FROM comparisons WHERE withdrawn = 0 GROUP BY 1, 2, 3"""
ANSWERS = """
SELECT c.id, COUNT(j.id) AS answers, COUNT(j.ranks) AS decided FROM comparisons c
LEFT JOIN live_judgments j ON j.comparison_id = c.id GROUP BY c.id"""
WORK = """
SELECT annotator_id, substr(created_at, 1, 10) AS day, COUNT(*) AS answers FROM live_judgments GROUP BY 1, 2"""


class Study(RuleBasedStateMachine):
    """A study under everything that people do; after each step what is counted is what is there."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.db = Database.create(Path(self.folder.name) / "study")
        self.author = policies.external(self.db, "author").id
        self.people = [annotators.ensure(self.db, name).id for name in ("ann", "bob", "eve")]
        self.moment, self.number = NOW, 0
        self.add("train", "training", 2)

    def teardown(self) -> None:
        self.db.close()
        self.folder.cleanup()

    def key(self) -> str:
        self.number += 1
        return f"k{self.number}"

    @rule(
        split=st.sampled_from(prompts.SPLITS),
        purpose=st.sampled_from(["training", "evaluation", "check"]),
        overlap=st.integers(1, 3),
    )
    def add(self, split: str, purpose: str, overlap: int) -> None:
        new = NewPrompt(prompts.from_text(f"{self.key()}?"), split=split)
        prompt = prompts.add(self.db, [new], holdout_share=0, seed=0).ids[0]
        ids = completions.add(self.db, [NewCompletion(prompt, self.author, text) for text in "ab"])
        expert = [1, 2] if purpose == "check" else None
        comparison = NewComparison(prompt, ids, purpose=purpose, overlap=overlap, expert=expert)
        comparisons.add(self.db, [comparison], now=self.moment)

    @rule(who=st.integers(0, 2), limit=st.integers(1, 3))
    def ask(self, who: int, limit: int) -> None:
        asking = Asking(check_share=0.3, repeat_share=0.3, repeat_after=1, lease_seconds=60)
        batch = questions.next_questions(self.db, self.people[who], limit=limit, asking=asking, now=self.moment)
        assert (batch.state == "ready") == bool(batch.questions)
        for question in batch.questions:
            over = "purpose <> 'check' AND answers + (SELECT COUNT(*) FROM assignments a WHERE a.comparison_id = c.id"
            over += " AND a.ended_at IS NULL AND a.expires_at > ?) > overlap"
            query = f"SELECT 1 FROM comparisons c WHERE public_id = ? AND {over}"
            assert self.db.value(query, [question.comparison_public_id, self.moment]) is None

    @rule(who=st.integers(0, 2), skip=st.booleans(), answers=st.integers(1, 2))
    def judge(self, who: int, skip: bool, answers: int) -> None:
        held = self.db.rows(
            "SELECT comparison_id, shown FROM assignments WHERE annotator_id = ? AND ended_at IS NULL ORDER BY id",
            [self.people[who]],
        )
        for row in held[:answers]:
            shown = [0, 1] if row["shown"] == "[0, 1]" else [1, 0]
            ranks, skipped = (None, "unclear") if skip else ([1, 2], None)
            new = NewJudgment(row["comparison_id"], self.people[who], ranks, shown, self.key(), skipped=skipped)
            judgments.submit(self.db, new, now=self.moment)

    @rule(who=st.integers(0, 2), back=st.integers(0, 3))
    def edit(self, who: int, back: int) -> None:
        for old in judgments.recent(self.db, self.people[who])[back : back + 1]:
            new = NewJudgment(old.comparison_id, self.people[who], [1, 1], old.shown, self.key(), both_bad=True)
            assert judgments.submit(self.db, new, now=self.moment).supersedes_id == old.id

    @rule(who=st.integers(0, 2))
    def undo(self, who: int) -> None:
        judgments.undo(self.db, self.people[who], self.key(), now=self.moment)

    @rule(seconds=st.sampled_from([30, 61, 86400]))
    def wait(self, seconds: int) -> None:
        self.moment = clock.after(self.moment, seconds)

    @precondition(lambda self: self.db.value("SELECT COUNT(*) FROM comparisons") > 2)
    @rule(withdrawn=st.integers(0, 1))
    def withdraw(self, withdrawn: int) -> None:
        last = self.db.value("SELECT MAX(id) FROM comparisons WHERE answers = 0 AND purpose <> 'repeat'")
        if last is not None:
            self.db.execute("UPDATE comparisons SET withdrawn = ? WHERE id = ?", [withdrawn, last])
            comparisons.recount(self.db, last)

    @invariant()
    def counts_are_those_of_the_rows(self) -> None:
        kept = [row for row in self.db.rows("SELECT * FROM tallies") if row["comparisons"]]
        assert kept == self.db.rows(RECOUNT)
        stored = self.db.rows("SELECT id, answers, decided FROM comparisons ORDER BY id")
        assert stored == self.db.rows(ANSWERS)
        worked = self.db.rows("SELECT annotator_id, day, answers FROM work_days WHERE answers > 0")
        assert worked == self.db.rows(WORK)
        counts = comparisons.counts(self.db, now=self.moment)
        assert min(counts.ready, counts.leased, counts.judged) >= 0
        assert judgments.count(self.db, skips=True) == len(judgments.live(self.db))

    @invariant()
    def nobody_is_asked_the_same_pair_twice(self) -> None:
        again = self.db.rows(
            "SELECT 1 FROM assignments a JOIN comparisons c ON c.id = a.comparison_id JOIN candidates k"
            " ON k.comparison_id = c.id AND k.position = 0 WHERE c.purpose <> 'repeat'"
            " GROUP BY a.annotator_id, k.completion_id HAVING COUNT(DISTINCT c.id) > 1"
        )
        assert again == []


Study.TestCase.settings = settings(
    max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
TestWhatIsCounted = Study.TestCase
