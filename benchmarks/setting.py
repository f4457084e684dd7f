"""What the benchmarks share: how much is asked for, the model, the prompts, a folder to work in, peak memory."""

from __future__ import annotations

import gzip
import json
import resource
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from language_models.model import LanguageModel

SYSTEM_PROMPT = "Reply to the request."
KEPT_OUT = 3
"""The first so many debates of UKPConvArg1 in sorted order: no choice of the reward's features and head is made on
them. Simulated tastes of their texts have decided other defaults (docs/benchmarks.md)."""


class NeedsData(ValueError):
    """A measurement needs the folder of real preferences; the words say which file."""


class NotAllowed(Exception):
    """This machine does not allow what a measurement needs; the words say what."""


@dataclass(frozen=True)
class Setting:
    """One benchmark run.

    `data` is the folder of real preferences, None for the demo's prompts. `short`: cut down, to see that it works.
    `work`: where studies are made; it has to be a real disk, in memory an fsync tells nothing. `peer`: the python of an
    environment with the libraries that ours are measured beside, None where there is none.
    """

    base: str = ""
    seed: int = 0
    data: Path | None = None
    short: bool = False
    work: Path = field(default_factory=lambda: Path(tempfile.gettempdir()) / "tastemaker-benchmarks")
    peer: Path | None = None

    @cached_property
    def model(self) -> LanguageModel:
        from language_models.model import LanguageModel, use_threads  # torch: what measures the store needs none

        use_threads()
        return LanguageModel.load(self.base)

    def requests(self, count: int) -> list[str]:
        """What the first `count` prompts ask."""
        if self.data is None:
            from rounds.demo import demo

            return [prompt.messages[-1]["content"] for prompt in demo.prompts()[:count]]
        return [question["question"] for question in self.questions()[:count]]

    def prompts(self, count: int) -> list[list[int]]:
        """Token ids of the first `count` prompts."""
        texts = self.requests(count)
        return [self.model.tokens([{"role": "user", "content": text}], SYSTEM_PROMPT) for text in texts]

    def questions(self) -> list[dict[str, Any]]:
        """The rows of qa_feedback."""
        return self.rows("qa_feedback/questions.jsonl.gz")

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Those of a file of the real preferences. Raises NeedsData without --data."""
        if self.data is None:
            raise NeedsData(f"this benchmark needs --data DIR with {name}")
        with gzip.open(self.data / name, "rt", encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    def trials(self, full: int, short: int) -> int:
        """How often: `full`, or `short` where the run is cut down."""
        return short if self.short else full

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A new folder below `work`, gone afterwards."""
        self.work.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.work) as name:
            yield Path(name)


def peak_gigabytes() -> float:
    """The most memory this process ever held, in GB. On Linux by /proc: what getrusage tells is at least what the
    process that started this one held."""
    status = Path("/proc/self/status")
    if status.exists():
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return round(int(peak.split()[1]) * 1024 / 1e9, 3)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6), 3)
