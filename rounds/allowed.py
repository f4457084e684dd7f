"""What a setting may be, in words, from the JSON schema of its model: the one place where names and ranges stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel

WORDS = {
    "string": "text", "integer": "whole numbers", "number": "numbers", "boolean": "true or false",
    "object": "a JSON object",
}  # fmt: skip


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
    if values.get("type") == "array":
        items = _said(values.get("items", {})) or "parts"
        return f"a list of {_count(values)}{items.replace('text', 'texts')}"
    kind = WORDS.get(values.get("type", ""), "")
    ends = {
        "from": values.get("minimum"),
        "above": values.get("exclusiveMinimum"),
        "to": values.get("maximum"),
        "and below": values.get("exclusiveMaximum"),
    }
    range_words = " ".join(f"{word} {_number(end)}" for word, end in ends.items() if end is not None)
    return " ".join(filter(None, [kind, range_words, _length(values)]))


def _number(value: float) -> str:
    return str(int(value) if float(value).is_integer() else value)


def _length(values: Mapping[str, Any]) -> str:
    """How long a text has to be, such as "of 1 to 1000 characters"."""
    least, most = values.get("minLength"), values.get("maxLength")
    if most is None:
        return "" if least is None else f"of at least {least} character{'' if least == 1 else 's'}"
    return f"of at most {most} characters" if least is None else f"of {least} to {most} characters"


def _count(values: Mapping[str, Any]) -> str:
    """How many a list has: "3 ", "1 or more ", "at most 20 "."""
    least, most = values.get("minItems"), values.get("maxItems")
    if least is not None:
        return f"{least} " if least == most else f"{least} or more "
    return "" if most is None else f"at most {most} "
