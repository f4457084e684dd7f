"""What so many people and judgments would tell, before anybody has worked: labels, intervals, differences.

Pure functions of a few shares, but for `plan_of`, which reads those of a study. What is not known beforehand is
assumed, and every assumption is named with its source.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from scipy.special import stdtrit

from feedback_store import check_questions, prompts, recent_work, reward_models
from feedback_store.database import Database
from feedback_store.recent_work import RecentWork
from rounds import studies
from rounds.policy_results import Z
from rounds.settings import SettingsError, StudySettings

POWER = NormalDist().inv_cdf(0.8)
FEWEST_RECENT = 50
"""Answers of a study from which its own shares and pace are taken in place of the rules of thumb."""
BETWEEN_PROMPTS = 0.15
"""How much the share of wins differs from prompt to prompt (standard deviation), by rule of thumb: the same policy may
win on two of three prompts of one kind and on half of another."""
STUDIES = (50, 100, 200, 400)
"""Sizes of a blind study for which the plan says what could be told apart."""

ASSUMABLE = {
    "skips": (0.0, 0.9),
    "ties": (0.0, 0.95),
    "seconds": (1.0, 3600.0),
    "accuracy": (0.0, 1.0),
    "agreement": (0.0, 1.0),
}
"""What can be assumed by hand, and its range."""

Source = Literal["study", "given", "rule of thumb"]


class Assumption(BaseModel):
    """A value that the plan rests on, and where it came from."""

    model_config = ConfigDict(frozen=True)

    value: float
    source: Source


class Assumptions(BaseModel):
    """Shares are of answers (`skips`), of answers that are no skips (`ties`), of pairs (`accuracy`, `agreement`)."""

    model_config = ConfigDict(frozen=True)

    skips: Assumption
    ties: Assumption
    seconds: Assumption = Field(description="seconds a judgment")
    accuracy: Assumption = Field(description="the reward's, on decided held-out pairs")
    agreement: Assumption = Field(description="how often two people say the same of a pair")


class ToldApart(BaseModel):
    """With so many blind judgments of two policies, the smallest share of wins (ties half) told from a half."""

    model_config = ConfigDict(frozen=True)

    judgments: int
    share: float | None = Field(description="None where not even winning all of them could be told apart")


class Plan(BaseModel):
    """What the judgments come to. Half-widths are of 95 % intervals, None where there is nothing to measure on."""

    model_config = ConfigDict(frozen=True)

    people: int
    judgments: int
    checks: int = Field(description="judgments that go to check questions")
    repeats: int = Field(description="judgments that go to planned repeats")
    again: int = Field(description="second and further judgments of a comparison")
    skipped: int
    comparisons: int = Field(description="comparisons that are judged")
    shared: int = Field(description="of these, judged by several people")
    training: int = Field(description="judgments on training prompts without skips: labels to train on")
    training_decided: int = Field(description="of these, not ties")
    holdout: int = Field(description="judgments on held-out prompts without skips")
    holdout_decided: int
    accuracy_half: float | None
    agreement_half: float | None
    new_against_old: ToldApart = Field(description="from the share of comparisons with the previous policy")
    blind_studies: list[ToldApart]
    each: int = Field(description="judgments a person")
    hours_each: float
    days: int | None = Field(description="days at the daily quota; None without one")
    assumptions: Assumptions


def plan_of(db: Database, people: int, judgments: int, given: dict[str, float] | None = None) -> Plan:
    """The plan for a study as it is set now. `given`: assumptions by name that replace the study's own. Raises
    SettingsError.
    """
    for name, value in (given or {}).items():
        _require_allowed(name, value)
    if people < 1 or judgments < 1:
        raise SettingsError(f"A plan is for at least one person and one judgment; these are {people} and {judgments}.")
    study = studies.settings(db)
    if study.daily_quota == 0:
        raise SettingsError(
            "daily_quota is 0: nobody without a quota of their own is asked anything. "
            "Set it from 1, or to none, then plan."
        )
    reward = reward_models.latest(db)
    accuracy = (reward.metrics.get("holdout") or {}).get("accuracy") if reward else None
    assumed = assumptions(recent_work.recent_work(db), given or {}, accuracy)
    return plan(
        people, judgments, study, assumed,
        checks=check_questions.count_in_use(db),
        all_prompts=prompts.count(db), holdout_prompts=prompts.count(db, "holdout"),
    )  # fmt: skip


def _require_allowed(name: str, value: float) -> None:
    least, most = ASSUMABLE.get(name, (None, None))
    if least is None or most is None:
        raise SettingsError(f"{name!r} cannot be assumed. Allowed are {', '.join(ASSUMABLE)}.")
    if not least <= value <= most:
        raise SettingsError(f"{name} = {value!r} is not allowed: from {least:g} to {most:g}.")


def assumptions(recent: RecentWork, given: dict[str, float], accuracy: float | None = None) -> Assumptions:
    """What to rest a plan on: what was `given`, then the study's own where it has enough, else rules of thumb."""
    own: dict[str, float | None] = {"accuracy": accuracy}
    if recent.answers >= FEWEST_RECENT:
        told = recent.answers - recent.skips
        own |= {"skips": recent.skips / recent.answers, "ties": recent.ties / told if told else None}
        own["seconds"] = recent.seconds
    rules = {"skips": 0.03, "ties": 0.15, "seconds": 15.0, "accuracy": 0.7, "agreement": 0.75}

    def chosen(name: str) -> Assumption:
        if name in given:
            return Assumption(value=given[name], source="given")
        value = own.get(name)
        return (
            Assumption(value=rules[name], source="rule of thumb")
            if value is None
            else Assumption(value=value, source="study")
        )

    return Assumptions(**{name: chosen(name) for name in rules})


