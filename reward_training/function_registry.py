"""The reward functions that there are: the files of reward_training/functions, listed by name without importing them.

What is said of a function without loading it (torch may be behind it) is read from its source: the docstring,
`LANGUAGES`, `NEEDS` and `NORMALISED`. Its settings are torch-free always.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from reward_training.reward_function import ANY, FunctionSettings, Given, RewardFunction, RewardFunctionError

FOLDER = Path(__file__).with_name("functions")
PACKAGE = "reward_training.functions"
NEEDED_WORDS = {
    "learned": "a trained reward model",
    "base": "a base model",
    "embed": "embeddings from a base model",
    "references": "good answers to the prompts",
    "earlier": "what was written before",
    "folder": "a folder with models",
}


@dataclass(frozen=True)
class Described:
    """A function without its code. `normalised`: whether its scores have mean 0 and sd 1 on the reference already."""

    name: str
    about: str
    languages: tuple[str, ...]
    needs: tuple[str, ...]
    normalised: bool


def names() -> list[str]:
    """Every function of the house, by the name of its file."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")


@cache
def describe(name: str) -> Described:
    """What its file says of a function. Raises RewardFunctionError that lists the valid names."""
    if name not in names():
        raise RewardFunctionError(f"There is no reward function {name!r}. Valid: {', '.join(names())}, or own:NAME.")
    source = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    constants: dict[str, Any] = {"NORMALISED": False}
    for statement in source.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            key = statement.targets[0].id
            if key in ("LANGUAGES", "NEEDS", "NORMALISED"):
                constants[key] = _literal(statement.value)
    return Described(
        name,
        ast.get_docstring(source) or "",
        tuple(constants["LANGUAGES"]),
        tuple(constants["NEEDS"]),
        bool(constants["NORMALISED"]),
    )


def _literal(node: ast.expr) -> Any:
    if isinstance(node, ast.Tuple):
        return tuple(_literal(part) for part in node.elts)
    return ANY if isinstance(node, ast.Name) and node.id == "ANY" else ast.literal_eval(node)


def settings_class(name: str) -> type[FunctionSettings]:
    """The settings of a function, without torch."""
    describe(name)
    apart = (FOLDER / "settings" / f"{name}.py").is_file()
    found: type[FunctionSettings] = importlib.import_module(f"{PACKAGE}.{'settings.' if apart else ''}{name}").Settings
    return found


def parse_settings(name: str, values: Mapping[str, Any]) -> FunctionSettings:
    """Settings of a function from plain values. Raises RewardFunctionError with key, value and what is allowed."""
    model = settings_class(name)
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise RewardFunctionError(" ".join(_fault(name, model, dict(one)) for one in error.errors())) from None


def _fault(name: str, model: type[FunctionSettings], fault: dict[str, Any]) -> str:
    key = ".".join(str(part) for part in fault["loc"])
    allowed = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        have = ", ".join(model.model_fields) or "none"
        return f"{name} has no setting {key!r}. Valid: {have}."
    if fault["type"] == "missing":
        return f"{name} needs the setting {key}: {model.model_fields[key].description}."
    if not key:
        return f"{name}: {allowed}."
    return f"{name}: {key} = {fault['input']!r} is not allowed: {allowed[:1].lower()}{allowed[1:]}."


def languages_of(name: str, settings: FunctionSettings) -> tuple[str, ...]:
    """The languages that a function knows as it is set up: a setting `language` picks one of those declared."""
    chosen = getattr(settings, "language", None)
    return (chosen,) if chosen else describe(name).languages


def build(name: str, settings: FunctionSettings, given: Given) -> RewardFunction:
    """The callable. Raises RewardFunctionError where something that it needs is not given."""
    missing = [NEEDED_WORDS[need] for need in describe(name).needs if getattr(given, need) is None]
    if missing:
        raise RewardFunctionError(f"The reward function {name} needs {' and '.join(missing)}, and there is none here.")
    made: RewardFunction = importlib.import_module(f"{PACKAGE}.{name}").build(settings, given)
    return made
