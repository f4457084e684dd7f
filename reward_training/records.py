"""What reward training reads: plain records, free of torch and of any database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["first", "tie", "second"]


@dataclass(frozen=True)
class Text:
    """A completion with its prompt. `finished` is false where the completion was cut off, None where nobody knows."""

    prompt: Sequence[Mapping[str, str]]  # chat messages, the system prompt included
    completion: str
    finished: bool | None = None


@dataclass(frozen=True)
class Pair:
    """One preference. Pairs of a `group` (a prompt, a debate) are never split between training and hold-out."""

    first: Text
    second: Text
    outcome: Outcome
    group: str
    holdout: bool
    weight: float = 1.0
