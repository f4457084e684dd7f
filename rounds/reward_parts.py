"""The parts of a policy's reward as a setting: which functions, what each counts, how each is set up. Torch-free."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from reward_training import function_registry
from reward_training.reward_function import RewardFunctionError

OWN = "own:"
"""In front of a function's name: a file of the folder that the worker was started with (--functions DIR)."""
OWN_NAME = re.compile(r"own:[A-Za-z_]\w{0,99}")


class RewardPart(BaseModel):
    """A reward function in the sum. Its settings are checked by the function's own model and completed by defaults;
    those of an own function go to its class as they are, for only the worker knows its code."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    function: str = Field(description="name of a reward function, or own:NAME of one of the worker's --functions DIR")
    weight: float = Field(
        1.0, ge=-1000, le=1000, allow_inf_nan=False, description="what one standard deviation of it is worth"
    )
    settings: dict[str, Any] = Field(default_factory=dict, description="settings of the function")

    @model_validator(mode="before")
    @classmethod
    def _completed(cls, values: Any) -> Any:
        if isinstance(values, str):  # a name alone is that function as it comes
            values = {"function": values}
        if not isinstance(values, dict) or not isinstance(values.get("function"), str):
            return values
        name, given = values["function"].strip().replace("-", "_"), values.get("settings", {})
        if name.startswith(OWN):
            if not OWN_NAME.fullmatch(name):
                raise _fault(f"{name!r} names no own function: write own:NAME, NAME.py being its file.")
            return {**values, "function": name}
        try:
            function_registry.describe(name)
            if isinstance(given, dict):
                given = function_registry.parse_settings(name, given).model_dump(mode="json")
        except RewardFunctionError as error:
            raise _fault(str(error)) from None
        return {**values, "function": name, "settings": given}


def _fault(words: str) -> PydanticCustomError:
    """What is wrong with a part is told in English, under a key by which a page says what it is about."""
    return PydanticCustomError("fault.reward_part", "{words}", {"words": words})


LEARNED_ALONE = (RewardPart(function="learned"),)


def names_of(parts: list[str]) -> list[str]:
    """A name of its own for each part: a function that stands there again gets a number."""
    return [
        name if parts[:place].count(name) == 0 else f"{name}-{parts[:place].count(name) + 1}"
        for place, name in enumerate(parts)
    ]


def uses_learned(rewards: Any) -> bool:
    """Whether the reward model is a part of stored settings; those from before there were parts have it alone."""
    return rewards is None or any(one["function"] == "learned" for one in rewards)


def takes_off(config: Mapping[str, Any]) -> bool:
    """Whether a run's settings change the learned reward's scores, so that it has neither their zero nor their unit."""
    usual = {"reward_combination": "head", "reward_uncertainty_penalty": 0.0, "length_correction": 0.0}
    return any(config[name] != value for name, value in usual.items())


def is_normalised(function: str, config: Mapping[str, Any]) -> bool:
    """Whether a part has mean 0 and sd 1 on the reference policy's texts already. The learned reward has not once
    something is taken off it: beta would change its meaning with it.
    """
    if function.startswith(OWN) or not function_registry.describe(function).normalised:
        return False
    return not takes_off(config)


def uses_references(parts: Sequence[RewardPart]) -> bool:
    """Whether a part reads good answers of people."""
    known = (one.function for one in parts if not one.function.startswith(OWN))
    return any("references" in function_registry.describe(name).needs for name in known)
