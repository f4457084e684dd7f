"""The reward that was learned from people's judgments, less a price for what it is not sure of.

score = mean - k * sd: the lower confidence bound of Coste et al. 2023, https://arxiv.org/abs/2310.02743 (their
uncertainty-weighted optimisation), with the posterior of the reward's head in place of an ensemble. Its scores have
mean 0 and standard deviation 1 on samples of the reference policy already, so nothing normalises them again.
"""

from collections.abc import Sequence

from pydantic import Field

from reward_training.reward_function import (
    ANY,
    FunctionSettings,
    Given,
    Prompt,
    RewardFunction,
    RewardFunctionError,
    Scores,
)

LANGUAGES = (ANY,)
NEEDS = ("learned",)
NORMALISED = True


class Settings(FunctionSettings):
    uncertainty_price: float = Field(
        0.0, ge=0, le=100, description="k: standard deviations of the reward's posterior that are taken off"
    )


def build(settings: Settings, given: Given) -> RewardFunction:
    """Raises RewardFunctionError where a price is set and the reward model has no posterior."""
    learned, spread, price = given.learned, given.spread, settings.uncertainty_price
    assert learned is not None
    if price == 0:
        return learned
    if spread is None:
        raise RewardFunctionError(
            f"learned: uncertainty_price = {price:g} needs the uncertainty of the reward, which this reward model does "
            "not have. Set it to 0, or train a reward model anew."
        )

    def reward(prompts: Sequence[Prompt], completions: Sequence[str]) -> Scores:
        return [
            None if score is None else score - price * (sd or 0.0)
            for score, sd in zip(learned(prompts, completions), spread(prompts, completions), strict=True)
        ]

    return reward
