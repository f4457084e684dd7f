"""Values into a model of settings; what is wrong with them in words, with the key, the value and what is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from rounds.allowed import allowed_words
from rounds.setting_values import SettingsError

Model = TypeVar("Model", bound=BaseModel)

KEYED = "fault."
"""What the type of a PydanticCustomError of ours begins with; the type is the key of its words in every language."""


def validate(model: type[Model], values: Mapping[str, Any], *, what: str = "settings") -> Model:
    """`model` built from values; SettingsError says for each fault the key, the value and what is allowed."""
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        faults = [_fault(model, dict(fault)) for fault in error.errors(include_url=False)]
        raise SettingsError(f"Wrong {what}: " + " ".join(faults)) from None


def _fault(model: type[BaseModel], fault: dict[str, Any]) -> str:
    """One sentence for one fault that pydantic found."""
    path = [str(part) for part in fault["loc"]]
    key = ".".join(path) or "the whole"
    if fault["type"] == "extra_forbidden":
        return f"{key!r} is not a setting. Valid here: {', '.join(_keys_beside(model, path))}."
    if fault["type"] == "missing":
        return f"{key!r} is missing and has no default."
    allowed = str(fault["msg"])
    if fault["type"] == "value_error" or fault["type"].startswith(KEYED):
        return f"{key}: {allowed.removeprefix('Value error, ')}"
    range_words = allowed_words(model, fault["loc"])
    allowed = f"{allowed[:1].lower()}{allowed[1:]}" + (f" (allowed: {range_words})" if range_words else "")
    return f"{key} = {fault['input']!r} is not allowed: {allowed}."


def _keys_beside(model: type[BaseModel], path: list[str]) -> list[str]:
    """Names of the fields that could have stood at the last place of the path, with the path that leads there."""
    for part in path[:-1]:
        if part.isdigit():  # a place in a list, whose model is that of its items
            continue
        inner = model.model_fields[part].annotation if part in model.model_fields else None
        inner = next(iter(get_args(inner)), inner)
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            break
        model = inner
    lead = "".join(f"{part}." for part in path[:-1])
    return [f"{lead}{name}" for name in model.model_fields]
