"""What a setting may be, in words, from the JSON schema of its model: the one place where names and ranges stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel

WORDS = {"string": "text", "integer": "whole numbers", "number": "numbers", "boolean": "true or false"}


def allowed_words(model: type[BaseModel], path: Sequence[str | int]) -> str:
    """What may stand at a place of the settings, such as "whole numbers from 1 to 64, or none"; empty where nothing
    short can be said.
    """
    values = _at(_schema(model), path)
    choices = values.get("anyOf", [values])
    said = [_said(choice) for choice in choices if choice.get("type") != "null"]
    if not all(said):
        return ""
    return " or ".join(said) + (", or none" if len(choices) > len(said) else "")


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def _at(schema: Mapping[str, Any], path: Sequence[str | int]) -> Mapping[str, Any]:
    """The schema of a place; empty where the path leads somewhere that the schema does not tell of."""
    values: Mapping[str, Any] = schema
    for part in path:
        inside = values.get("items", {}) if isinstance(part, int) else values.get("properties", {}).get(part, {})
        values = schema["$defs"][inside["$ref"].rsplit("/", 1)[-1]] if "$ref" in inside else inside
    return values


def _said(values: Mapping[str, Any]) -> str:
    """One kind of value, with its range."""
    if "enum" in values:
        return f"one of {', '.join(map(str, values['enum']))}"
    kind = WORDS.get(values.get("type", ""), "")
    ends = {
        "from": values.get("minimum"),
        "above": values.get("exclusiveMinimum"),
        "to": values.get("maximum"),
        "below": values.get("exclusiveMaximum"),
        "of at least": values.get("minLength"),
        "of at most": values.get("maxLength"),
    }
    range_words = " ".join(f"{word} {end:,}".replace(",", "") for word, end in ends.items() if end is not None)
    return " ".join(filter(None, [kind, range_words, "characters" if "of at" in range_words else ""]))
