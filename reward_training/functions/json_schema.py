"""JSON against a schema: 1 where a completion is JSON that fits, 0.5 where it is JSON that does not, else 0.

JSON Schema draft 2020-12 (or what `$schema` names) by the package jsonschema. References that lead out of the schema
are never fetched. Patterns are those of the package regex, with a limit of time. JSON may stand in a fence of three
back quotes.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import Field, field_validator

from reward_training.reward_function import ANY, FunctionSettings, Given, Prompt, RewardFunction, Scores

LANGUAGES = (ANY,)
NEEDS = ()
MOST_SECONDS = 0.2  # that a pattern may take on one text; one that takes longer says nothing
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
        _require_resolvable(schema)
        return schema


def build(settings: Settings, given: Given) -> RewardFunction:
    from jsonschema import validators
    from referencing import Registry

    kind = validators.validator_for(settings.fits, validators.Draft202012Validator)
    timed = {"pattern": _pattern, "patternProperties": _pattern_properties, "additionalProperties": _additional}
    validator = validators.extend(kind, timed)(settings.fits, registry=Registry())

    def reward(prompts: Sequence[Prompt], completions: Sequence[str]) -> Scores:
        return [fit(text) for text in completions]

    def fit(text: str) -> float | None:
        fence = FENCE.fullmatch(text) if settings.fenced and len(text) <= LONGEST else None
        try:
            value = json.loads(fence[1] if fence else text, parse_constant=_no_number) if len(text) <= LONGEST else ...
            return 0.0 if value is ... else 1.0 if validator.is_valid(value) else 0.5
        except (ValueError, RecursionError):
            return 0.0
        except ArithmeticError:  # a number that no float holds, held against a multiple
            return 0.5
        except TimeoutError:
            return None

    return reward


def _require_resolvable(schema: dict[str, Any]) -> None:
    """Raises ValueError for a reference to what is not in the schema: it would be met at the first text that is JSON.
    A schema with names of its own ($id, $anchor) is taken as it is."""
    from referencing import Registry, Resource
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    found = [*_inside(schema)]
    if any(key in one for one in found for key in ("$id", "$anchor", "$dynamicAnchor")):
        return
    resource = Resource.from_contents(schema, default_specification=DRAFT202012)
    resolver = Registry().with_resource("", resource).resolver()
    for one in found:
        reference = one.get("$ref")
        if isinstance(reference, str):
            try:
                resolver.lookup(reference)
            except Unresolvable:
                raise ValueError(f"$ref {reference!r} leads to nothing in this schema; no other one is read") from None


def _inside(part: Any) -> Iterator[dict[str, Any]]:
    """Every object of a schema, itself included."""
    if isinstance(part, dict):
        yield part
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from _inside(inner)


def _found(pattern: str, text: str) -> bool:
    """Whether a pattern is found in time: texts are written by models, and may be the worst case of a pattern."""
    import regex

    return regex.search(pattern, text, timeout=MOST_SECONDS) is not None


def _pattern(validator: Any, pattern: str, value: Any, _: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    if validator.is_type(value, "string") and not _found(pattern, value):
        yield ValidationError("it does not match")


def _pattern_properties(validator: Any, patterns: dict[str, Any], value: Any, _: Any) -> Iterator[Any]:
    for pattern, schema in patterns.items() if validator.is_type(value, "object") else ():
        for key, inner in value.items():
            if _found(pattern, key):
                yield from validator.descend(inner, schema)


def _additional(validator: Any, allowed: Any, value: Any, schema: dict[str, Any]) -> Iterator[Any]:
    from jsonschema import ValidationError

    if not validator.is_type(value, "object"):
        return
    named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for key in value:
        if key in named or any(_found(pattern, key) for pattern in patterns):
            continue
        if allowed is False:
            yield ValidationError("there is more than the schema names")
        elif allowed is not True:
            yield from validator.descend(value[key], allowed)


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
