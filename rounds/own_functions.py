"""Reward functions of one's own: the files of the folder that the worker was started with (`--functions DIR`).

own:NAME is the file NAME.py. It has a function `reward(prompts, completions)`, or a class `Reward` whose settings are
the arguments of its constructor and that is called in the same way. `prompts` are lists of messages ({"role",
"content"}), `completions` texts; the answer has one number a completion, None where there is nothing to say.
`LANGUAGES` may name the languages that it knows. A setting says the name, the worker's command line the folder.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reward_training.languages import KNOWN
from reward_training.reward_function import ANY, Prompt, RewardFunction, RewardFunctionError, Scores
from rounds.reward_parts import OWN

FUNCTION, CLASS = "reward", "Reward"


@dataclass(frozen=True)
class OwnFunction:
    """A function of one's own as it was loaded; `sha256` is that of its file."""

    function: RewardFunction
    languages: tuple[str, ...]
    sha256: str


def names(folder: Path) -> list[str]:
    """The functions of a folder, as settings name them."""
    return sorted(f"{OWN}{path.stem}" for path in folder.glob("*.py") if not path.stem.startswith("_"))


def load(folder: Path | None, name: str, settings: Mapping[str, Any]) -> OwnFunction:
    """The function `own:NAME` of a folder. Raises RewardFunctionError in words."""
    if folder is None:
        raise RewardFunctionError(
            f"{name} is a function of one's own, and this worker was started without any. Start it with "
            "--functions DIR, the folder that holds the file."
        )
    path = folder / f"{name.removeprefix(OWN)}.py"
    if not path.is_file():
        raise RewardFunctionError(f"There is no {name} in the worker's folder. It has: {_listed(folder)}.")
    code = path.read_bytes()
    module = _run(name, path)
    made, has_class = getattr(module, FUNCTION, None), getattr(module, CLASS, None)
    if isinstance(has_class, type):
        made = _made(name, has_class, settings)
    elif settings:
        raise RewardFunctionError(
            f"{name} takes no settings, for it has no class {CLASS}; given: {', '.join(settings)}."
        )
    if not callable(made):
        raise RewardFunctionError(
            f"{name} has no function {FUNCTION}(prompts, completions) and no class {CLASS} that can be called so."
        )
    return OwnFunction(_plainly(made), _languages(name, module), hashlib.sha256(code).hexdigest())


def _run(name: str, path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"own_reward_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses and pydantic look up what an annotation names
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[spec.name]
        raise RewardFunctionError(f"{name} cannot be loaded: {type(error).__name__}: {error}") from error
    return module


def _languages(name: str, module: Any) -> tuple[str, ...]:
    known = getattr(module, "LANGUAGES", (ANY,))
    if not isinstance(known, (tuple, list, set, frozenset)) or not all(isinstance(one, str) for one in known):
        raise RewardFunctionError(
            f"LANGUAGES of {name} is {known!r}; it has to be a tuple or list of language codes, such as ('en',) or "
            f"('en', 'zh'), or left out for a function that knows every language."
        )
    if unknown := sorted(set(known) - {ANY, *KNOWN}):
        raise RewardFunctionError(
            f"LANGUAGES of {name} has {', '.join(unknown)}; languages that are told apart are {', '.join(KNOWN)}."
        )
    if not known:
        raise RewardFunctionError(
            f"LANGUAGES of {name} is empty, so that it would say nothing of any text; leave it out for a function that "
            "knows every language."
        )
    return tuple(sorted(known))


def _made(name: str, kind: type, settings: Mapping[str, Any]) -> Any:
    try:
        return kind(**settings)
    except (Exception, SystemExit) as error:
        given = ", ".join(f"{key} = {value!r}" for key, value in settings.items()) or "none"
        raise RewardFunctionError(
            f"{name} does not take these settings ({given}): {type(error).__name__}: {error}"
        ) from error


def _plainly(function: Callable[..., Any]) -> RewardFunction:
    """The function with lists and texts of its own, so that it can change nothing of ours."""

    def reward(prompts: Sequence[Prompt], completions: Sequence[str]) -> Scores:
        asked = [[dict(turn) for turn in prompt] for prompt in prompts]
        answer: Scores = function(asked, [str(one) for one in completions])
        return answer

    return reward


def _listed(folder: Path) -> str:
    return ", ".join(names(folder)) or "no file NAME.py"
