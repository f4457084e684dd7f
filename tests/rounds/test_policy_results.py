"""The result of two policies judged blind: worked by hand, honest with few judgments, like a bootstrap with many."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from feedback_store import annotators, comparisons, completions, judgments, policies, prompts, runs
from feedback_store.comparisons import NewComparison
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.judgments import NewJudgment
from feedback_store.prompts import NewPrompt
from rounds.blind_results import result_of
from rounds.policy_results import BlindJudgment, summarise, wilson


def judged(wins: int, ties: int = 0, losses: int = 0) -> list[BlindJudgment]:
    outcomes = ["win"] * wins + ["tie"] * ties + ["loss"] * losses
    return [BlindJudgment(n, n, True, outcome) for n, outcome in enumerate(outcomes)]  # type: ignore[arg-type]


def test_seven_of_ten_cannot_be_told_apart_yet() -> None:
    result = summarise(judged(7, 0, 3))
    assert (result.wins, result.losses, result.share, result.judgments) == (7, 3, 0.7, 10)
    # Newcombe's method 4 for 7 of 10, worked by hand: (17.8415 -+ (1.96 root + 1)) / 27.683.
    assert (result.low, result.high) == pytest.approx((0.3535, 0.9190), abs=5e-4)
    assert result.cannot_tell and result.interval == "wilson"
    # n 0.2 - 1/2 = 0.98 sqrt(n) at n = 28.8.
    assert result.more_judgments == 19


def test_a_ranking_is_one_judgment_however_many_pairs_it_gives() -> None:
    # Two people ranked four texts, two of each policy: four pairs of the two policies each, of weight 2 / 4.
    pairs = [BlindJudgment(n // 4, n // 4, n < 4, "win" if n % 4 else "loss", weight=0.5) for n in range(8)]
    result = summarise(pairs)
    assert (result.judgments, result.held_out, result.prompts) == (2, 1, 2)
    assert (result.wins, result.losses, result.share) == (3.0, 1.0, 0.75)
    # Worked by hand: n 0.25 - 1/2 = 0.98 sqrt(n) at n = 19.1, and a prompt is a judgment here.
    assert result.more_judgments == 18


def test_nothing_judged_says_nothing() -> None:
    result = summarise([])
    assert (result.share, result.low, result.high, result.cannot_tell) == (None, 0.0, 1.0, True)
    assert result.more_judgments is None and result.interval == "none"


def test_from_0_to_20_judgments_the_interval_lies_around_the_share_and_inside_0_to_1() -> None:
    for wins, ties, losses in product(range(8), range(6), range(7)):
        if wins + ties + losses == 0:
            continue
        result = summarise(judged(wins, ties, losses))
        assert result.share is not None and 0 <= result.low <= result.share <= result.high <= 1
        turned = summarise(judged(losses, ties, wins))
        assert (turned.low, turned.high) == pytest.approx((1 - result.high, 1 - result.low))
        assert turned.more_judgments == result.more_judgments


def test_all_alike_takes_six() -> None:
    assert summarise(judged(5)).cannot_tell
    assert summarise(judged(5)).more_judgments == 1
    told = summarise(judged(6))
    assert not told.cannot_tell and told.high == 1.0 and told.more_judgments == 0
    assert summarise(judged(0, 9)).cannot_tell, "nine ties tell nothing"


def test_equal_policies_are_told_apart_by_few_judgments_one_time_in_twenty_at_most() -> None:
    draw = np.random.default_rng(0)
    for number in (4, 8, 13, 20):
        told = [not _told_nothing(int(draw.binomial(number, 0.5)), number) for _ in range(4000)]
        assert np.mean(told) <= 0.055


def _told_nothing(wins: int, number: int) -> bool:
    low, high = wilson(wins / number, number)
    return low <= 0.5 <= high


def test_judgments_of_one_prompt_count_as_about_one() -> None:
    alone = summarise(judged(8))
    together = summarise([BlindJudgment(n, 1, True, "win") for n in range(8)])
    assert not alone.cannot_tell and together.cannot_tell


def test_many_judgments_give_the_interval_of_a_bootstrap_over_prompts() -> None:
    draw = np.random.default_rng(1)
    many = []
    for prompt in range(150):
        leaning = draw.beta(2, 1.5)
        many += [
            BlindJudgment(3 * prompt + n, prompt, True, "win" if draw.random() < leaning else "loss") for n in range(3)
        ]
    result = summarise(many)
    assert result.interval == "by prompt"
    by_prompt = np.array([[one.outcome == "win" for one in many if one.prompt_id == n] for n in range(150)]).mean(1)
    shares = [by_prompt[draw.integers(0, 150, 150)].mean() for _ in range(4000)]
    assert (result.low, result.high) == pytest.approx(tuple(np.quantile(shares, [0.025, 0.975])), abs=0.01)


def on_prompts(prompts: int, each: int, share: float) -> list[BlindJudgment]:
    """`each` judgments of every prompt, the wins spread evenly over them."""
    numbers = range(prompts * each)
    return [
        BlindJudgment(n, n // each, True, "win" if int((n + 1) * share) > int(n * share) else "loss") for n in numbers
    ]


def test_more_judgments_of_few_prompts_tell_more_and_the_promise_is_kept() -> None:
    few = summarise(on_prompts(20, 2, 0.6))
    assert few.interval == "by prompt" and few.cannot_tell and few.more_judgments is not None
    each = -(-(40 + few.more_judgments) // 20)
    assert not summarise(on_prompts(20, each + 1, 0.6)).cannot_tell
    assert summarise(on_prompts(20, each - 1, 0.6)).cannot_tell
    many = summarise(on_prompts(20, 50, 0.65))
    assert not many.cannot_tell
    # Prompts that agree by chance prove nothing: no narrower than 650 of 1,000 prompts.
    assert (many.low, many.high) == pytest.approx(wilson(0.65, 1000))


@pytest.mark.parametrize("counts", [[1] * 9 + [50], [1] * 11 + [20], [1, 1, 2, 2, 3, 4, 6, 8, 12, 20]])
def test_one_prompt_that_is_judged_most_does_not_decide(counts: list[int]) -> None:
    draw, missed = np.random.default_rng(2), 0
    for _ in range(200):
        leaning = draw.beta(2, 2, len(counts))
        prompts = np.repeat(np.arange(len(counts)), counts)
        made = [
            BlindJudgment(n, prompt, True, "win" if draw.random() < leaning[prompt] else "loss")
            for n, prompt in enumerate(prompts.tolist())
        ]
        missed += not summarise(made).cannot_tell
    assert missed <= 10


def test_where_nearly_all_are_alike_more_of_the_same_prompts_are_no_help() -> None:
    def ties(each: int) -> list[BlindJudgment]:
        places = [*range(10 * each)] * 3
        return [BlindJudgment(n, n // each, True, "win" if at < 3 * each else "tie") for n, at in enumerate(places)]

    once, often = (summarise(ties(each)) for each in (1, 20))
    assert once.interval == often.interval == "wilson"
    assert often.more_judgments in (0, None)


def test_where_prompts_differ_more_judgments_of_the_same_ones_are_no_help() -> None:
    # 13 of 20 prompts are won always, the others never: that is 13 of 20, however often it is said.
    split = [BlindJudgment(n, n % 20, True, "win" if n % 20 < 13 else "loss") for n in range(400)]
    result = summarise(split)
    assert result.cannot_tell and result.more_judgments is None
    # By hand: sd of the prompts sqrt(20 / 19 * 0.65 * 0.35) = 0.489, over sqrt(20) = 0.1094, times t(19) = 2.093.
    assert (result.low, result.high) == pytest.approx((0.65 - 0.229, 0.65 + 0.229), abs=5e-4)
    assert summarise(split[:20]).more_judgments is not None, "of each prompt once: others may be asked"
    few = [BlindJudgment(n, n % 5, True, "win" if n % 5 < 3 else "loss") for n in range(100)]
    assert summarise(few).cannot_tell and summarise(few).more_judgments is None


def test_what_was_shown_first_is_told() -> None:
    said = [
        BlindJudgment(1, 1, True, "win", True),
        BlindJudgment(2, 2, True, "loss", False),
        BlindJudgment(3, 3, True, "tie", True),
    ]
    assert summarise(said).first_shown_share == pytest.approx(2.5 / 3)
    assert summarise(judged(2)).first_shown_share is None


# -- from the store


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.create(tmp_path / "study") as database:
        policies.add_base(database, source="t", sha256="a" * 64, tokenizer_sha256="b" * 64, template_sha256="c" * 64)
        runs.enqueue(database, "train-policy", {})
        lease = runs.claim(database, "worker", lease_seconds=60)
        assert lease is not None
        policies.publish(
            database, lease, parent_id=1, folder="models/policy-1", base_sha256="a" * 64, manifest_sha256="d" * 64,
            metrics={},
        )  # fmt: skip
        yield database


def pair(db: Database, number: int, writers: tuple[int, int], split: str = "holdout", **fields: Any) -> int:
    prompt = prompts.add(db, [NewPrompt(prompts.from_text(f"{number}?"), split=split)], holdout_share=0.2, seed=0).ids[
        0
    ]
    texts = [NewCompletion(prompt, writer, f"{place} of {number}") for place, writer in enumerate(writers)]
    return comparisons.add(db, [NewComparison(prompt, completions.add(db, texts), **fields)])[0]


def judge(db: Database, comparison: int, ranks: list[int], shown: list[int]) -> None:
    person = annotators.ensure(db, "ann").id
    judgments.submit(db, NewJudgment(comparison, person, ranks, shown, f"key-{comparison}"))


def test_what_people_said_of_two_policies_is_found_whichever_stood_first(db: Database) -> None:
    judge(db, pair(db, 1, (1, 2)), [2, 1], [0, 1])  # policy-1 won, shown second
    judge(db, pair(db, 2, (2, 1), "train"), [1, 2], [0, 1])  # won, shown first
    judge(db, pair(db, 3, (2, 1)), [1, 1], [1, 0])  # tie, shown second
    judge(db, pair(db, 4, (2, 2)), [1, 2], [0, 1])  # one policy alone says nothing
    judge(db, pair(db, 5, (2, 1), is_random=False, chosen_by="rule"), [1, 2], [0, 1])  # chosen because it is hard
    judge(db, pair(db, 6, (2, 1), purpose="repeat"), [1, 2], [0, 1])
    judge(db, pair(db, 7, (1, 2), purpose="evaluation"), [1, 2], [0, 1])  # lost
    result = result_of(db, "policy-1", "base")
    assert (result.wins, result.ties, result.losses, result.held_out) == (2, 1, 1, 3)
    assert result.first_shown_share == pytest.approx((1 + 0 + 0.5 + 1) / 4)
    turned = result_of(db, "base", "policy-1")
    assert (turned.wins, turned.ties, turned.losses) == (1, 1, 2)
    assert result_of(db, "base", "base").judgments == 0


def test_the_judgments_of_two_policies_are_found_by_indexes(db: Database) -> None:
    from feedback_store.judged_policies import OF_TWO

    plan = db.rows(f"EXPLAIN QUERY PLAN {OF_TWO}", {"low": 1, "high": 2, "latest": 10})
    slow = [row["detail"] for row in plan if "SCAN" in row["detail"] or "TEMP B-TREE" in row["detail"]]
    assert [one for one in slow if "(subquery" not in one and "json" not in one] == []
