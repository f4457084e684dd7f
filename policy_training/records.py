"""What policy training reads and writes: plain records, free of any database."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from language_models.sampling import Sampled


@dataclass(frozen=True)
class PromptItem:
    """A prompt to train on. `payload` is handed through to the reward untouched."""

    id: int
    token_ids: Sequence[int]
    payload: Any = None


RewardFunction = Callable[[Sequence[PromptItem], Sequence[Sampled]], Sequence[float]]
"""(prompts, completions), row by row -> one finite score for each, more is better. PPO cannot tell a learned reward
from a written one."""


@dataclass(frozen=True)
class StepReport:
    """What an iteration looked like; sent after its checkpoint is on disk, and again, without samples, by a run that
    goes on from there.
    """

    step: int
    steps: int
    metrics: dict[str, float]
    samples: list[tuple[PromptItem, Sampled, float]] = field(default_factory=list)


OnStep = Callable[[StepReport], None]
"""May raise to stop: the run goes on from its checkpoint when it is started again with the same arguments."""
