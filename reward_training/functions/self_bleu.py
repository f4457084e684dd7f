"""How unlike the other completions of its prompt a completion is: 1 - BLEU against them, 0 to 1.

Self-BLEU of Zhu et al. 2018, https://arxiv.org/abs/1802.01886, within the group of completions that are scored
together, by sacrebleu (one sentence, effective order; tokenizer zh where the text has Chinese characters, else 13a).
A completion that is alone with its prompt says nothing.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from pydantic import Field

from reward_training.reward_function import ANY, FunctionSettings, Given, Prompt, RewardFunction, Scores, groups
from reward_training.text_words import has_han, words

LANGUAGES = (ANY,)
NEEDS = ()
LONGEST = 20_000  # characters of a completion that are compared


class Settings(FunctionSettings):
    order: int = Field(4, ge=1, le=6, description="longest run of words that counts")


def build(settings: Settings, given: Given) -> RewardFunction:
    def reward(prompts: Sequence[Prompt], completions: Sequence[str]) -> Scores:
        texts = [str(text)[:LONGEST] for text in completions]
        scores: Scores = [None] * len(texts)
        for rows in groups(prompts):
            for row in rows if len(rows) > 1 else ():
                if not words(texts[row]):  # BLEU would have it that nothing is unlike all else
                    scores[row] = 0.0
                    continue
                others = [texts[other] for other in rows if other != row]
                metric = bleu("zh" if has_han(texts[row]) else "13a", settings.order)
                scores[row] = 1 - float(metric.sentence_score(texts[row], others).score) / 100
        return scores

    return reward


@cache
def bleu(tokenizer: str, order: int) -> Any:
    from sacrebleu.metrics import BLEU

    return BLEU(tokenize=tokenizer, effective_order=True, max_ngram_order=order)
