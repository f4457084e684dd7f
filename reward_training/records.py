"""What reward training reads: plain records, free of torch and of any database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    """One preference. Pairs of a `group` (a prompt, a debate) are never split between training and hold-out.

    `annotator` names who said it, `first_on_left` tells whether the first was shown before the second, `strength` (1 to
    3) how much better the preferred one is; None where nobody knows. `both_bad` is a tie that also says so. `criteria`:
    which one was better by each criterion that was answered. `at_random` is false where the pair was picked to learn
    the most from it: it trains, and is no fair sample to measure on.
    """

    first: Text
    second: Text
    outcome: Outcome
    group: str
    holdout: bool
    weight: float = 1.0
    annotator: str | None = None
    first_on_left: bool | None = None
    strength: int | None = None
    both_bad: bool = False
    criteria: Mapping[str, Outcome] = field(default_factory=dict)
    at_random: bool = True
