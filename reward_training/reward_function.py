"""What a reward function is: (prompts, completions) -> one number a completion, more is better. Free of torch.

A function lives in a file of its own in reward_training/functions: its docstring says what it measures and after whom,
`LANGUAGES` which languages it knows, `NEEDS` what it takes from `Given`, `Settings` what can be chosen (in
functions/settings/NAME.py where the file itself needs torch), and `build(settings, given)` makes the callable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

ANY = "any"
"""In `LANGUAGES`: the function knows every language."""

Prompt = Sequence[Mapping[str, str]]
"""Chat messages, the system prompt included."""

Scores = list[float | None]
"""One finite number a completion; None where the function says nothing of a completion: neutral, and counted."""


class RewardFunction(Protocol):
    """The call that all reward functions share: N prompts and their N completions, several of one prompt a group."""

    def __call__(self, prompts: Sequence[Prompt], completions: Sequence[str]) -> Scores: ...


class Completion(str):
    """A completion's text that also knows how it ended: `finished` is false where it was cut off, None where nobody
    knows."""

    __slots__ = ("finished",)
    finished: bool | None

    def __new__(cls, text: str, finished: bool | None = None) -> Completion:
        made = super().__new__(cls, text)
        made.finished = finished
        return made


def was_finished(completion: str) -> bool | None:
    """How a completion ended; None for a plain text."""
    return getattr(completion, "finished", None)


class FunctionSettings(BaseModel):
    """Base of the settings of a reward function."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


TextKind = Literal["request", "answer"]

Embed = Callable[[Sequence[str], TextKind], NDArray[np.float64]]
"""N texts of a kind -> (N, H) vectors; texts about the same thing, of whichever kind, point the same way."""


@dataclass(frozen=True)
class Given:
    """What a reward function may need besides prompts and completions; whoever builds it passes what there is.

    `learned`: the reward model's score, mean 0 and sd 1 on samples of the reference policy. `references`: good answers
    to a prompt. `earlier`: what was written to it before. `folder`: the checked folder of a model that the study has.
    """

    learned: RewardFunction | None = None
    base: Any = None  # a LanguageModel, whose name would bring torch into everything that knows this one
    embed: Embed | None = None
    references: Callable[[Prompt], Sequence[str]] | None = None
    earlier: Callable[[Prompt], Sequence[str]] | None = None
    folder: Callable[[str], Path] | None = None


class RewardFunctionError(ValueError):
    """A reward function is unknown, cannot be built, or gave what is no score; the words name it and the value."""


def request_of(prompt: Prompt) -> str:
    """What the last turn of the person asks: what an answer has to be about."""
    asked = [turn["content"] for turn in prompt if turn["role"] == "user"]
    return asked[-1] if asked else ""


def groups(prompts: Sequence[Prompt]) -> list[list[int]]:
    """Row numbers of each distinct prompt, in the order in which they first come."""
    found: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for row, prompt in enumerate(prompts):
        found.setdefault(tuple((turn["role"], turn["content"]) for turn in prompt), []).append(row)
    return list(found.values())
