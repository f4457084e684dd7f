"""The next question: leases with expiry, renewal, races, and the reasons for having none."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

import races
from feedback_store import (
    annotators,
    clock,
    comparisons,
    completions,
    drawing,
    held_back,
    judgments,
    policies,
    prompts,
    qualifications,
    questions,
    runs,
)
from feedback_store.comparisons import NewComparison
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.drawing import Asking
from feedback_store.errors import InvalidInput
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


def asked(db: Database, annotator_id: int, **fields: Any) -> list[int]:
    batch = next_questions(db, annotator_id, **{"now": NOW, **fields})
    return [comparisons.get(db, one.comparison_public_id).id for one in batch.questions]


def shown_to(db: Database, annotator_id: int, comparison: int) -> list[int] | None:
    last = questions.handed_out(db, annotator_id, comparisons.get(db, comparison).public_id)
    return last.shown if last else None


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
    assert shown_to(db, ann, question.comparison_id) == question.shown


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


def test_what_replaces_a_late_answer_is_late_as_well(db: Database, compare: Callable, ann: int) -> None:
    [comparison] = compare(db)
    asked(db, ann, asking=MINUTE)
    assert answer(db, comparison, ann, now=clock.after(NOW, 61)).late
    assert answer(db, comparison, ann, now=clock.after(NOW, 62)).late


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


def test_what_is_held_over_its_expiry_is_not_handed_out_a_second_time_beside_itself(
    db: Database, compare: Callable, ann: int
) -> None:
    ids = compare(db, 3)
    assert asked(db, ann, limit=2, asking=MINUTE) == ids[:2]
    later = clock.after(NOW, 100)
    assert asked(db, ann, limit=3, now=later, asking=MINUTE) == ids
    assert db.value("SELECT COUNT(*) FROM assignments WHERE ended_at IS NULL") == 3
    assert db.value("SELECT COUNT(*) FROM assignments") == 3


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
    assert next_questions(db, ann, now=NOW).state == "no_prompts"
    prompts.add(db, [NewPrompt(prompts.from_text("Why?"))], holdout_share=0, seed=0)
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
    runs.enqueue(db, "sample", {})
    runs.fail(db, runs.claim(db, "worker", lease_seconds=60), "wrote nothing")  # type: ignore[arg-type]
    assert next_questions(db, ann, now=NOW).state == "not_written"


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


def test_people_get_what_is_in_their_languages(db: Database, compare: Callable, ann: int, bob: int) -> None:
    english = compare(db, 2)
    chinese = compare(db, 2, first=2, language="zh", priority=1)
    french = compare(db, 1, first=4, language="fr", priority=2)
    annotators.asked_of(db, ann, languages=["en", "zh"])
    annotators.asked_of(db, bob, languages=["de"])
    assert asked(db, ann, limit=5) == chinese + english
    assert next_questions(db, bob, now=NOW).state == "none_in_your_languages"
    assert asked(db, annotators.ensure(db, "eve").id, limit=5) == french, "no languages are any"


def test_people_get_prompts_that_share_a_tag_with_them(db: Database, compare: Callable, ann: int, bob: int) -> None:
    compare(db, 1)
    law = compare(db, 1, first=1, tags=["law", "tax"])
    annotators.asked_of(db, ann, languages=[], tags=["law", "art"])
    annotators.asked_of(db, bob, languages=[], tags=["art"])
    assert asked(db, ann) == law
    assert next_questions(db, bob, now=NOW).state == "no_match"


def test_a_qualification_has_to_be_held(db: Database, compare: Callable, ann: int, bob: int) -> None:
    needed = compare(db, 2, qualification="medicine")
    assert next_questions(db, ann, now=NOW).state == "no_match"
    qualifications.grant(db, ann, "medicine", now=NOW)
    qualifications.grant(db, bob, "law", now=NOW)
    assert asked(db, ann, limit=1) == needed[:1]
    assert next_questions(db, bob, now=NOW).state == "no_match"
    questions.give_back(db, ann, comparisons.get(db, needed[0]).public_id, now=NOW)
    qualifications.end(db, ann, "medicine", now=NOW)
    assert next_questions(db, ann, now=NOW).state == "no_match"


def test_who_is_paused_or_erased_gets_nothing_and_a_closed_study_asks_nobody(
    db: Database, compare: Callable, ann: int, bob: int
) -> None:
    [comparison] = compare(db)
    assert asked(db, ann) == [comparison]
    annotators.pause(db, ann, now=NOW)
    assert next_questions(db, ann, now=NOW).state == "paused"
    assert not answer(db, comparison, ann).late, "what is on its way is taken"
    annotators.resume(db, ann)
    db.execute("UPDATE annotators SET erased_at = ? WHERE id = ?", [NOW, bob])
    compare(db, first=1)
    assert next_questions(db, bob, now=NOW).state == "paused"
    assert next_questions(db, ann, asking=Asking(closed=True), now=NOW).state == "closed"
    assert asked(db, ann) == [2]


def test_a_round_that_is_paused_asks_nobody_for_now_and_a_closed_one_any_more(
    db: Database, compare: Callable, ann: int
) -> None:
    ids = compare(db, 2)
    assert asked(db, ann) == ids
    for refusing, state in ((Asking(paused=True), "round_paused"), (Asking(paused=True, closed=True), "closed")):
        batch = next_questions(db, ann, asking=refusing, now=NOW)
        assert (batch.state, batch.questions) == (state, [])
    assert not answer(db, ids[0], ann).late, "what is on its way is taken"
    assert asked(db, ann) == ids[1:], "opened again, it goes on with what was held"
    annotators.pause(db, ann, now=NOW)
    assert next_questions(db, ann, asking=Asking(closed=True), now=NOW).state == "paused", "their own pause is said"


def test_what_is_reserved_for_a_person_nobody_else_is_asked(
    db: Database, compare: Callable, ann: int, bob: int
) -> None:
    mine = compare(db, 1, reserved_for=ann, priority=3)
    plain = compare(db, 1, first=1)
    assert asked(db, bob, limit=5) == plain
    assert asked(db, ann, limit=5) == mine
    answer(db, plain[0], bob)
    assert questions.count_unseen(db, bob, 50, now=NOW) == 0
    assert next_questions(db, bob, now=NOW).state == "all_done"


def test_a_daily_quota_ends_at_midnight_utc(db: Database, compare: Callable, ann: int, bob: int) -> None:
    ids = compare(db, 4)
    quota = Asking(daily_quota=2)
    assert asked(db, ann, asking=quota) == ids[:2], "no more are held than may be answered"
    for comparison in ids[:2]:
        answer(db, comparison, ann)
    assert next_questions(db, ann, asking=quota, now=NOW).state == "quota_reached"
    assert asked(db, ann, asking=quota, now="2026-11-24T00:00:00.000Z") == ids[2:]
    annotators.set_daily_quota(db, bob, 0)
    assert next_questions(db, bob, asking=quota, now=NOW).state == "quota_reached"


def test_a_person_gets_no_more_of_a_prompt_than_its_quota(db: Database, compare: Callable, ann: int, bob: int) -> None:
    [first] = compare(db)
    prompt_id = comparisons.get(db, first).prompt_id
    author = policies.external(db, "author").id
    for number in range(2):
        texts = [NewCompletion(prompt_id, author, f"more {number} {side}") for side in "ab"]
        comparisons.add(db, [NewComparison(prompt_id, completions.add(db, texts))])
    [other] = compare(db, first=1)
    assert asked(db, ann, limit=4, asking=Asking(prompt_quota=2)) == [1, 2, other]
    for comparison in (1, 2, other):
        answer(db, comparison, ann)
    assert next_questions(db, ann, asking=Asking(prompt_quota=2), now=NOW).state == "quota_reached"
    assert asked(db, bob, asking=Asking(prompt_quota=2)) == [3]


def test_a_prompt_quota_leaves_evaluations_alone(db: Database, compare: Callable, ann: int) -> None:
    first = compare(db, split="holdout")
    prompt_id = comparisons.get(db, first[0]).prompt_id
    author = policies.external(db, "author").id
    for number, purpose in enumerate(("evaluation", "evaluation", "training")):
        texts = [NewCompletion(prompt_id, author, f"more {number} {side}") for side in "ab"]
        first += comparisons.add(db, [NewComparison(prompt_id, completions.add(db, texts), purpose=purpose)])
    quota = Asking(prompt_quota=1)
    assert asked(db, ann, limit=4, asking=quota) == first[:3]
    for comparison in first[:3]:
        answer(db, comparison, ann)
    assert next_questions(db, ann, asking=quota, now=NOW).state == "quota_reached"


def test_where_nothing_is_written_by_itself_nobody_is_told_to_wait_for_it(db: Database, ann: int) -> None:
    by_hand = Asking(refill=False)
    assert next_questions(db, ann, asking=by_hand, now=NOW).state == "no_prompts"
    prompts.add(db, [NewPrompt(prompts.from_text("Why?"))], holdout_share=0, seed=0)
    assert next_questions(db, ann, asking=by_hand, now=NOW).state == "none_started"
    run = runs.enqueue(db, "sample", {})
    assert next_questions(db, ann, asking=by_hand, now=NOW).state == "none_yet"
    runs.cancel(db, run.id)  # after which none is begun by itself
    assert next_questions(db, ann, asking=Asking(), now=NOW).state == "none_started"


def test_pairs_that_a_lead_has_to_look_at_first_are_not_called_judged(
    db: Database, compare: Callable, ann: int
) -> None:
    [open_one] = compare(db)
    [waits] = compare(db, first=1, held_back=True)
    answer(db, open_one, ann)
    assert next_questions(db, ann, now=NOW).state == "held_back"
    held_back.decide(db, comparisons.get(db, waits).public_id, serve=False, by="lead")
    assert next_questions(db, ann, now=NOW).state == "all_done"


def test_nobody_sees_the_same_two_completions_twice(db: Database, compare: Callable, ann: int, bob: int) -> None:
    [three] = compare(db, candidates=3)
    held = comparisons.get(db, three)
    a, b, c = held.completion_ids
    pair, turned = comparisons.add(db, [NewComparison(held.prompt_id, ids) for ids in ([a, b], [c, a])])
    assert asked(db, ann) == [three], "a ranking of three asks all its pairs"
    assert asked(db, bob) == [pair]
    answer(db, pair, bob)
    assert asked(db, bob) == [turned], "two pairs of one prompt are not the same pair"
    answer_all = NewJudgment(three, ann, [1, 2, 3], [0, 1, 2], "k")
    submit(db, answer_all, now=NOW)
    assert next_questions(db, ann, now=NOW).state == "all_done"
    assert next_questions(db, annotators.ensure(db, "eve").id, now=NOW).state == "others_hold"


def test_two_comparisons_of_the_same_pair_are_not_handed_out_together(
    db: Database, compare: Callable, ann: int
) -> None:
    [first] = compare(db)
    held = comparisons.get(db, first)
    comparisons.add(db, [NewComparison(held.prompt_id, held.completion_ids[::-1])])
    assert asked(db, ann) == [first]


def test_where_little_is_left_everybody_gets_a_share(db: Database, compare: Callable, ann: int, bob: int) -> None:
    ids = compare(db, 6)
    eve = annotators.ensure(db, "eve").id
    assert asked(db, ann) == ids[:3]
    assert asked(db, bob) == ids[3:4]
    assert asked(db, eve) == ids[4:5]
    answer(db, ids[0], ann)
    assert asked(db, ann) == ids[1:3], "who holds more than a share gets none in addition"


def test_a_lease_is_renewed_while_nobody_took_the_question(db: Database, compare: Callable, ann: int, bob: int) -> None:
    one, two = compare(db, 2)
    asked(db, ann, asking=MINUTE)
    public = [comparisons.get(db, comparison).public_id for comparison in (one, two)]
    later = clock.after(NOW, 59)
    assert questions.renew(db, ann, public[0], lease_seconds=60, now=later) == clock.after(NOW, 119)
    assert asked(db, bob, now=clock.after(NOW, 61)) == [two]
    assert questions.renew(db, ann, public[1], now=clock.after(NOW, 62)) is None
    assert questions.renew(db, ann, public[0], now=clock.after(NOW, 130)) == clock.after(NOW, 730), "ran out, not taken"
    answer(db, one, ann, now=clock.after(NOW, 131))
    assert questions.renew(db, ann, public[0], now=clock.after(NOW, 132)) is None


ALL_CHECKS = Asking(check_share=1.0)


def test_check_questions_come_to_everybody_once(db: Database, compare: Callable, ann: int, bob: int) -> None:
    plain = compare(db, 2)
    checks = compare(db, 2, first=2, purpose="check", expert=[1, 2])
    compare(db, 1, first=4, purpose="check")
    assert asked(db, ann, limit=4) == plain, "without a share there are none"
    for comparison in plain:
        questions.give_back(db, ann, comparisons.get(db, comparison).public_id, now=NOW)
    assert asked(db, ann, limit=4, asking=ALL_CHECKS) == [*checks, *plain], "one without an expert's answer is none"
    answer(db, checks[0], ann)
    for check in checks:
        assert asked(db, bob, asking=ALL_CHECKS) == [check]
        answer(db, check, bob)
    assert comparisons.counts(db, now=NOW).total == 2, "check questions are not of the round's work"


def test_a_repeat_turns_the_sides_of_an_own_answer_that_lies_far_enough_back(
    db: Database, compare: Callable, ann: int, bob: int
) -> None:
    ids = compare(db, 5)
    always = Asking(repeat_share=1.0, repeat_after=2)
    assert asked(db, ann, limit=2, asking=always) == ids[:2], "nothing lies two answers back yet"
    shown = {comparison: shown_to(db, ann, comparison) for comparison in ids}
    for comparison in ids[:2]:
        submit(db, NewJudgment(comparison, ann, [1, 2], shown[comparison], f"k{comparison}"), now=NOW)
    assert asked(db, ann, limit=1, asking=always) == [ids[2]]
    answer(db, ids[2], ann)
    batch = next_questions(db, ann, limit=2, asking=always, now=NOW)
    repeat, ordinary = [comparisons.get(db, one.comparison_public_id) for one in batch.questions]
    original = comparisons.get(db, ids[0])
    assert (repeat.purpose, repeat.repeats_id, repeat.reserved_for, repeat.overlap) == ("repeat", ids[0], ann, 1)
    assert repeat.completion_ids == original.completion_ids
    assert batch.questions[0].shown == shown[ids[0]][::-1]  # type: ignore[index]
    assert ordinary.id == ids[3]
    assert asked(db, bob, limit=5) == [ids[4]], "a repeat is reserved"
    answer(db, repeat.id, ann)
    answer(db, ids[3], ann)
    [again] = next_questions(db, ann, limit=1, asking=always, now=NOW).questions
    assert comparisons.get(db, again.comparison_public_id).repeats_id == ids[2], "the newest that is far enough back"


def test_a_repeat_given_back_is_asked_again_before_another_is_made(db: Database, compare: Callable, ann: int) -> None:
    always = Asking(repeat_share=1.0, repeat_after=0)
    [first, _] = compare(db, 2)
    submit(db, NewJudgment(first, ann, [1, 2], [1, 0], "k"), now=NOW)
    [repeat] = asked(db, ann, limit=1, asking=always)
    questions.give_back(db, ann, comparisons.get(db, repeat).public_id, now=NOW)
    [question] = next_questions(db, ann, limit=1, asking=always, now=NOW).questions
    assert (comparisons.get(db, question.comparison_public_id).id, question.shown) == (repeat, [0, 1])


def test_the_kind_of_a_question_depends_on_seed_person_and_place_alone() -> None:
    asking = Asking(check_share=0.03, repeat_share=0.03, seed=4)
    drawn = Counter(drawing.slot(asking, person, place) for person in range(20) for place in range(500))
    assert 200 <= drawn["check"] <= 400
    assert 200 <= drawn["repeat"] <= 400
    assert drawing.slot(asking, 1, 7) == drawing.slot(Asking(check_share=0.03, repeat_share=0.03, seed=4), 1, 7)
    by_seed = [
        [drawing.slot(Asking(check_share=0.3, repeat_share=0.3, seed=seed), 1, place) for place in range(50)]
        for seed in (0, 1)
    ]
    assert by_seed[0] != by_seed[1]


def test_check_questions_come_at_the_same_places_however_many_are_held_ahead(
    fresh: Callable[[], Database], compare: Callable
) -> None:
    kinds = []
    for limit in (1, 3):
        db = fresh()
        compare(db, 30)
        compare(db, 5, first=30, purpose="check", expert=[1, 2])
        person = annotators.ensure(db, "ann").id
        asking = Asking(check_share=0.2, repeat_share=0.2, repeat_after=3, seed=9)
        seen = []
        for number in range(20):
            question = next_questions(db, person, limit=limit, asking=asking, now=NOW).questions[0]
            found = comparisons.get(db, question.comparison_public_id)
            seen.append(found.purpose)
            submit(db, NewJudgment(found.id, person, [1, 2], question.shown, f"k{number}"), now=NOW)
        kinds.append(seen)
    assert set(kinds[0]) == {"training", "check", "repeat"}
    places = [[place for place, kind in enumerate(seen) if kind == "check"] for seen in kinds]
    assert places[0] == places[1]


def test_an_unknown_person_is_refused(db: Database) -> None:
    with pytest.raises(InvalidInput, match="no annotator 9"):
        next_questions(db, 9, now=NOW)


def test_a_question_taken_back_is_held_as_it_was_shown(db: Database, compare: Callable, ann: int) -> None:
    [comparison] = compare(db)
    [question] = next_questions(db, ann, now=NOW).questions
    submit(db, NewJudgment(comparison, ann, [1, 2], question.shown, "k"), now=NOW)
    assert questions.held_question(db, ann, comparison, now=NOW) is None
    judgments.undo(db, ann, "u", now=NOW)
    held = questions.held_question(db, ann, comparison, now=NOW)
    assert held is not None
    assert (held.comparison_public_id, held.shown) == (question.comparison_public_id, question.shown)
