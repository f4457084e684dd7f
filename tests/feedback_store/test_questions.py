"""The next question: leases with expiry, renewal, races, and the reasons for having none."""

from collections import Counter
from collections.abc import Callable

import pytest

import races
from feedback_store import annotators, clock, comparisons, completions, judgments, policies, prompts, questions, runs
from feedback_store.comparisons import NewComparison
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.drawing import Asking
from feedback_store.judgments import NewJudgment, submit
from feedback_store.prompts import NewPrompt
from feedback_store.questions import next_questions

NOW = "2026-11-23T10:00:00.000Z"
MINUTE = Asking(lease_seconds=60)


@pytest.fixture
def ann(db: Database) -> int:
    return annotators.ensure(db, "ann").id


@pytest.fixture
def bob(db: Database) -> int:
    return annotators.ensure(db, "bob").id


def asked(db: Database, annotator_id: int, **fields: object) -> list[int]:
    batch = next_questions(db, annotator_id, **{"now": NOW, **fields})  # type: ignore[arg-type]
    return [comparisons.get(db, one.comparison_public_id).id for one in batch.questions]


def answer(db: Database, comparison: int, annotator_id: int, now: str = NOW) -> judgments.Judgment:
    return submit(
        db, NewJudgment(comparison, annotator_id, [1, 2], [0, 1], f"{comparison}-{annotator_id}-{now}"), now=now
    )


def test_questions_come_in_order_and_to_one_person_only(db: Database, compare: Callable, ann: int, bob: int) -> None:
    ids = compare(db, 5)
    assert asked(db, ann) == ids[:3]
    assert asked(db, bob) == ids[3:4]
    assert asked(db, annotators.ensure(db, "eve").id) == ids[4:]
    assert next_questions(db, annotators.ensure(db, "joe").id, now=NOW).state == "others_hold"


def test_higher_priority_comes_first(db: Database, compare: Callable, ann: int) -> None:
    plain = compare(db, 2)
    urgent = compare(db, 1, first=2, priority=5)
    assert asked(db, ann, limit=2) == [urgent[0], plain[0]]


def test_whoever_chooses_gives_the_order(db: Database, compare: Callable, ann: int) -> None:
    ids = compare(db, 4)
    assert asked(db, ann, limit=2, comparison_ids=[ids[3], ids[1], ids[0]]) == [ids[3], ids[1]]


def test_a_question_shows_texts_in_the_drawn_order_and_no_policy(db: Database, ann: int) -> None:
    author = policies.external(db, "author").id
    prompt_id = prompts.add(db, [NewPrompt(prompts.from_text("Why?"))], holdout_share=0, seed=0).ids[0]
    texts = [("A", "stop"), ("B", "length")]
    ids = completions.add(db, [NewCompletion(prompt_id, author, text, finish_reason=end) for text, end in texts])
    comparisons.add(db, [NewComparison(prompt_id, ids)])
    [question] = next_questions(db, ann, now=NOW).questions
    assert question.prompt == [{"role": "user", "content": "Why?"}]
    assert [(one.text, one.cut_off) for one in question.completions] == [
        (texts[place][0], texts[place][1] == "length") for place in question.shown
    ]
    assert next_questions(db, ann, now=NOW).left == 1
    assert "author" not in repr(question)
    assert questions.shown_to(db, ann, question.comparison_public_id) == question.shown


def test_the_order_of_the_sides_is_seeded_and_even(db: Database, compare: Callable, ann: int, bob: int) -> None:
    compare(db, 200)
    first = {
        one.comparison_public_id: one.shown
        for one in next_questions(db, ann, limit=200, asking=Asking(seed=3), now=NOW).questions
    }
    on_the_left = Counter(shown[0] for shown in first.values())
    assert 70 <= on_the_left[0] <= 130
    for public_id in first:
        questions.give_back(db, ann, public_id, now=NOW)
    again = {
        one.comparison_public_id: one.shown
        for one in next_questions(db, ann, limit=200, asking=Asking(seed=3), now=NOW).questions
    }
    assert again == first


def test_asking_again_renews_the_same_questions(db: Database, compare: Callable, ann: int, bob: int) -> None:
    ids = compare(db, 4)
    first = next_questions(db, ann, now=NOW, asking=MINUTE)
    later = clock.after(NOW, 59)
    again = next_questions(db, ann, now=later, asking=MINUTE)
    assert [one.comparison_public_id for one in again.questions] == [
        one.comparison_public_id for one in first.questions
    ]
    assert [one.shown for one in again.questions] == [one.shown for one in first.questions]
    assert again.questions[0].lease_expires_at == clock.after(later, 60)
    assert asked(db, bob, now=clock.after(NOW, 61)) == ids[3:]


