"""BLEU against good answers to the prompt: which runs of one to four words a completion shares with them, 0 to 1.

Papineni et al. 2002, https://aclanthology.org/P02-1040, for one sentence with effective order and exponential
smoothing, by sacrebleu (Post 2018, https://aclanthology.org/W18-6319): its tokenizer 13a, or zh where the references
are in Chinese. A prompt without a reference says nothing.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

from pydantic import Field

from reward_training.reward_function import ANY, FunctionSettings, Given, Prompt, RewardFunction, Scores
from reward_training.text_words import has_han

LANGUAGES = (ANY,)
NEEDS = ("references",)
LONGEST = 20_000  # characters of a completion that are compared


class Settings(FunctionSettings):
    tokenizer: Literal["by_text", "13a", "zh", "char"] = Field(
        "by_text", description="sacrebleu's tokenizer; by_text: zh where a reference has Chinese characters, else 13a"
    )


def build(settings: Settings, given: Given) -> RewardFunction:
    references = given.references
    assert references is not None

    def reward(prompts: Sequence[Prompt], completions: Sequence[str]) -> Scores:
        return [
            score(text, list(references(prompt)), settings.tokenizer)
            for prompt, text in zip(prompts, completions, strict=True)
        ]

    return reward


def score(text: str, good: list[str], tokenizer: str) -> float | None:
    if not good:
        return None
    if tokenizer == "by_text":
        tokenizer = "zh" if any(map(has_han, good)) else "13a"
    return float(bleu(tokenizer).sentence_score(text[:LONGEST], good).score) / 100


@cache
def bleu(tokenizer: str) -> Any:
    from sacrebleu.metrics import BLEU

    return BLEU(tokenize=tokenizer, effective_order=True)
