"""ROUGE-L against good answers to the prompt: how much of their order of words a completion keeps.

The F-measure of the longest common subsequence (Lin 2004, https://aclanthology.org/W04-1013), by rouge-score, the best
over the references. rouge-score's own tokenizer drops every letter that is not Latin, so that two equal Chinese texts
get 0; here the words are those of reward_training/text_words.py. A prompt without a reference says nothing.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from reward_training.reward_function import ANY, FunctionSettings, Given, Prompt, RewardFunction, Scores
from reward_training.text_words import words

LANGUAGES = (ANY,)
NEEDS = ("references",)


class Settings(FunctionSettings):
    longest: int = Field(1000, ge=1, le=5000, description="words of a text that are compared, from its start")


def build(settings: Settings, given: Given) -> RewardFunction:
    references = given.references
    assert references is not None
    scorer = rouge(settings.longest)

    def reward(prompts: Sequence[Prompt], completions: Sequence[str]) -> Scores:
        return [
            max((scorer.score(good, text)["rougeL"].fmeasure for good in references(prompt)), default=None)
            for prompt, text in zip(prompts, completions, strict=True)
        ]

    return reward


def rouge(longest: int) -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    class Tokenizer:
        def tokenize(self, text: str) -> list[str]:
            return words(text)[:longest]

    return RougeScorer(["rougeL"], tokenizer=Tokenizer())
