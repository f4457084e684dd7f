"""Guards: what counts as collapse, what as chance, and which policy a run returns."""

import itertools
import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from language_models.errors import NothingToTrain
from language_models.model import LanguageModel
from language_models.sampling import Sampled, SampleRequest
from language_models.settings import LoraSettings, SamplingSettings
from policy_training import iterations, rollouts
from policy_training.algorithms import dpo, ppo
from policy_training.algorithms.settings.dpo import Settings as DPOSettings
from policy_training.algorithms.settings.ppo import Settings
from policy_training.guards import (
    Reading,
    Readings,
    alarms_of,
    distinct_pairs,
    distinct_pairs_without,
    equal_to_another,
    hacking_alarm,
    has_clearly_grown,
    jackknifed,
    may_follow,
    paired_difference,
    reading,
)
from policy_training.iterations import HELD_OUT_INDEX
from policy_training.learner import ADAPTER, TrainedPolicy
from policy_training.readings import readings_of
from policy_training.records import Given, HeldOut, Preference, PromptItem, RewardFunction, StepReport
from policy_training.settings import GuardSettings
from tiny_models import fresh_tiny

SETTINGS = Settings(
    steps=4,
    prompts_per_step=3,
    samples_per_prompt=2,
    learning_rate=3e-3,
    final_learning_rate_share=0.1,
    kl_budget_nats=1000.0,
    truncation_penalty=0.0,
    guards=GuardSettings(held_out_every=1),
    lora=LoraSettings(rank=4, alpha=8),
    sampling=SamplingSettings(max_new_tokens=12, batch_size=8),
)


def test_the_spread_of_texts_by_hand():
    # Pairs: (1,2) (2,1) (1,2) | (1,2) (2,1) (1,2) | (5,6): seven, of which (1,2) (2,1) (5,6) are distinct.
    assert equal_to_another([[1, 2, 1, 2], [1, 2, 1, 2], [5, 6]]) == [True, True, False]
    assert distinct_pairs([[1, 2, 1, 2], [1, 2, 1, 2], [5, 6]]) == 3 / 7
    assert distinct_pairs([[7], [8]]) == 1.0
    assert distinct_pairs([[1, 2] * 50]) == distinct_pairs([[1, 2] * 12])  # a long text repeats itself anyhow


def test_a_reading_by_hand():
    # Two completions of each of four prompts. Over completions: sd 0.5345, error 0.189; over prompts' means (1, 1, 0,
    # 0): sd 0.5774, error 0.2887, the larger.
    assert reading([1, 1, 1, 1, 0, 0, 0, 0], [5, 5, 6, 6, 7, 7, 8, 8], 9) == Reading(0.5, pytest.approx(0.288675))
    # Spread evenly all prompts' means are 0.5: what counts are the completions.
    assert reading([1, 0] * 4, [5, 5, 6, 6, 7, 7, 8, 8], 9) == Reading(0.5, pytest.approx(0.1889822))
    assert reading([1, 0, 1, 0], [5, 5, 5, 5], 1) == Reading(0.5, pytest.approx(0.288675))
    assert reading([1, 0, 1, 0], [5, 5, 5, 5], 2) == Reading(0.5, math.inf)
    assert reading([3.0], [5], 1) == Reading(3.0, math.inf)


def of_32(share: float) -> Reading:
    """That share of four completions of each of eight prompts, as even as it goes."""
    return reading([place < 32 * share for place in range(32)], [place % 8 for place in range(32)], 8)


def test_a_share_has_to_grow_past_its_limit_by_more_than_chance():
    assert not has_clearly_grown(of_32(0.0), of_32(2 / 32), 0.05)
    assert not has_clearly_grown(of_32(0.0), of_32(4 / 32), 0.05)  # 0.075 more than allowed, chance makes 2 * 0.059
    assert has_clearly_grown(of_32(0.0), of_32(8 / 32), 0.05)  # 0.2, of which chance makes 2 * 0.078
    assert has_clearly_grown(Reading(0.0, 0.0), Reading(0.0625, 0.0024), 0.05)
    assert not has_clearly_grown(Reading(7 / 8, 0.125), Reading(1.0, 0.0), 0.05)  # one text of eight