def test_an_expired_lease_is_free_and_its_late_answer_kept(db: Database, compare: Callable, ann: int, bob: int) -> None:
    [comparison] = compare(db)
    assert asked(db, ann, asking=MINUTE) == [comparison]
    later = clock.after(NOW, 60)
    assert asked(db, bob, now=later) == [comparison]
    late = answer(db, comparison, ann, now=clock.after(NOW, 70))
    assert late.late
    in_time = answer(db, comparison, bob, now=clock.after(NOW, 80))
    assert not in_time.late
    assert judgments.live(db) == [late, in_time]
    assert comparisons.get(db, comparison).answers == 2


def test_an_answer_after_expiry_is_late_even_where_nobody_took_it(db: Database, compare: Callable, ann: int) -> None:
    [comparison] = compare(db)
    asked(db, ann, asking=MINUTE)
    assert answer(db, comparison, ann, now=clock.after(NOW, 61)).late
    assert next_questions(db, ann, now=NOW).state == "all_done"


def test_an_answer_within_the_lease_or_without_any_is_not_late(
    db: Database, compare: Callable, ann: int, bob: int
) -> None:
    one, two = compare(db, 2)
    asked(db, ann, limit=1)
    assert not answer(db, one, ann).late
    assert not answer(db, two, bob).late


def test_an_expired_lease_that_nobody_took_is_renewed(db: Database, compare: Callable, ann: int) -> None:
    ids = compare(db, 2)
    assert asked(db, ann, limit=1, asking=MINUTE) == ids[:1]
    assert asked(db, ann, limit=1, now=clock.after(NOW, 100)) == ids[:1]


def test_a_question_given_back_goes_to_others(db: Database, compare: Callable, ann: int, bob: int) -> None:
    [comparison] = compare(db)
    asked(db, ann)
    public_id = comparisons.get(db, comparison).public_id
    assert questions.give_back(db, ann, public_id, now=NOW)
    assert not questions.give_back(db, ann, public_id, now=NOW)
    assert asked(db, bob) == [comparison]


def test_nobody_is_asked_what_they_answered(db: Database, ann: int, bob: int, compare: Callable) -> None:
    [first] = compare(db)
    [shared] = compare(db, 1, first=1, overlap=2)
    assert asked(db, ann) == [first, shared]
    answer(db, shared, ann)
    assert asked(db, ann) == [first]
    assert asked(db, bob) == [shared]


def test_with_overlap_leases_and_answers_together_stay_within_it(db: Database, compare: Callable) -> None:
    [shared] = compare(db, overlap=3)
    people = [annotators.ensure(db, f"p{number}").id for number in range(5)]
    got = [asked(db, person, limit=1) == [shared] for person in people[:2]]
    answer(db, shared, people[0])
    got += [asked(db, person, limit=1) == [shared] for person in people[2:]]
    assert got == [True, True, True, False, False]


def test_the_reasons_for_no_question_are_told_apart(db: Database, compare: Callable, ann: int, bob: int) -> None:
    assert next_questions(db, ann, now=NOW).state == "none_yet"
    [comparison] = compare(db)
    asked(db, bob)
    assert next_questions(db, ann, now=NOW).state == "others_hold"
    answer(db, comparison, bob)
    assert next_questions(db, ann, now=NOW).state == "all_done"
    run = runs.enqueue(db, "sample", {})
    assert next_questions(db, ann, now=NOW).state == "none_yet"
    runs.cancel(db, run.id)
    assert next_questions(db, ann, now=NOW).state == "all_done"


def test_what_is_left_is_counted_without_what_others_hold(db: Database, compare: Callable, ann: int, bob: int) -> None:
    compare(db, 7)
    asked(db, bob, limit=2)
    assert next_questions(db, ann, limit=3, now=NOW).left == 5


def test_counts_tell_ready_leased_and_judged_by_split(db: Database, compare: Callable, ann: int) -> None:
    compare(db, 3)
    compare(db, 1, split="holdout")
    asked(db, ann, limit=2)
    answer(db, 1, ann)
    counts = comparisons.counts(db, now=NOW)
    assert (counts.ready, counts.leased, counts.judged, counts.total) == (2, 1, 1, 4)
    assert [(one.split, one.ready, one.leased, one.judged) for one in counts.slices] == [
        ("holdout", 1, 0, 0),
        ("train", 1, 1, 1),
    ]
    assert comparisons.counts(db, round_id=99, now=NOW).total == 0


@pytest.mark.parametrize("seed", range(5))
def test_eight_processes_that_race_never_exceed_the_overlap_and_lose_nothing(
    db: Database, compare: Callable, seed: int
) -> None:
    compare(db, 4)
    compare(db, 2, first=4, overlap=3)
    compare(db, 1, first=6, overlap=8)
    outcome = races.run(db, processes=8, seed=seed)
    assert outcome.acknowledged == 4 + 2 * 3 + 8
    assert (outcome.handed_out_too_often, outcome.lost, outcome.doubled, outcome.missing) == (0, 0, 0, 0)
