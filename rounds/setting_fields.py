"""Settings as fields of a form, what is wrong with changes to them, and how two versions differ.

Each field is read from the settings' JSON schema: names, ranges and defaults stand in settings.py alone. `fields` are
those of a study that researchers change while it runs, `fields_of` those of any settings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any, Literal, get_args

from pydantic import BaseModel, ValidationError

from rounds.setting_faults import KEYED
from rounds.setting_values import changed
from rounds.settings import StudySettings

Part = Literal["asked", "qualification", "shares", "limits"]
PARTS: tuple[Part, ...] = get_args(Part)
_OWN: dict[Part, tuple[str, ...]] = {
    "asked": ("asked",),
    "qualification": ("qualification",),
    "shares": ("choosing", "choose_from", "overlap", "overlap_share", "check_share", "repeat_share", "repeat_after"),
    "limits": ("daily_quota", "prompt_quota", "lease_seconds"),
}

LARGEST_OF_A_BROWSER = 2**53  # whole numbers above are no longer told apart there: no end of a range in words
KINDS = {"string": "text", "integer": "whole", "number": "number", "boolean": "switch"}


@dataclass(frozen=True)
class SettingField:
    """One field. `kind`: text, whole, number, switch, choice, two lists, names and numbers, and parts: a list of parts
    with settings of their own, which is written as JSON. `least` and `most`
    are the ends of its range, for a text its length; where it is `open` the lower end itself is not allowed,
    where it is `below` the upper one.
    `optional`: it may be empty, which means none. `part`: the group that it stands in.
    """

    name: str
    part: str
    kind: str
    default: Any
    least: float | None
    most: float | None
    options: list[str] | None
    optional: bool
    about: str
    open: bool = False
    below: bool = False


@dataclass(frozen=True)
class Fault:
    """What is wrong with a value, in English words; `key` and `values` are those of its words in every language, where
    more is wrong than its range.
    """

    words: str
    key: str | None = None
    values: Mapping[str, Any] | None = None


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


def fields_of(model: type[BaseModel], part: str) -> list[SettingField]:
    """Every field of a settings model, those of its parts by dotted names, each in the part that it belongs to."""
    schema = model.model_json_schema()

    def walk(properties: Mapping[str, Any], lead: str, part: str) -> list[SettingField]:
        found = []
        for name, values in properties.items():
            if "$ref" in values:
                own = schema["$defs"][values["$ref"].rsplit("/", 1)[-1]]["properties"]
                found += walk(own, f"{lead}{name}.", f"{lead}{name}")
            else:
                found.append(_field(f"{lead}{name}", part, values, schema))
        return found

    return walk(schema["properties"], "", part)


def values_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The values of these fields in stored settings; the default where an older version did not have one."""
    return {field.name: _value(settings, field) for field in fields()}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Name -> [before, after] of everything that differs between two stored settings, by dotted names."""
    old, new = flat(before), flat(after)
    names = [*old, *(name for name in new if name not in old)]
    return {name: [old.get(name), new.get(name)] for name in names if old.get(name) != new.get(name)}


def faults(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Fault]:
    """What is wrong with changes, by the name of the field; empty where nothing is."""
    known = {field.name for field in fields()}
    found = {
        name: Fault(f"{name!r} is not a setting that can be changed here.") for name in changes if name not in known
    }
    if found:
        return found
    return faults_of(StudySettings, settings, changes)


def faults_of(model: type[BaseModel], settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Fault]:
    """What makes changed settings unfit for their model, by the name of the field. Raises SettingsError for a value
    where a part is.
    """
    found: dict[str, Fault] = {}
    try:
        model.model_validate(changed(settings, changes))
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            words = str(fault["msg"]).removeprefix("Value error, ").removesuffix(".")
            # Within a list it is the list that has a field.
            inside = takewhile(lambda part: isinstance(part, str), fault["loc"])
            name = ".".join(map(str, inside))
            made = Fault(f"{words[:1].upper()}{words[1:]}.")
            if fault["type"].startswith(KEYED):
                made = replace(made, key=fault["type"], values=fault.get("ctx"))
            found.setdefault(name, made)
    return found


def as_typed(value: Any) -> str:
    """A value as one types it behind `--set KEY=`: what settings.parse reads as the same value."""
    if value is None:
        return "none"
    if isinstance(value, str) and value.lower() not in ("none", "null") and value[:1] not in ("[", "{", '"'):
        return value if value and value == value.strip() else json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False)


def _field(name: str, part: str, values: dict[str, Any], schema: dict[str, Any]) -> SettingField:
    choices = values.get("anyOf", [values])
    typed = next(choice for choice in choices if choice.get("type") != "null")
    kind = "choice" if "enum" in typed else KINDS.get(typed.get("type", "string"), "")
    if typed.get("type") == "array":
        kind = "parts" if "$ref" in typed["items"] else "numbers" if typed["items"]["type"] == "number" else "names"
    least = typed.get("minimum", typed.get("exclusiveMinimum", typed.get("minLength")))
    most = typed.get("maximum", typed.get("exclusiveMaximum", typed.get("maxLength")))
    if most is not None and most >= LARGEST_OF_A_BROWSER:
        most = None
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
        open="exclusiveMinimum" in typed,
        below="exclusiveMaximum" in typed,
    )


def _value(settings: Mapping[str, Any], field: SettingField) -> Any:
    inner: Any = settings
    for key in field.name.split("."):
        if not isinstance(inner, Mapping) or key not in inner:
            return field.default
        inner = inner[key]
    return inner


def flat(settings: Mapping[str, Any], lead: str = "") -> dict[str, Any]:
    """Settings by dotted names."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{lead}{key}.")
        else:
            found[f"{lead}{key}"] = value
    return found