def test_prompts_that_always_end_so_raise_no_alarm_when_they_are_drawn_more_often():
    """A fifth of the prompts is always cut off and the policy never changes: of 400 comparisons of an iteration of 8
    prompts with another 2 look like a change. Counting the 32 completions as so many proofs 37 would."""
    drawn = np.random.default_rng(0).random((800, 8)) < 0.2
    readings = [reading(np.repeat(row, 4).tolist(), np.repeat(np.arange(8), 4).tolist(), 8) for row in drawn]
    pairs = zip(readings[::2], readings[1::2], strict=True)
    raised = sum(has_clearly_grown(first, now, 0.05) for first, now in pairs)
    assert raised < 10


def test_a_jackknifed_reading_by_hand():
    # Of a mean it gives the standard errors that a reading has.
    values, prompts = [1, 1, 1, 1, 0, 0, 0, 0], [5, 5, 6, 6, 7, 7, 8, 8]

    def mean(left_out: Sequence[int]) -> float:
        rows = [row for row in range(8) if row not in left_out]
        return sum(values[row] for row in rows) / len(rows)

    assert jackknifed(mean, prompts, 9) == Reading(0.5, pytest.approx(0.288675))
    assert jackknifed(mean, [5, 6, 7, 8, 5, 6, 7, 8], 9) == Reading(0.5, pytest.approx(0.1889822))
    assert jackknifed(lambda _: 3.0, [5], 1) == Reading(3.0, math.inf)
    assert jackknifed(mean, [5] * 8, 2) == Reading(0.5, math.inf)
    # Numbers 4, 2 of 2, 4 tokens: 6 / 6; without the first 2 / 4, without the second 4 / 2: sd 1.0607, halved by
    # sqrt(1 / 2) and not by sqrt(2).
    items = [PromptItem(1, [1]), PromptItem(2, [1])]
    drawn = [Sampled([7] * tokens, "a", "stop") for tokens in (2, 4)]
    entropy = readings_of(items, drawn, torch.tensor([4.0, 2.0]), 2).spread["entropy"]
    assert entropy == Reading(1.0, pytest.approx(0.75))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(0, 3), max_size=30), min_size=1, max_size=6), st.data())
def test_pairs_that_are_left_are_those_of_the_completions_that_are_left(texts: list[list[int]], data: st.DataObject):
    out = data.draw(st.sets(st.integers(0, len(texts) - 1)))
    left = [text for row, text in enumerate(texts) if row not in out]
    assert distinct_pairs_without(texts)(sorted(out)) == distinct_pairs(left)


def test_prompts_of_many_or_few_answers_raise_no_alarm_when_they_are_drawn_more_often():
    """A quarter of the prompts is answered at will, the others always in the same words, and the policy never changes:
    of 300 comparisons of an iteration of 8 prompts with another 2 look like a collapse. Without a margin for chance 27
    do."""
    random = np.random.default_rng(0)
    items = [PromptItem(place, [1]) for place in range(8) for _ in range(4)]

    def drawn() -> Readings:
        at_will = random.random(8) < 0.25
        texts = [
            random.integers(0, 1000, 24).tolist() if at_will[item.id] else [item.id * 100 + k for k in range(12)]
            for item in items
        ]
        nats = torch.tensor([len(text) * (1.5 if len(text) == 24 else 0.1) for text in texts])
        return replace(readings_of(items, [Sampled(text, "a", "stop") for text in texts], nats, 9), shares=CALM.shares)

    pairs = [(drawn(), drawn()) for _ in range(300)]
    assert sum(bool(alarms_of(first, now, GuardSettings())) for first, now in pairs) < 5
    certain = [tuple(without_error(one) for one in pair) for pair in pairs]
    assert sum(bool(alarms_of(first, now, GuardSettings())) for first, now in certain) > 20


def without_error(readings: Readings) -> Readings:
    return replace(readings, spread={code: Reading(one.mean, 0.0) for code, one in readings.spread.items()})


