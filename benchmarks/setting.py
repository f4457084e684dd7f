"""What the benchmarks share: the model, the prompts, peak memory."""

import gzip
import json
import resource
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from language_models.model import LanguageModel, use_threads
from rounds.demo import demo

SYSTEM_PROMPT = "Reply to the request."


@dataclass(frozen=True)
class Setting:
    """One benchmark run. `data` is the folder of real preferences, None for the demo's prompts."""

    base: str
    seed: int
    data: Path | None

    @cached_property
    def model(self) -> LanguageModel:
        use_threads()
        return LanguageModel.load(self.base)

    def prompts(self, count: int) -> list[list[int]]:
        """Token ids of the first `count` prompts."""
        if self.data is None:
            texts = [prompt.messages[-1]["content"] for prompt in demo.prompts()[:count]]
        else:
            texts = [question["question"] for question in self.questions()[:count]]
        return [self.model.tokens([{"role": "user", "content": text}], SYSTEM_PROMPT) for text in texts]

    def questions(self) -> list[dict[str, Any]]:
        """The rows of qa_feedback."""
        if self.data is None:
            raise ValueError("this benchmark needs --data DIR with qa_feedback/questions.jsonl.gz")
        with gzip.open(self.data / "qa_feedback" / "questions.jsonl.gz", "rt", encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]


def peak_gigabytes() -> float:
    """The most memory this process ever held, in GB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)
