"""What completions are worth to every side of benchmarks.policy_speed, ours and the peers: one plain function.

Free of anything that the peers' environments may lack.
"""

from collections.abc import Sequence
from typing import Any

from rounds.tastes import taste


class Scores:
    """What completions are worth: the task's taste, or where it names none their commas. Remembers the last batch.

    To those who train it is told in units of `taste_unit` above `taste_zero`, as a learned reward has its unit and its
    zero: a price of KL and a penalty for truncation count in these.
    """

    def __init__(self, task: dict[str, Any]) -> None:
        self._taste = taste(task["taste"]) if task["taste"] else lambda text, _: float(text.count(","))
        self._zero, self._unit = task.get("taste_zero", 0.0), task.get("taste_unit", 1.0)
        self._penalty = float(task["truncation_penalty"])
        self.last: list[float] = []
        self.tokens = 0

    def of(self, texts: Sequence[str], finished: Sequence[bool], tokens: Sequence[int]) -> list[float]:
        """Scores without a penalty for what was cut off."""
        self.last = [self._taste(text, not ended) for text, ended in zip(texts, finished, strict=True)]
        self.tokens = sum(tokens)
        return [(worth - self._zero) / self._unit for worth in self.last]

    def penalised(self, texts: Sequence[str], finished: Sequence[bool], tokens: Sequence[int]) -> list[float]:
        """The same for who has no setting of their own for completions that were cut off."""
        scores = zip(self.of(texts, finished, tokens), finished, strict=True)
        return [score - (0.0 if ended else self._penalty) for score, ended in scores]

    def told(self) -> dict[str, float]:
        """The mean taste of the last batch, in its own units, and its tokens."""
        return {"score": sum(self.last) / len(self.last), "tokens": self.tokens}
