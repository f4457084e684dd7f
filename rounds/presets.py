"""Named settings for each kind of run: what to start where one does not want to think about every number.

Those of train-policy are sized to the machine and the base: prompts a step by how fast it is, tokens a micro-batch by
its memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rounds.estimates import rough_memory_gb
from rounds.policy_settings import ALGORITHMS
from rounds.settings import SettingsError, parse, parse_all
from rounds.work import Facts

NORMAL = "normal"
FAST = "fast"  # of train-policy alone
FAST_FROZEN_SHARE = 0.5
FAST_RATE = 1.4  # times the learning rate: half of the layers move the policy as far (2026-11-upper-layers.md)
PROMPTS_A_STEP = (4, 8, 16, 32, 64)
USUAL_PROMPTS = 8  # on the machine of the rules of thumb
TOKENS_A_MICRO_BATCH = (8192, 4096, 2048, 1300, 650, 325, 160)
USUAL_TOKENS = 650  # more do not make two cores faster
MEMORY_SHARE = 0.6  # of the machine's, that a preset may take


@dataclass(frozen=True)
class Preset:
    """Settings by their dotted names, over the study's own; `about` says in one sentence what it is for."""

    name: str
    about: str
    settings: Mapping[str, Any] = field(default_factory=dict)


def of(kind: str, facts: Facts) -> tuple[Preset, ...]:
    """The presets of a kind of run on a machine; the kinds that have none have nothing to choose."""
    return _train_policy(facts) if kind == "train-policy" else _PLAIN.get(kind, ())


def settings_of(kind: str, name: str, facts: Facts) -> dict[str, Any]:
    """The settings of a preset. Raises SettingsError that lists the presets of the kind."""
    known = of(kind, facts)
    for preset in known:
        if preset.name == name:
            return dict(preset.settings)
    have = ", ".join(preset.name for preset in known) or "none"
    raise SettingsError(f"There is no preset {name!r} for {kind}. Presets of {kind}: {have}.")


def of_the_reward(preset: str | None) -> str | None:
    """The preset of the reward in a round whose policy has this one."""
    return NORMAL if preset == FAST else preset


def _train_policy(facts: Facts) -> tuple[Preset, ...]:
    """Every algorithm's group gets them, by its own defaults; only that of the algorithm that is chosen counts."""
    share, tokens = _prompts_a_step(facts) / USUAL_PROMPTS, _tokens_a_micro_batch(facts)
    usual = parse_all("train-policy")

    def sized(steps: float, prompts: float) -> dict[str, int]:
        made = {}
        for algorithm in ALGORITHMS:
            own = usual[algorithm]
            made[f"{algorithm}.steps"] = round(own["steps"] * steps)
            made[f"{algorithm}.prompts_per_step"] = max(1, round(own["prompts_per_step"] * prompts))
            made[f"{algorithm}.tokens_per_batch"] = tokens
        return made

    def upper_layers() -> dict[str, float]:
        made = {}
        for algorithm in ALGORITHMS:
            made[f"{algorithm}.frozen_share"] = FAST_FROZEN_SHARE
            made[f"{algorithm}.learning_rate"] = round(FAST_RATE * usual[algorithm]["learning_rate"], 12)
        return made

    return (
        Preset(
            "quick",
            "Two short steps, to see that everything works; do not expect a better policy.",
            {**sized(0.4, 0.5), "shown_prompts": 4, "shown_times": 0},
        ),
        Preset(
            FAST,
            "As normal, but only the upper half of the layers learns: about 1.5 times as fast, in less memory.",
            {**sized(1, share), **upper_layers()},
        ),
        Preset(
            NORMAL,
            "A step that shows in the texts and stays close to the base: right for most rounds.",
            sized(1, share),
        ),
        Preset(
            "thorough",
            "Four times the steps on twice the prompts, for a reward that can be trusted; the KL budget may end it.",
            {**sized(4, 2 * share), "shown_times": 4},
        ),
    )


def _prompts_a_step(facts: Facts) -> int:
    """As many as a step takes no longer with than the usual ones on the machine of the rules of thumb; 4 at least, for
    a step on fewer is chance.
    """
    within = [count for count in PROMPTS_A_STEP if count * facts.slowness <= USUAL_PROMPTS]
    return max(within, default=PROMPTS_A_STEP[0])


def _tokens_a_micro_batch(facts: Facts) -> int:
    """The most that leaves memory for others; on a CPU no more than the usual ones."""
    most = TOKENS_A_MICRO_BATCH[0] if facts.gpu else USUAL_TOKENS
    fitting = [tokens for tokens in TOKENS_A_MICRO_BATCH if tokens <= most]
    if facts.total_memory_gb is not None and not facts.gpu:  # a GPU's own memory is not known before it is at work
        room = MEMORY_SHARE * facts.total_memory_gb
        fitting = [tokens for tokens in fitting if _memory_gb(tokens, facts) <= room]
    return max(fitting, default=TOKENS_A_MICRO_BATCH[-1])


def _memory_gb(tokens: int, facts: Facts) -> float:
    return rough_memory_gb("train-policy", parse("train-policy", {"ppo.tokens_per_batch": tokens}), facts)


_PLAIN: dict[str, tuple[Preset, ...]] = {
    "sample": (
        Preset("quick", "A handful of pairs, to see what the policy writes.", {"pairs": 6}),
        Preset(NORMAL, "Enough pairs for a sitting or two."),
        Preset("thorough", "Work for several people or some days.", {"pairs": 100}),
    ),
    "train-reward": (
        Preset("quick", "The head alone on frozen features: seconds, and a first impression.", {"reward.epochs": 0}),
        Preset(NORMAL, "Head and adapter, one pass over all judgments: right for most rounds."),
        Preset(
            "thorough",
            "Three passes and a steadier zero: for some hundred judgments and more.",
            {"reward.epochs": 3, "reference_samples": 128},
        ),
    ),
    "evaluate": (
        Preset("quick", "One completion on a few prompts, to look at.", {"prompts": 8, "samples": 1}),
        Preset(NORMAL, "Enough for a first comparison of two policies."),
        Preset(
            "thorough", "Four completions on every held-out prompt: narrow intervals.", {"prompts": 1000, "samples": 4}
        ),
    ),
}
"""By kind of run: those that are the same on every machine."""
