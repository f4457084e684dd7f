"""Named settings for each kind of run: what to start where one does not want to think about every number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rounds.settings import SettingsError

NORMAL = "normal"


@dataclass(frozen=True)
class Preset:
    """Settings by their dotted names, over the study's own; `about` says in one sentence what it is for."""

    name: str
    about: str
    settings: Mapping[str, Any] = field(default_factory=dict)


PRESETS: dict[str, tuple[Preset, ...]] = {
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
    "train-policy": (
        Preset(
            "quick",
            "Two short steps, to see that everything works; do not expect a better policy.",
            {"ppo.steps": 2, "ppo.prompts_per_step": 4, "shown_prompts": 4, "shown_times": 0},
        ),
        Preset(NORMAL, "A step that shows in the texts and stays close to the base: right for most rounds."),
        Preset(
            "thorough",
            "Four times the steps on twice the prompts, for a reward that can be trusted; the KL budget may end it.",
            {"ppo.steps": 20, "ppo.prompts_per_step": 16, "shown_times": 4},
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
"""By kind of run; the kinds that are missing have nothing to choose."""


def settings_of(kind: str, name: str) -> dict[str, Any]:
    """The settings of a preset. Raises SettingsError that lists the presets of the kind."""
    known = PRESETS.get(kind, ())
    for preset in known:
        if preset.name == name:
            return dict(preset.settings)
    have = ", ".join(preset.name for preset in known) or "none"
    raise SettingsError(f"There is no preset {name!r} for {kind}. Presets of {kind}: {have}.")
