"""The reward that was learned from people's judgments.

Where the run's settings price what it is not sure of (`reward_uncertainty_penalty`, `reward_combination`), that price
is off already: the lower confidence bound of Coste et al. 2023, https://arxiv.org/abs/2310.02743. By itself its scores
have mean 0 and standard deviation 1 on samples of the reference policy already, so nothing normalises them again; with
something taken off they are brought there anew, as other parts are.
"""

from reward_training.reward_function import ANY, FunctionSettings, Given, RewardFunction

LANGUAGES = (ANY,)
NEEDS = ("learned",)
NORMALISED = True


class Settings(FunctionSettings):
    """None: what is priced is a setting of the run."""


def build(settings: Settings, given: Given) -> RewardFunction:
    """The reward model as it is."""
    assert given.learned is not None
    return given.learned
