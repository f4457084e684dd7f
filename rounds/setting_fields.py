"""The settings of a study that researchers change while it runs, as fields of a form, and how two versions differ.

Each field is read from the settings' JSON schema: names, ranges and defaults stand in settings.py alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic import ValidationError

from rounds.settings import StudySettings, changed

Part = Literal["asked", "qualification", "shares", "limits"]
PARTS: tuple[Part, ...] = get_args(Part)
_OWN: dict[Part, tuple[str, ...]] = {
    "asked": ("asked",),
    "qualification": ("qualification",),
    "shares": ("overlap", "overlap_share", "check_share", "repeat_share", "repeat_after"),
    "limits": ("daily_quota", "prompt_quota", "lease_seconds"),
}


@dataclass(frozen=True)
class SettingField:
    """One field. `kind`: text, whole, number, switch or choice; `least` and `most` are the ends of its range, for a
    text its length. `optional`: it may be empty, which means none.
    """

    name: str
    part: Part
    kind: str
    default: Any
    least: float | None
    most: float | None
    options: list[str] | None
    optional: bool
    about: str


def fields() -> list[SettingField]:
    """Every field that researchers may change, in the order of a form."""
    schema = StudySettings.model_json_schema()
    found = []
    for part, names in _OWN.items():
        for name in names:
            inner = schema["properties"][name]
            if "$ref" not in inner:
                found.append(_field(name, part, inner, schema))
                continue
            own = schema["$defs"][inner["$ref"].rsplit("/", 1)[-1]]["properties"]
            found += [_field(f"{name}.{key}", part, values, schema) for key, values in own.items()]
    return found


def values_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The values of these fields in stored settings; the default where an older version did not have one."""
    return {field.name: _value(settings, field) for field in fields()}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Name -> [before, after] of everything that differs between two stored settings, by dotted names."""
    old, new = _flat(before), _flat(after)
    names = [*old, *(name for name in new if name not in old)]
    return {name: [old.get(name), new.get(name)] for name in names if old.get(name) != new.get(name)}


def faults(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with changes, in words, by the name of the field; empty where nothing is."""
    known = {field.name for field in fields()}
    found = {name: f"{name!r} is not a setting that can be changed here." for name in changes if name not in known}
    if found:
        return found
    try:
        StudySettings.model_validate(changed(settings, changes))
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            words = str(fault["msg"])
            found[".".join(str(part) for part in fault["loc"])] = f"{words[:1].upper()}{words[1:]}."
    return found


def _field(name: str, part: Part, values: dict[str, Any], schema: dict[str, Any]) -> SettingField:
    choices = values.get("anyOf", [values])
    typed = next(choice for choice in choices if choice.get("type") != "null")
    kind = {"string": "text", "integer": "whole", "number": "number", "boolean": "switch"}[typed.get("type", "string")]
    if "enum" in typed:
        kind = "choice"
    least = typed.get("minimum", typed.get("minLength"))
    most = typed.get("maximum", typed.get("maxLength"))
    return SettingField(
        name=name,
        part=part,
        kind=kind,
        default=values.get("default"),
        least=least,
        most=most,
        options=list(typed["enum"]) if "enum" in typed else None,
        optional=len(choices) > 1,
        about=values.get("description", ""),
    )


def _value(settings: Mapping[str, Any], field: SettingField) -> Any:
    inner: Any = settings
    for key in field.name.split("."):
        if not isinstance(inner, Mapping) or key not in inner:
            return field.default
        inner = inner[key]
    return inner


def _flat(settings: Mapping[str, Any], lead: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{lead}{key}.")
        else:
            found[f"{lead}{key}"] = value
    return found
