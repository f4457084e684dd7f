"""JSON against a schema: 1 where a completion is JSON that fits, 0.5 where it is JSON that does not, else 0.

JSON Schema draft 2020-12 (or what `$schema` names) by the package jsonschema. References that lead out of the schema
are never fetched. JSON may stand in a fence of three back quotes.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from pydantic import Field, field_validator

from reward_training.reward_function import ANY, FunctionSettings, Given, Prompt, RewardFunction, Scores

LANGUAGES = (ANY,)
NEEDS = ()
LONGEST = 20_000  # characters; a longer text is not read, and counts as no JSON
FENCE = re.compile(r"\s*```(?:json)?[ \t]*\n(.*)\n[ \t]*```\s*", re.DOTALL | re.IGNORECASE)


class Settings(FunctionSettings):
    fits: dict[str, Any] = Field(description="the JSON Schema that a completion has to fit")
    fenced: bool = Field(True, description="whether JSON in a fence of back quotes counts")

    @field_validator("fits")
    @classmethod
    def _is_a_schema(cls, schema: dict[str, Any]) -> dict[str, Any]:
        from jsonschema import SchemaError, validators

        try:
            validators.validator_for(schema, validators.Draft202012Validator).check_schema(schema)
        except SchemaError as error:
            raise ValueError(f"this is no JSON Schema: {error.message} (at {error.json_path})") from None
        return schema


def build(settings: Settings, given: Given) -> RewardFunction:
    from jsonschema import validators
    from referencing import Registry

    kind = validators.validator_for(settings.fits, validators.Draft202012Validator)
    validator = kind(settings.fits, registry=Registry())

    def reward(prompts: Sequence[Prompt], completions: Sequence[str]) -> Scores:
        return [fit(text) for text in completions]

    def fit(text: str) -> float:
        fence = FENCE.fullmatch(text) if settings.fenced and len(text) <= LONGEST else None
        try:
            value = json.loads(fence[1] if fence else text, parse_constant=_no_number) if len(text) <= LONGEST else ...
            return 0.0 if value is ... else 1.0 if validator.is_valid(value) else 0.5
        except (ValueError, RecursionError):
            return 0.0

    return reward


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
