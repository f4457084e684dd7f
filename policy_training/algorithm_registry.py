"""The algorithms that there are: the files of policy_training/algorithms, listed by name without importing them.

What an algorithm takes (`NEEDS`) and what it is (its docstring) are read from its source, since torch is behind it.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from policy_training.settings import TrainingSettings

FOLDER = Path(__file__).with_name("algorithms")


class UnknownAlgorithm(ValueError):
    """There is no algorithm of that name; the words list those that there are."""


@dataclass(frozen=True)
class Described:
    """An algorithm without its code."""

    name: str
    about: str
    needs: tuple[str, ...]


def names() -> list[str]:
    """Every algorithm, by the name of its file."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")


@cache
def describe(name: str) -> Described:
    """What its file says of an algorithm. Raises UnknownAlgorithm."""
    if name not in names():
        raise UnknownAlgorithm(f"There is no algorithm {name!r}. Valid: {', '.join(names())}.")
    source = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    for statement in source.body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "NEEDS":
            return Described(name, ast.get_docstring(source) or "", tuple(ast.literal_eval(statement.value)))
    raise ValueError(f"algorithms/{name}.py does not say what it takes: it needs NEEDS = ('prompts', ...).")


def settings_class(name: str) -> type[TrainingSettings]:
    """The settings of an algorithm, without torch."""
    describe(name)
    found: type[TrainingSettings] = importlib.import_module(f"policy_training.algorithms.settings.{name}").Settings
    return found


def trainer(name: str) -> Callable[[Any, Any], Any]:
    """Its `train(given, settings)`, (Given, its Settings) -> TrainedPolicy; loads torch, as the names of these types
    would."""
    describe(name)
    found: Callable[[Any, Any], Any] = importlib.import_module(f"policy_training.algorithms.{name}").train
    return found
