"""Settings as people write them (`KEY=VALUE`, a TOML file, a mapping of dotted names), before a model looks at them."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


class SettingsError(ValueError):
    """A setting is unknown or has a value that is not allowed; the words name key, value and what is allowed."""


def pairs(overrides: Mapping[str, Any] | Iterable[str]) -> dict[str, Any]:
    """`KEY=VALUE` strings, or a mapping of dotted names, as dotted names and typed values. Raises SettingsError."""
    if isinstance(overrides, Mapping):
        return {str(key): typed(value) for key, value in overrides.items()}
    values: dict[str, Any] = {}
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise SettingsError(f"{text!r} is not a setting: write KEY=VALUE, such as seed=1 or ppo.steps=40.")
        values[key.strip()] = typed(value.strip())
    return values


def typed(value: Any) -> Any:
    """Strings from a command line or a form: `none` for nothing, JSON for lists, parts and texts in double quotes."""
    if not isinstance(value, str):
        return value
    if value.lower() in ("none", "null"):
        return None
    if value[:1] in ("[", "{", '"'):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):  # no JSON, numbers of thousands of digits, nested too deep
            return value
    return value


def changed(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with changes, whose keys may be dotted; a part that is given in part keeps its other values."""
    made = json.loads(json.dumps(values))
    for key, value in changes.items():
        put(made, key, value)
    return dict(made)


def put(values: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key; a part given as a mapping is merged into what stands there."""
    *lead, last = key.split(".")
    for part in lead:
        inner = values.setdefault(part, {})
        if not isinstance(inner, dict):
            raise SettingsError(f"{key!r} is not a setting: {part!r} is one value, {inner!r}, and has no parts.")
        values = inner
    if isinstance(value, Mapping):
        inner = values.get(last)
        merged: dict[str, Any] = dict(inner) if isinstance(inner, dict) else {}
        for name, part_value in value.items():
            put(merged, str(name), part_value)
        value = merged
    values[last] = value


def read_toml(path: Path | str | None) -> dict[str, Any]:
    """What a TOML file says; nothing where there is none to read. Raises SettingsError."""
    if path is None:
        return {}
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"There is no settings file {str(path)!r}.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"The settings file {str(path)!r} cannot be read as TOML: {error}.") from None
