"""What completions are worth to every side of benchmarks.policy_speed, ours and the peers: one plain function.

Free of anything that the peers' environments may lack.
"""

from collections.abc import Sequence
from typing import Any

from rounds.tastes import taste


class Scores:
    """What completions are worth: the task's taste, or where it names none their commas. Remembers the last batch."""

    def __init__(self, task: dict[str, Any]) -> None:
        self._taste = taste(task["taste"]) if task["taste"] else lambda text, _: float(text.count(","))
        self._penalty = float(task["truncation_penalty"])
        self.last: list[float] = []
        self.tokens = 0

    def of(self, texts: Sequence[str], finished: Sequence[bool], tokens: Sequence[int]) -> list[float]:
        """The plain scores."""
        self.last = [self._taste(text, not ended) for text, ended in zip(texts, finished, strict=True)]
        self.tokens = sum(tokens)
        return self.last

    def penalised(self, texts: Sequence[str], finished: Sequence[bool], tokens: Sequence[int]) -> list[float]:
        """The same for who has no setting of their own for completions that were cut off."""
        scores = zip(self.of(texts, finished, tokens), finished, strict=True)
        return [score - (0.0 if ended else self._penalty) for score, ended in scores]

    def told(self) -> dict[str, float]:
        return {"score": sum(self.last) / len(self.last), "tokens": self.tokens}
