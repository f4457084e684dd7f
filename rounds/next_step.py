"""What to do next, and why: the advice of the console as pure functions of a few facts.

Too few judgments warn, they never block: impossible is only what has nothing to work on. Everything said carries a code
and its numbers, so that a page can say it in another language.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from rounds.said import NO_PROMPTS, NO_REWARD, Said, say
from rounds.unproven_reward import CHANCE

FIRST_JUDGMENTS = 12
"""New judgments from which training is advised."""
STEADY_JUDGMENTS = 48
"""Judgments from which a first reward is steady on an easy taste."""
FEWEST_JUDGMENTS = 2
"""With fewer there is nothing to train on."""

Rival = Literal["length", "chance"]
Kind = Literal["judge", "wait", "sample", "train-reward", "train-policy", "next-policy", "evaluate"]
ACTIONS = ("sample", "train-reward", "train-policy", "next-policy", "evaluate", "policy-export")


class NextStep(Said):
    """The one step that makes most sense now."""

    kind: Kind


class Action(BaseModel):
    """A kind of run that can be asked for: whether it is possible, why not, and what makes it unwise."""

    model_config = ConfigDict(frozen=True)

    kind: str
    possible: bool
    code: str = ""
    numbers: dict[str, Any] = Field(default_factory=dict)
    reason: str = ""
    warning: Said | None = None


class RewardView(BaseModel):
    """The latest reward model on held-out pairs; figures are None where there are too few of them."""

    model_config = ConfigDict(frozen=True)

    name: str
    judgments: int
    accuracy: float | None
    low: float | None
    high: float | None
    decided: int
    length_baseline: float | None
    lead: float | None = Field(None, description="accuracy less length baseline, on the same pairs")
    lead_low: float | None = Field(None, description="lower end of its interval")
    cannot_tell: bool
    rival: Rival = Field("length", description="what it is nearer to: 'longer wins', or chance")
    more_judgments: int | None = Field(description="judgments, about, until it could be told from the length baseline")
    unproven: bool = Field(False, description="whether it cannot be told from chance on pairs that it was not made of")


class Facts(BaseModel):
    """What the advice depends on."""

    model_config = ConfigDict(frozen=True)

    prompts: int
    policy: str | None
    is_base: bool = Field(True, description="whether nothing was trained below the start of the line of policies")
    has_parent: bool = False
    has_weights: bool = False
    others: bool = Field(False, description="whether there are other policies with weights than the current one")
    ready: int
    judgments: int
    since_reward: int
    reward: RewardView | None = None
    reward_was_used: bool = False
    active: Mapping[str, int] = Field(
        default_factory=dict, description="kind of run -> number of one that waits or runs"
    )
    failed: tuple[str, int, str] | None = Field(None, description="kind, number and error of a run that failed last")


FEWEST_HELD_OUT = 10
"""Decided held-out pairs below which an accuracy says nothing."""


def told_apart(
    accuracy: float | None,
    low: float | None,
    baseline: float | None,
    lead_low: float | None,
    decided: int,
    holdout_share: float,
) -> tuple[bool, int | None, Rival]:
    """Whether accuracy cannot be told from "longer wins" yet, or from chance, about how many more judgments it would
    take, and which of the two is nearer.

    From chance by its own interval, from "longer wins" by that of its lead over it on the same pairs (`lead_low`; a
    reward of a version before has none). The half-width of an interval falls with the root of the pairs; a share
    `holdout_share` of judgments is on held-out prompts. No number where the reward is not better at all.
    """
    if accuracy is None or low is None or baseline is None:
        return True, None, "length"
    lead = accuracy - baseline
    half = accuracy - low if lead_low is None else lead - lead_low
    held: dict[Rival, tuple[float, float]] = {"length": (lead, half), "chance": (accuracy - CHANCE, accuracy - low)}
    times = {rival: half / ahead if ahead > 0 else math.inf for rival, (ahead, half) in held.items()}
    nearer = max(held, key=lambda rival: (times[rival], -held[rival][0]))
    if times[nearer] < 1:
        return False, 0, nearer
    if times[nearer] == math.inf or holdout_share <= 0:
        return True, None, nearer
    return True, math.ceil((decided * times[nearer] ** 2 - decided) / holdout_share), nearer


def advise(facts: Facts) -> NextStep:
    """The step that makes most sense now, with its reason."""
    training = next((kind for kind in ("train-reward", "train-policy") if kind in facts.active), None)
    if facts.prompts == 0:
        return NextStep(kind="wait", **NO_PROMPTS.model_dump())
    if facts.failed and training is None:
        kind, run, error = facts.failed
        return _step(_again(kind), "failed", f"Run {run} ({kind}) failed: {error}", kind=kind, run=run, error=error)
    if training:
        words = "Run {run} ({kind}) is at work. You can go on judging meanwhile."
        return _step("judge" if facts.ready else "wait", "training", words, run=facts.active[training], kind=training)
    if facts.reward and not facts.reward_was_used and facts.since_reward < FIRST_JUDGMENTS:
        said = _of_reward(facts.reward)
        first_more = said.code == "reward_unproven" and facts.ready > 0
        return NextStep(kind="judge" if first_more else "train-policy", **said.model_dump())
    if facts.since_reward >= FIRST_JUDGMENTS:
        return _train(facts)
    return _judge(facts)


def actions(facts: Facts) -> list[Action]:
    """Every kind of run that can be asked for by hand."""
    return [_action(kind, facts) for kind in ACTIONS]


def _train(facts: Facts) -> NextStep:
    if facts.reward is None and facts.judgments < STEADY_JUDGMENTS:
        words = "{n} judgments: training can start; about {more} more would make the reward steadier."
        return _step("next-policy", "first_training", words, n=facts.judgments, more=STEADY_JUDGMENTS - facts.judgments)
    if facts.reward is None:
        return _step("next-policy", "enough", "{n} judgments: enough to train a first policy.", n=facts.judgments)
    words = "{new} new judgments since {reward}: train the next policy on all {n}."
    return _step(
        "next-policy", "new_judgments", words, new=facts.since_reward, reward=facts.reward.name, n=facts.judgments
    )


def _judge(facts: Facts) -> NextStep:
    more = FIRST_JUDGMENTS - facts.since_reward
    if facts.ready == 0:
        if facts.policy is None:
            return _step("wait", "loading", "The worker is loading the model; the first pairs come within a minute.")
        if "sample" in facts.active:
            return _step("wait", "sampling", "{policy} is writing the next pairs.", policy=facts.policy)
        return _step("sample", "no_pairs", "No pair is left to judge: let {policy} write some.", policy=facts.policy)
    if facts.is_base:
        words = "{n} judgments so far: about {more} more make a start; then a policy can be trained."
        return _step("judge", "begin", words, n=facts.judgments, more=more)
    words = (
        "{policy} writes the pairs now. {n} judgments since it was trained; about {more} more are worth the next round."
    )
    return _step("judge", "new_policy", words, policy=facts.policy, n=facts.since_reward, more=more)


def _action(kind: str, facts: Facts) -> Action:
    said = _impossible(kind, facts)
    if said is not None:
        return Action(kind=kind, possible=False, **said.model_dump())
    return Action(kind=kind, possible=True, warning=_warning(kind, facts))


def _impossible(kind: str, facts: Facts) -> Said | None:
    busy = [name for name in ("train-reward", "train-policy") if name in facts.active]
    same = busy if kind == "next-policy" else [kind] if kind in facts.active else []
    if same:
        words = "Run {run} ({kind}) does this already."
        return say("already", words, run=facts.active[same[0]], kind=same[0])
    if facts.prompts == 0:
        return NO_PROMPTS
    if kind in ("train-reward", "next-policy") and facts.judgments < FEWEST_JUDGMENTS:
        words = "{n} judgments: at least {least} are needed."
        return say("no_judgments", words, n=facts.judgments, least=FEWEST_JUDGMENTS)
    if kind == "train-policy" and facts.reward is None and "train-reward" not in facts.active:
        return NO_REWARD
    if (kind == "evaluate" and not facts.has_parent) or (kind == "policy-export" and not facts.has_weights):
        if not facts.others:
            return say("only_base", "There is only the base so far: train a policy first.")
        words = "The current policy is the base as it came. Make another one current, or name policies in the settings."
        return say("base_is_current", words)
    return None


def _warning(kind: str, facts: Facts) -> Said | None:
    if kind in ("train-reward", "next-policy") and facts.judgments < FIRST_JUDGMENTS:
        words = "Only {n} judgments: expect a reward that knows little. About {more} more would help."
        return say("few_judgments", words, n=facts.judgments, more=FIRST_JUDGMENTS - facts.judgments)
    if kind in ("train-reward", "next-policy") and facts.reward and facts.since_reward == 0:
        return say("nothing_new", "No new judgments since {reward}.", reward=facts.reward.name)
    if kind == "train-policy" and facts.reward and facts.reward.cannot_tell:
        return _of_reward(facts.reward)
    return None


def _of_reward(reward: RewardView) -> Said:
    """How far the latest reward can be trusted."""
    few = reward.decided < FEWEST_HELD_OUT
    if few and reward.unproven:
        words = (
            "{reward} is trained, but {n} judgments cannot tell it from chance on pairs that it was not trained on: a "
            "policy may gain nothing by it, or get worse. Judge more pairs first."
        )
        return say("reward_unproven", words, reward=reward.name, n=reward.judgments)
    if few or reward.accuracy is None or reward.low is None or reward.high is None or reward.length_baseline is None:
        words = "{reward} is trained. Too few judgments on random held-out pairs ({n}) to say how good it is."
        return say("reward_unknown", words, reward=reward.name, n=reward.decided)
    numbers: dict[str, Any] = {
        "reward": reward.name,
        "accuracy": f"{reward.accuracy:.2f}",
        "half": f"{(reward.high - reward.low) / 2:.2f}",
        "n": reward.decided,
        "baseline": f"{reward.length_baseline:.2f}",
        "more": reward.more_judgments,
    }
    words = "{reward} is right on {accuracy} ± {half} of {n} held-out pairs; 'longer wins' on {baseline}."
    if not reward.cannot_tell:
        return say("reward_good", words, **numbers)
    rival = ""
    if reward.rival == "chance":
        rival, words = "_chance", "{reward} is right on {accuracy} ± {half} of {n} held-out pairs; a coin on 0.50."
    if reward.more_judgments is None:
        return say(f"reward_no_better{rival}", words + " It is no better than that: expect little gain.", **numbers)
    words += " The two cannot be told apart yet: expect little gain. About {more} more judgments would tell."
    return say(f"reward_weak{rival}", words, **numbers)


def _again(kind: str) -> Kind:
    """The step to offer after a failure of that kind."""
    known: dict[str, Kind] = {"sample": "sample", "train-policy": "train-policy", "evaluate": "evaluate"}
    return known.get(kind, "next-policy" if kind == "train-reward" else "judge")


def _step(kind: Kind, code: str, words: str, /, **numbers: Any) -> NextStep:
    # An error that a run failed with may hold braces: it is part of the words already.
    reason = words if code == "failed" else words.format(**numbers)
    return NextStep(kind=kind, code=code, numbers=numbers, reason=reason)