CALM = Readings(
    {"empty": of_32(0.0), "identical": of_32(0.0), "cut_off": of_32(0.125)},
    {"distinct": Reading(0.8, 0.02), "entropy": Reading(2.0, 0.1)},
)


@pytest.mark.parametrize(
    ("changed", "codes"),
    [
        ({}, []),
        ({"empty": 0.3}, ["empty"]),
        ({"identical": 0.5}, ["identical"]),
        ({"cut_off": 0.34375}, []),  # 0.17 more than allowed, chance makes 2 * 0.103
        ({"cut_off": 0.40625}, ["cut_off"]),  # 0.23, and 2 * 0.106
        ({"distinct": 0.35}, ["distinct"]),  # 0.05 below half, of which chance makes 2 * sqrt(0.01^2 + 0.02^2) = 0.045
        ({"distinct": 0.36}, []),
        ({"entropy": 0.38}, ["entropy"]),  # 0.22 below three tenths, and 2 * sqrt(0.03^2 + 0.1^2) = 0.209
        ({"entropy": 0.40}, []),
        ({"empty": 1.0, "entropy": 0.0}, ["empty", "entropy"]),
    ],
)
def test_what_is_past_its_limit_raises_its_alarm(changed: dict[str, float], codes: list[str]):
    assert [alarm.code for alarm in alarms_of(CALM, so(CALM, **changed), GuardSettings())] == codes


def so(usual: Readings, **changed: float) -> Readings:
    """Readings of which some are as given."""
    shares = {code: of_32(changed[code]) if code in changed else share for code, share in usual.shares.items()}
    spread = {code: replace(one, mean=changed.get(code, one.mean)) for code, one in usual.spread.items()}
    return Readings(shares, spread)


def test_what_was_so_from_the_start_is_no_collapse():
    repeating = so(CALM, empty=0.3, identical=0.5, cut_off=0.9, distinct=0.1, entropy=0.1)
    assert alarms_of(repeating, repeating, GuardSettings()) == []


def test_a_paired_difference_by_hand():
    mean, error = paired_difference([3.0, 2.0, 4.0], [1.0, 1.0, 1.0])  # 2, 1, 3: mean 2, sd 1
    assert (mean, error) == (2.0, pytest.approx(1 / 3**0.5))
    assert paired_difference([1.0], [0.0]) == (1.0, float("inf"))


def test_hacking_is_a_proxy_that_rises_while_the_held_out_scores_fall():
    best, worse = [1.0, 1.2, 0.8, 1.1], [0.1, 0.2, 0.0, 0.2]
    usual, risen = Reading(0.0, 0.1), Reading(2.0, 0.1)
    alarm = hacking_alarm(usual, risen, best, worse)
    assert alarm is not None
    assert (alarm.code, alarm.value, alarm.limit) == ("hacking", pytest.approx(0.125), pytest.approx(1.025))
    assert hacking_alarm(usual, Reading(0.2, 0.1), best, worse) is None  # the proxy rose by no more than chance
    assert hacking_alarm(usual, risen, best, best) is None
    assert hacking_alarm(usual, risen, [1.0, -1.0, 1.0, -1.0], [-1.0, 1.0, 0.9, -1.0]) is None  # chance


