"""What policy training reads and writes: plain records, free of any database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from language_models.sampling import Sampled

if TYPE_CHECKING:
    from language_models.model import LanguageModel
    from policy_training.guards import Alarm


@dataclass(frozen=True)
class PromptItem:
    """A prompt to train on. `payload` is handed through to the reward untouched."""

    id: int
    token_ids: Sequence[int]
    payload: Any = None


@dataclass(frozen=True)
class Preference:
    """Two completions of a prompt, one of them preferred; where it is a tie, which is which says nothing.

    Tokens as in rollouts: a completion that ended by itself ends with the EOS, one that was cut off does not. `weight`,
    0 or more: what it counts beside others.
    """

    prompt_ids: Sequence[int]
    chosen_ids: Sequence[int]
    rejected_ids: Sequence[int]
    tie: bool = False
    weight: float = 1.0


@dataclass(frozen=True)
class Demonstration:
    """A completion to imitate, its tokens and its weight as those of a preference."""

    prompt_ids: Sequence[int]
    completion_ids: Sequence[int]
    weight: float = 1.0


RewardFunction = Callable[[Sequence[PromptItem], Sequence[Sampled]], Sequence[float]]
"""(prompts, completions), row by row -> one finite score for each, more is better. An algorithm cannot tell a learned
reward from a written one."""


Potential = Callable[[Sequence[PromptItem], Sequence[Sampled]], Sequence[Sequence[float]]]
"""(prompts, completions), row by row -> for a completion of C tokens the C + 1 values Phi(s_0), ..., Phi(s_C), each a
function of its state alone: the prompt and the first t tokens. See shaping.py."""


@dataclass(frozen=True)
class HeldOut:
    """Prompts that are never trained on, one completion each, and the reward that tells by them which policy is kept:
    the one that is trained on, less what it does not know."""

    prompts: Sequence[PromptItem]
    reward: RewardFunction


@dataclass(frozen=True)
class RolloutTokens:
    """A completion of an iteration (DPO and imitation only measure by it), token by token; every list has one entry
    a token.

    `figures`: log_prob, reference_log_prob, kl (their difference) and entropy, all in nats; value, reward, shaping (the
    part of the reward that is one) and advantage where the algorithm has them. `score` is as the reward gave it,
    `rewarded` as it went into the last token's reward, less a penalty and the baseline (0 where the episode goes on
    behind the cut): without shaping the rewards add up to rewarded - beta * (sum of kl). `beta`: the price of KL, 0
    where it has none.
    """

    prompt_id: int
    finished: bool
    score: float
    rewarded: float | None
    beta: float
    tokens: list[str]
    figures: dict[str, list[float]]


@dataclass(frozen=True)
class StepReport:
    """What an iteration looked like; sent after its checkpoint, where it has one, is on disk, and again by a run that
    goes on from there. `alarms`: what went past its limit; `tokens`: a few of the rollouts that
    were learned from.
    """

    step: int
    steps: int
    metrics: dict[str, float]
    alarms: list[Alarm] = field(default_factory=list)
    tokens: list[RolloutTokens] = field(default_factory=list)


OnStep = Callable[[StepReport], None]
"""May raise to stop: the run goes on from its checkpoint when it is started again with the same arguments."""


@dataclass(frozen=True)
class Given:
    """What an algorithm is given; what it takes of it, its file says in `NEEDS`.

    Trains `adapter` from the policy in `start_folder` (None: from the base). `reference_adapter` names a loaded adapter
    (None: the base). Training goes on from the newest checkpoint in `checkpoint_folder`. `reward_figures`: what
    there is to tell of the scores that `reward` gave last. `check` is called in the midst of long readings and
    between optimiser steps, and may raise to stop: an iteration that was begun is done again.
    """

    model: LanguageModel
    prompts: Sequence[PromptItem]
    reward: RewardFunction | None
    checkpoint_folder: Path
    on_step: OnStep
    start_folder: Path | None = None
    reference_adapter: str | None = None
    held_out: HeldOut | None = None
    adapter: str = "trained-policy"
    potential: Potential | None = None
    reward_figures: Callable[[], Mapping[str, float]] = dict
    check: Callable[[], None] = lambda: None
    preferences: Sequence[Preference] = ()
    demonstrations: Sequence[Demonstration] = ()
