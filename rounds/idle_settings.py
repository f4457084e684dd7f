"""Settings that count only beside another one: asked for without it they would change nothing, which nobody wants."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from rounds import setting_fields
from rounds.policy_settings import ALGORITHMS, not_chosen
from rounds.setting_fields import Fault
from rounds.settings import SettingsError, settings_model

KEY = "fault.idle"
ZERO_WEIGHT = "fault.zero_weight"


@dataclass(frozen=True)
class _CountsWith:
    """A setting counts where `other` passes `counts`; `needed` says which values do, by a code of NEEDED or as one
    value. Names within an algorithm's group stand without it.
    """

    name: str
    other: str
    needed: str
    counts: Callable[[Any], bool]


NEEDED = {
    "potential": "reward, language_model or length",
    "above_0": "above 0",
    "from_1": "1 or more",
    "named": "the name of a policy or more",
    "by_rule": "margin or information",
    "with_improved": "improved or both",
    "taken_off": "head or mean-minus-variance",
}
"""Words of values that are needed, by the code under which pages say them."""


def _some(value: Any) -> bool:
    return bool(value)


_RULES = {
    "sample": (_CountsWith("choose_from", "choosing", "by_rule", lambda value: value != "random"),),
    "train-policy": (
        _CountsWith("shaping_weight", "shaping", "potential", _some),
        _CountsWith("shaping_every", "shaping", "reward", lambda value: value == "reward"),
        _CountsWith("held_out_penalty", "held_out_prompts", "from_1", _some),
        _CountsWith("held_out_penalty", "reward_combination", "head", lambda value: value == "head"),
        _CountsWith("guards.held_out_every", "held_out_prompts", "from_1", _some),
        _CountsWith("held_out_prompts", "guards.held_out_every", "from_1", _some),
        _CountsWith(
            "reward_uncertainty_penalty",
            "reward_combination",
            "taken_off",
            lambda value: value in ("head", "mean-minus-variance"),
        ),
        _CountsWith("imitation_batch", "imitation_coefficient", "above_0", _some),
        _CountsWith("demonstrations", "imitation_coefficient", "above_0", _some),
        _CountsWith("improved_weight", "imitation_coefficient", "above_0", _some),
        _CountsWith("improved_weight", "demonstrations", "with_improved", lambda value: value != "chosen"),
        _CountsWith("shown_times", "shown_prompts", "from_1", _some),
        _CountsWith("truncation_penalty", "truncated", "penalty", lambda value: value == "penalty"),
        _CountsWith("kl_target_nats", "kl_coefficient", "above_0", _some),
        _CountsWith("kl_horizon", "kl_coefficient", "above_0", _some),
    ),
    "train-reward": tuple(
        _CountsWith(f"reward.{name}", "reward.epochs", "from_1", _some)
        for name in ("learning_rate", "pairs_per_step", "max_grad_norm", "frozen_share")
    ),
    "evaluate": (
        _CountsWith("blind.stop_rule", "blind.judgments", "from_1", _some),
        _CountsWith("blind.best_of", "blind.judgments", "from_1", _some),
        _CountsWith("blind.error", "blind.stop_rule", "sequential", lambda value: value == "sequential"),
        _CountsWith("blind.best_of_texts", "blind.best_of", "named", _some),
    ),
}


def faults(kind: str, asked: Collection[str], config: Mapping[str, Any]) -> dict[str, Fault]:
    """What of the settings that were `asked` for, by dotted names, counts for nothing in the resolved ones; empty where
    all do. What is asked for as it would be anyway, or as nothing (0), is let through.
    """
    rules = _RULES.get(kind, ())
    if not rules:
        return {}
    resolved = setting_fields.flat(config)
    usual = setting_fields.flat(settings_model(kind)().model_dump(mode="json"))
    found = {}
    for name in asked:
        if not resolved.get(name) or resolved[name] == usual.get(name):
            continue
        group, own = _parted(name)
        within = group or f"{config.get('algorithm')}."
        for rule in rules:
            other = rule.other if rule.other in resolved else f"{within}{rule.other}"
            if rule.name == own and other in resolved and not rule.counts(resolved[other]):
                found[name] = _fault(name, resolved[name], other, rule.needed, resolved[other])
    if "rewards" in asked:
        for part in config.get("rewards", ()):
            reads_on_the_way = part["function"] == "learned" and config.get("shaping") == "reward"
            if part["weight"] == 0 and not reads_on_the_way:
                found["rewards"] = _zero_weight(part["function"])
    return found


def require_none(kind: str, asked: Collection[str], config: Mapping[str, Any]) -> None:
    """Raises SettingsError for a setting of an algorithm that is not chosen, and for the first of the faults."""
    for name in asked:
        if (group := name.partition(".")[0]) in not_chosen(config):
            raise SettingsError(
                f"{name} counts only with algorithm={group}; this run's is {config['algorithm']}. Set "
                f"algorithm={group} as well, or write {config['algorithm']}.{name.partition('.')[2]}."
            )
    for fault in faults(kind, asked, config).values():
        raise SettingsError(fault.words)


def _parted(name: str) -> tuple[str, str]:
    """The algorithm's group in front of a name, with its dot, and the rest."""
    group, _, rest = name.partition(".")
    return (f"{group}.", rest) if group in ALGORITHMS else ("", name)


def _fault(name: str, value: Any, other: str, needed: str, present: Any) -> Fault:
    present = present or (None if isinstance(present, list) else present)
    typed, there = setting_fields.as_typed(value), setting_fields.as_typed(present)
    words = (
        f"{name} = {typed} counts only where {other} is {NEEDED.get(needed, needed)}; it is {there}. Change that, or "
        "leave this out."
    )
    return Fault(words, KEY, {"name": name, "value": value, "other": other, "needed": needed, "present": present})


def _zero_weight(function: str) -> Fault:
    words = (
        f"{function} has the weight 0 in rewards, so it would be computed and count for nothing. Leave it out, or "
        "give it a weight."
    )
    return Fault(words, ZERO_WEIGHT, {"function": function})