def spaces(_: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
    return [completion.text.count(" ") / 3 for completion in sampled]


def run(
    folder: Path, held_out: RewardFunction | None, settings: Settings = SETTINGS, cut_at: int | None = None,
    start: Path | None = None, reference: Path | None = None,
) -> tuple[TrainedPolicy, list[StepReport]]:  # fmt: skip
    model, reports = fresh_tiny(), list[StepReport]()
    if reference is not None:
        model.adapters.load("reference", reference / ADAPTER)
    items = [
        PromptItem(index, model.tokens([{"role": "user", "content": "word " * index + "?"}])) for index in range(7)
    ]

    def on_step(report: StepReport) -> None:
        reports.append(report)
        if report.step == cut_at:
            raise InterruptedError

    watched = HeldOut(items[4:], held_out) if held_out else None
    given = Given(
        model, items[:4], spaces, folder, on_step, held_out=watched, start_folder=start,
        reference_adapter="reference" if reference is not None else None,
    )  # fmt: skip
    return ppo.train(given, settings), reports


def in_turn(*means: float) -> RewardFunction:
    """Scores of the looks at the held-out prompts, one after the other."""
    looks = itertools.chain(means)

    def reward(items: Sequence[PromptItem], _: Sequence[Sampled]) -> list[float]:
        mean = next(looks)
        return [mean + 0.01 * place for place in range(len(items))]

    return reward


def test_the_policy_that_is_best_on_held_out_prompts_is_returned(tmp_path: Path):
    trained, reports = run(tmp_path, in_turn(0.0, 1.0, 3.0, 2.9999, 0.5))
    assert trained.steps == 2
    assert trained.metrics["held_out"] == pytest.approx(3.01)
    assert [round(report.metrics["held_out"]) for report in reports] == [0, 1, 3, 3, 1]
    last, _ = run(tmp_path / "without", None)
    assert last.steps == 4


def test_a_held_out_text_that_is_cut_off_pays_as_in_training(tmp_path: Path):
    ended: list[float] = []

    def flat(items: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
        ended.append(sum(one.finished for one in sampled) / len(sampled))
        return [1.0] * len(items)

    _, reports = run(tmp_path, flat, settings=SETTINGS.model_copy(update={"truncation_penalty": 0.3}))
    assert 0 < min(ended) < 1
    assert [report.metrics["held_out"] for report in reports] == pytest.approx([0.7 + 0.3 * share for share in ended])


def test_texts_that_no_longer_end_keep_a_policy_from_being_published_and_training_goes_on(tmp_path: Path, monkeypatch):
    shares = iter((0.0, 0.0, 0.0, 1.0, 0.0))
    monkeypatch.setattr(iterations, "readings_of", lambda *_: so(CALM, cut_off=next(shares)))
    trained, reports = run(tmp_path, in_turn(0.0, 1.0, 2.0, 3.0, 0.0))
    assert [[alarm.code for alarm in report.alarms] for report in reports] == [[], [], [], ["cut_off"], []]
    assert (trained.steps, trained.stopped_early) == (2, None)  # the third was best, the fourth is clearly worse


def test_a_later_policy_is_kept_where_few_prompts_cannot_tell_it_from_the_best(tmp_path: Path):
    best, alike, worse = [1.0, 0.2, 0.6, 0.9], [0.4, 0.7, 0.3, 1.1], [0.1, -0.2, 0.3, 0.2]
    # Differences 0.6, -0.5, 0.3, -0.2: mean 0.05 by 0.25; and 0.9, 0.4, 0.3, 0.7: mean 0.575 by 0.14.
    assert (may_follow(best, alike), may_follow(best, worse), may_follow(alike, best)) == (True, False, True)
    # Differences 0.5, 0.3, 0.4, 0: mean 0.3 by 0.108, 2.8 errors; and 0.5, 0.3, 0.4, 0.1: mean 0.325 by 0.085, 3.8. Of
    # four prompts 3.3 are asked (Student's t of 3 degrees at 0.97725: 3.307), of 16 2.2.
    assert may_follow([0.5, 0.3, 0.4, 0.0], [0.0] * 4) and not may_follow([0.5, 0.3, 0.4, 0.1], [0.0] * 4)
    wide = [1.0, -1.0] * 8  # sd 1.033, error 0.258
    assert not may_follow([0.6 + one for one in wide], [0.0] * 16) and may_follow(
        [0.5 + one for one in wide], [0.0] * 16
    )
    assert may_follow([1.0], [0.0]), "one prompt tells nothing"

    def scripted(*looks: list[float]) -> RewardFunction:
        left = iter(looks)
        return lambda items, _: next(left)[: len(items)]

    looks = (worse[:3], best[:3], alike[:3], worse[:3], alike[:3])
    trained, _ = run(tmp_path, scripted(*looks))
    assert trained.steps == 4
    # Each look is held against the best so far, not against the last that was kept: small falls do not add up.
    falling = [[0.0, 0.0, 0.0], *([-0.1 * step - 0.1, -0.1 * step + 0.1, -0.1 * step] for step in range(4))]
    trained, _ = run(tmp_path / "falling", scripted(*falling))
    assert trained.steps == 1


def test_held_out_prompts_are_looked_at_as_often_as_is_said_and_at_the_end(tmp_path: Path):
    every_third = SETTINGS.model_copy(update={"guards": GuardSettings(held_out_every=3)})
    trained, reports = run(tmp_path, in_turn(0.0, 5.0, 1.0), every_third)
    assert [report.step for report in reports if "held_out" in report.metrics] == [0, 3, 4]
    assert trained.steps == 3
    never = SETTINGS.model_copy(update={"guards": GuardSettings(held_out_every=0)})
    trained, reports = run(tmp_path / "never", in_turn(), never)
    assert trained.steps == 4


def test_past_half_of_the_budget_every_policy_is_looked_at_since_the_next_may_be_past_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    kl = iter([0.0, 500.0, 500.1, 900.0, 1000.1])
    real = iterations.figures_of
    monkeypatch.setattr(iterations, "figures_of", lambda rollouts: real(rollouts) | {"kl_nats": next(kl)})
    rarely = SETTINGS.model_copy(update={"guards": GuardSettings(held_out_every=10), "steps": 8})
    trained, reports = run(tmp_path, in_turn(0.0, 1.0, 2.0), rarely)
    assert [report.step for report in reports if "held_out" in report.metrics] == [0, 2, 3]
    assert trained.steps == 3
    assert trained.stopped_early is not None
    assert "KL" in trained.stopped_early


def test_held_out_completions_are_drawn_with_the_same_numbers_at_every_look(tmp_path: Path):
    texts: list[list[str]] = []

    def watch(_: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
        texts.append([one.text for one in sampled])
        return [0.0] * len(sampled)

    run(tmp_path, watch, SETTINGS.model_copy(update={"learning_rate": 1e-12}))
    assert len(texts) == 5
    assert all(one == texts[0] for one in texts)  # the policy stood still
    with pytest.raises(ValidationError):  # more rollouts than an iteration can have
        Settings(prompts_per_step=HELD_OUT_INDEX // 64, samples_per_prompt=64)


def test_an_alarm_ends_the_run_with_the_best_policy_before_it(tmp_path: Path):
    floor = SETTINGS.model_copy(update={"guards": GuardSettings(held_out_every=0, entropy_floor=0.999), "seed": 3})
    steep = floor.model_copy(update={"learning_rate": 3e-2, "steps": 8})
    trained, reports = run(tmp_path, None, steep)
    assert [alarm.code for alarm in reports[-1].alarms] == ["entropy"]
    assert trained.stopped_early is not None
    assert "entropy" in trained.stopped_early
    assert trained.steps == reports[-1].step - 1
    going_on = steep.model_copy(update={"guards": steep.guards.model_copy(update={"stop": False})})
    trained, reports = run(tmp_path / "on", None, going_on)
    assert reports[-1].step == 8
    assert trained.stopped_early is None
    raised = [report.step for report in reports if report.alarms]
    assert raised
    assert trained.steps not in raised, "what raised an alarm is not published"


def test_what_was_lost_in_rounds_before_counts_since_alarms_are_held_against_the_reference(tmp_path: Path):
    steep = SETTINGS.model_copy(update={"guards": GuardSettings(held_out_every=0, stop=False), "learning_rate": 3e-2})
    before, of_before = run(tmp_path, None, steep)
    start = tmp_path / "policy"
    start.mkdir()
    before.save(start)
    usual, left = (of_before[place].metrics["entropy_nats"] for place in (0, -1))
    share = (left / usual + 1) / 2
    assert share < 0.99
    floor = SETTINGS.model_copy(update={"guards": GuardSettings(held_out_every=0, entropy_floor=share)})
    with pytest.raises(NothingToTrain, match=rf"\(alarm at the start: entropy \S+ past {share * usual:.3g}\)"):
        run(tmp_path / "next", None, floor, start=start)
    # Whoever wants to go on from there all the same says so.
    loose = floor.model_copy(update={"guards": floor.guards.model_copy(update={"stop": False})})
    _, reports = run(tmp_path / "loose", None, loose, start=start)
    assert [alarm.code for alarm in reports[0].alarms] == ["entropy"]
    assert len(reports) == 5
    # Where that policy is the reference, as an imported one is, the same texts are what is usual.
    _, reports = run(tmp_path / "own", None, floor, start=start, reference=start)
    assert reports[0].alarms == []
    assert reports[0].metrics["kl_nats"] == 0


def test_a_reward_that_rises_in_training_while_the_held_out_one_falls_ends_the_run_with_the_policy_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    rising = itertools.chain([0.0, 5.0, 5.0, 10.0], itertools.repeat(10.0))

    def proxy(_: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
        mean = next(rising)
        return [mean + 0.1 * (place % 3) for place in range(len(sampled))]

    monkeypatch.setattr(sys.modules[__name__], "spaces", proxy)
    trained, reports = run(tmp_path, in_turn(0.0, 1.0, 0.9999, -3.0, -3.0))  # at step 2 the proxy stands still
    assert [[alarm.code for alarm in report.alarms] for report in reports] == [[], [], [], ["hacking"]]
    assert (reports[-1].alarms[0].value, reports[-1].alarms[0].limit) == pytest.approx((-2.99, 1.01))
    assert trained.steps == 1
    assert "hacking" in str(trained.stopped_early)


@pytest.mark.parametrize(
    ("text", "codes"), [("", ["empty", "identical"]), ("the the the the", ["identical", "distinct"])]
)
def test_texts_that_collapse_end_the_run_with_the_policy_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, codes: list[str]
):
    whole, draws = rollouts.sample, itertools.count()

    def collapsing(model: LanguageModel, requests: Sequence[SampleRequest], *given: Any) -> list[Sampled]:
        if next(draws) < 2:
            return whole(model, requests, *given)
        ids = model.completion_tokens(text, True)
        return [Sampled(ids, text, "stop") for _ in requests]

    monkeypatch.setattr(rollouts, "sample", collapsing)
    still = SETTINGS.model_copy(update={"guards": GuardSettings(held_out_every=0, entropy_floor=0.0)})
    trained, reports = run(tmp_path, None, still)
    assert [alarm.code for alarm in reports[-1].alarms] == codes
    assert (reports[-1].step, trained.steps) == (2, 1)


def test_held_out_prompts_choose_where_there_is_no_reward_to_train_on(tmp_path: Path):
    model, looks = fresh_tiny(), in_turn(0.0, 2.0, 1.0)
    prompt = model.tokens([{"role": "user", "content": "word"}])
    said = [Preference(prompt, model.completion_tokens("yes", True), model.completion_tokens("no", True))]
    given = Given(
        model,
        [PromptItem(0, prompt)],
        None,
        tmp_path,
        lambda _: None,
        held_out=HeldOut([PromptItem(place, prompt) for place in (1, 2)], looks),
        preferences=said,
    )
    shared = SETTINGS.model_dump(include={"guards", "lora", "sampling", "kl_budget_nats"})
    assert dpo.train(given, DPOSettings(steps=2, **shared)).steps == 1


def test_a_cut_run_keeps_its_best_policy_and_what_it_is_held_against(tmp_path: Path):
    scores = (0.0, 3.0, 1.0, 2.0, 2.0)
    uncut, _ = run(tmp_path / "uncut", in_turn(*scores))
    for cut_at in range(4):
        with pytest.raises(InterruptedError):
            run(tmp_path / str(cut_at), in_turn(*scores), cut_at=cut_at)
        resumed, _ = run(tmp_path / str(cut_at), in_turn(*scores[cut_at + 1 :]))
        assert (resumed.steps, resumed.metrics["held_out"]) == (uncut.steps, uncut.metrics["held_out"])
    assert uncut.steps == 1