def plan(
    people: int,
    judgments: int,
    study: StudySettings,
    assumed: Assumptions,
    *,
    checks: int,
    all_prompts: int,
    holdout_prompts: int,
) -> Plan:
    """What `judgments` answers of `people` come to by the study's settings, where it has so many prompts. Everybody is
    asked each of the `checks` check questions once: where their share asks for more, ordinary pairs take their place.

    A comparison is judged once, or by `overlap` people on `overlap_share` of them; so many first answers make
    first / (1 + (overlap - 1) overlap_share) comparisons.
    """
    to_checks = min(round(judgments * study.check_share), checks * people)
    to_repeats = min(round(judgments * study.repeat_share), judgments - to_checks)
    ordinary = judgments - to_checks - to_repeats
    overlap = max(1, min(study.overlap, people))
    compared = ordinary / (1 + (overlap - 1) * study.overlap_share)
    shared = compared * study.overlap_share if overlap > 1 else 0.0
    told = ordinary * (1 - assumed.skips.value)
    held_out = told * study.holdout_questions
    decided = 1 - assumed.ties.value
    against_previous = compared * study.previous_policy_share * (1 - assumed.skips.value)
    each = math.ceil(judgments / people)
    return Plan(
        people=people,
        judgments=judgments,
        checks=to_checks,
        repeats=to_repeats,
        again=round(ordinary - compared),
        skipped=round(ordinary * assumed.skips.value),
        comparisons=round(compared),
        shared=round(shared),
        training=round(told - held_out),
        training_decided=round((told - held_out) * decided),
        holdout=round(held_out),
        holdout_decided=round(held_out * decided),
        accuracy_half=wilson_half(assumed.accuracy.value, round(held_out * decided)),
        agreement_half=agreement_half(assumed.agreement.value, round(shared), overlap),
        new_against_old=told_apart(round(against_previous), assumed.ties.value, all_prompts),
        blind_studies=[told_apart(n, assumed.ties.value, holdout_prompts) for n in sorted({*STUDIES, judgments})],
        each=each,
        hours_each=each * assumed.seconds.value / 3600,
        days=math.ceil(each / study.daily_quota) if study.daily_quota else None,
        assumptions=assumed,
    )


def wilson_half(share: float, n: int) -> float | None:
    """Half the width of Wilson's (1927) 95 % interval of a share seen in n; None for n = 0."""
    if n < 1:
        return None
    return Z * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)


def agreement_half(agreement: float, comparisons: int, overlap: int) -> float | None:
    """Half the width of the 95 % interval of raw agreement over comparisons that `overlap` people judged.

    Each person says what most would with probability q, where q^2 + (1 - q)^2 is the agreement of two (it cannot be
    below a half: q is a half then). Within a comparison with x of K on one side it is (x(x - 1) + (K - x)(K - x - 1)) /
    K(K - 1), whose variance is summed over x. None where nothing is shared.
    """
    if comparisons < 1 or overlap < 2:
        return None
    q = (1 + math.sqrt(max(0.0, 2 * agreement - 1))) / 2
    mean = square = 0.0
    for x in range(overlap + 1):
        chance = math.comb(overlap, x) * q**x * (1 - q) ** (overlap - x)
        same = (x * (x - 1) + (overlap - x) * (overlap - x - 1)) / (overlap * (overlap - 1))
        mean += chance * same
        square += chance * same**2
    return Z * math.sqrt(max(0.0, square - mean**2) / comparisons)


def told_apart(judgments: int, ties: float, prompts: int) -> ToldApart:
    """The smallest share of wins that n judgments on so many prompts, asked in turns, tell from a half with 80 % power,
    at the 5 % level, two-sided.

    (share - 1/2) >= (t.975 + z.8) error, with error^2 = b / G + (v - b) / n for n judgments of G prompts: v =
    (1 - ties) / 4 is the variance of a score, ties as half, at a share of a half, where it is greatest, b that of the
    share between prompts (BETWEEN_PROMPTS). Only the second part falls with more judgments of the same prompts. t is
    Student's of G - 1, as the result's own interval has it (policy_results.py).
    """
    asked = min(judgments, prompts or judgments)  # before there are prompts: as if there were enough
    if asked < 2:
        return ToldApart(judgments=judgments, share=None)
    variance = (1 - ties) / 4
    between = min(BETWEEN_PROMPTS**2, variance)
    error = math.sqrt(between / asked + (variance - between) / judgments)
    share = 0.5 + (float(stdtrit(asked - 1, 0.975)) + POWER) * error
    most = 1 - ties / 2
    return ToldApart(judgments=judgments, share=share if share < most else None)
