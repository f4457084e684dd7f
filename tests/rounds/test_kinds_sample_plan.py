"""Which prompts a sampling run takes: pure functions."""

from collections import Counter

from feedback_store.prompts import Prompt
from rounds.kinds.sample import Plan, PlannedPair, next_batch, overlap, plan_pairs
from rounds.settings import SampleSettings


def prompts(number: int, split: str, first_id: int = 1) -> list[Prompt]:
    return [
        Prompt(first_id + place, [{"role": "user", "content": "?"}], str(place), split, "en", [], None, "", {})
        for place in range(number)
    ]


EVERYTHING = prompts(20, "train") + prompts(10, "holdout", first_id=101)


def planned(pairs=17, asked=None, previous_share=0.2, seed=0, everything=EVERYTHING):
    return plan_pairs(
        everything, asked or {}, pairs=pairs, holdout_questions=0.15, previous_share=previous_share, seed=seed
    )


def test_held_out_questions_come_on_top_and_are_their_share_of_all():
    pairs, _ = planned(pairs=17)
    assert Counter(pair.holdout for pair in pairs) == {False: 17, True: 3}
    assert all((pair.prompt_id > 100) == pair.holdout for pair in pairs)


def test_no_prompt_comes_twice_before_each_came_once():
    pairs, _ = planned(pairs=20)
    assert len({pair.prompt_id for pair in pairs if not pair.holdout}) == 20
    pairs, _ = planned(pairs=30)
    counts = Counter(pair.prompt_id for pair in pairs if not pair.holdout)
    assert set(counts.values()) == {1, 2}
    assert len({(pair.prompt_id, pair.index) for pair in pairs}) == len(pairs)


def test_prompts_asked_least_come_first():
    asked = dict.fromkeys(range(1, 16), 3)
    pairs, _ = planned(pairs=5, asked=asked)
    assert {pair.prompt_id for pair in pairs if not pair.holdout} == {16, 17, 18, 19, 20}


def test_a_fifth_is_against_the_previous_policy():
    pairs, _ = planned(pairs=20)
    assert sum(pair.against_previous for pair in pairs if not pair.holdout) == 4
    pairs, _ = planned(pairs=20, previous_share=0.0)
    assert not any(pair.against_previous for pair in pairs)


def test_the_plan_depends_on_the_seed_alone():
    assert planned(seed=1) == planned(seed=1)
    assert planned(seed=1) != planned(seed=2)


def test_a_study_without_prompts_has_an_empty_plan():
    assert planned(everything=[]) == ([], [])


def work_off(plan: Plan, drop) -> tuple[list, list]:
    """Runs the plan's batches where `drop(pair)` says which pairs cannot be compared."""
    done, batches = [], []
    while batch := next_batch(plan, done, size=8):
        reserve = batch[0] in plan.reserve
        kept = [pair for pair in batch if not drop(pair)]
        done.append(
            {
                "planned": 0 if reserve else len(batch),
                "reserve_training": sum(not pair.holdout for pair in batch) if reserve else 0,
                "reserve_holdout": sum(pair.holdout for pair in batch) if reserve else 0,
                "comparisons": len(kept),
                "holdout": sum(pair.holdout for pair in kept),
            }
        )
        batches.append(batch)
    return batches, done


def test_the_first_batch_is_small_and_the_others_are_full():
    pairs, reserve = planned(pairs=17)
    batches, done = work_off(Plan(1, None, 0, 2, pairs, reserve), drop=lambda pair: False)
    assert [len(batch) for batch in batches] == [2, 8, 8, 2]
    assert sum(batch["comparisons"] for batch in done) == 20


def test_reserve_prompts_make_up_for_what_was_dropped():
    pairs, reserve = planned(pairs=9)
    plan = Plan(1, None, 0, 8, pairs, reserve)
    dropped = set(pairs[:4])
    batches, done = work_off(plan, drop=lambda pair: pair in dropped)
    assert sum(batch["comparisons"] - batch["holdout"] for batch in done) == 9
    used = [pair for batch in batches for pair in batch]
    assert len(used) == len(set(used)) == len(pairs) + 4


def test_the_reserve_ends():
    pairs, reserve = planned(pairs=9)
    _, done = work_off(Plan(1, None, 0, 8, pairs, reserve), drop=lambda pair: True)
    assert sum(batch["comparisons"] for batch in done) == 0
    assert sum(batch["reserve_training"] for batch in done) == 9


def test_a_fifth_of_the_comparisons_is_judged_by_three_where_there_are_three():
    plan = Plan(1, None, 7, 2, [], [])
    pairs = [PlannedPair(prompt_id, 0, False, False) for prompt_id in range(1000)]
    drawn = Counter(overlap(SampleSettings(), plan, pair, people=9) for pair in pairs)
    assert set(drawn) == {1, 3}
    assert 150 <= drawn[3] <= 250
    assert {overlap(SampleSettings(), plan, pair, people=1) for pair in pairs} == {1}


def test_the_rule_chooses_on_training_prompts_but_for_the_share_that_is_left_to_chance():
    many = prompts(600, "train") + prompts(120, "holdout", first_id=1001)
    pairs, reserve = plan_pairs(many, {}, pairs=600, holdout_questions=0.15, previous_share=0.2, by_rule=True, seed=0)
    chosen = [pair for pair in pairs if pair.chosen]
    assert not any(pair.holdout or pair.against_previous for pair in chosen)
    free = [pair for pair in pairs if not pair.holdout and not pair.against_previous]
    assert 0.03 < 1 - len(chosen) / len(free) < 0.09
    assert any(pair.chosen for pair in reserve)
    without, _ = plan_pairs(many, {}, pairs=600, holdout_questions=0.15, previous_share=0.2, seed=0)
    assert not any(pair.chosen for pair in without)
    assert [pair.prompt_id for pair in without] == [pair.prompt_id for pair in pairs]
