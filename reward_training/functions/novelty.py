"""What is new: the share of a completion's runs of words that no earlier text on the same prompt has, 0 to 1.

Earlier texts are those that the study had when the run began. The measure of novel n-grams of See et al. 2017,
https://arxiv.org/abs/1704.04368, with earlier samples in place of the source. A text without a run of n words has
nothing new: 0.
"""

from collections.abc import Sequence

from pydantic import Field

from reward_training.reward_function import ANY, FunctionSettings, Given, Prompt, RewardFunction, Scores, groups
from reward_training.text_words import n_grams, words

LANGUAGES = (ANY,)
NEEDS = ("earlier",)


class Settings(FunctionSettings):
    n: int = Field(3, ge=1, le=8, description="words in a run")


def build(settings: Settings, given: Given) -> RewardFunction:
    earlier = given.earlier
    assert earlier is not None

    def reward(prompts: Sequence[Prompt], completions: Sequence[str]) -> Scores:
        scores: Scores = [0.0] * len(completions)
        for rows in groups(prompts):
            known = {run for text in earlier(prompts[rows[0]]) for run in n_grams(words(text), settings.n)}
            for row in rows:
                own = set(n_grams(words(completions[row]), settings.n))
                scores[row] = len(own - known) / len(own) if own else 0.0
        return scores

    return reward
