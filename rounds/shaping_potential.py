"""The potential that a run asks for, from its settings, model and reward; policy_training takes it as it is."""

from __future__ import annotations

from functools import partial

from language_models.model import LanguageModel
from language_models.sampling import text_so_far
from policy_training.potentials.language_score import language_score
from policy_training.potentials.length_progress import length_progress
from policy_training.potentials.running_reward import running_reward
from policy_training.records import Potential
from policy_training.settings import TrainingSettings
from rounds.policy_reward import PolicyReward
from rounds.policy_settings import TrainPolicySettings


def potential_of(
    settings: TrainPolicySettings, training: TrainingSettings, model: LanguageModel, reward: PolicyReward
) -> Potential | None:
    """None where nothing is shaped. `training` has the temperature and the longest length that are sampled with."""
    weight, sampling = settings.shaping_weight, training.sampling
    if settings.shaping == "reward":
        return running_reward(reward.learned, partial(text_so_far, model), weight, settings.shaping_every)
    if settings.shaping == "language_model":
        return language_score(model, weight, sampling.temperature, training.tokens_per_batch)
    if settings.shaping == "length":
        return length_progress(sampling.max_new_tokens, weight)
    return None
