"""chrF against good answers to the prompt: which runs of one to six characters a completion shares with them, 0 to 1.

Popović 2015, https://aclanthology.org/W15-3049, by sacrebleu. It needs no words, so it serves every language; with
`word_order` 2 it is chrF++. A prompt without a reference says nothing.
"""

from collections.abc import Sequence

from pydantic import Field

from reward_training.reward_function import ANY, FunctionSettings, Given, Prompt, RewardFunction, Scores

LANGUAGES = (ANY,)
NEEDS = ("references",)
LONGEST = 20_000  # characters of a completion that are compared


class Settings(FunctionSettings):
    word_order: int = Field(0, ge=0, le=4, description="longest run of words that counts as well; 2 is chrF++")
    beta: int = Field(2, ge=1, le=10, description="weight of recall over precision")


def build(settings: Settings, given: Given) -> RewardFunction:
    from sacrebleu.metrics import CHRF

    references = given.references
    assert references is not None
    metric = CHRF(word_order=settings.word_order, beta=settings.beta)

    def reward(prompts: Sequence[Prompt], completions: Sequence[str]) -> Scores:
        return [score(text, list(references(prompt))) for prompt, text in zip(prompts, completions, strict=True)]

    def score(text: str, good: list[str]) -> float | None:
        return float(metric.sentence_score(text[:LONGEST], good).score) / 100 if good else None

    return reward
