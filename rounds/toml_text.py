"""Settings as a TOML file: what `tastemaker run --config` reads. TOML has no null: what is none is left out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def toml_of(settings: Mapping[str, Any]) -> str:
    """Nested settings as TOML, values before tables, in the order given; none is said in a comment."""
    return "\n".join(_lines(settings, "")).strip() + "\n"


def _lines(settings: Mapping[str, Any], table: str) -> list[str]:
    values = {key: value for key, value in settings.items() if not isinstance(value, Mapping)}
    lines = [f"# {key} is none" if value is None else f"{key} = {_value(value)}" for key, value in values.items()]
    for key, value in settings.items():
        if isinstance(value, Mapping):
            name = f"{table}{key}"
            lines += ["", f"[{name}]", *_lines(value, f"{name}.")]
    return lines


def _holds_none(value: Any) -> bool:
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return value is None or any(map(_holds_none, inner))


def _value(value: Any) -> str:
    if isinstance(value, list | tuple) and any(isinstance(one, Mapping) and _holds_none(one) for one in value):
        value = json.dumps(value, ensure_ascii=False)  # settings read a list of parts from JSON as well
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(one) for one in value)}]"
    if isinstance(value, Mapping):  # inside a list: an inline table
        inside = (f"{_value(str(key))} = {_value(one)}" for key, one in value.items())
        return f"{{{', '.join(inside)}}}"
    if isinstance(value, str):
        # A basic string of TOML is one of JSON, but for the one control character that JSON lets stand.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)
