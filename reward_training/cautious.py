"""What a policy is trained against and chosen by: the reward's scores, minus what it does not know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from reward_training.ensemble import combine
from reward_training.ensemble_settings import Combination
from reward_training.model import RewardModel
from reward_training.records import Text
from reward_training.reward_posterior import RewardPosterior


def scorer(
    model: RewardModel, folder: Path, combination: Combination, penalty: float
) -> Callable[[Sequence[Text]], list[float]]:
    """Scores of texts: the model's own minus `penalty` standard deviations, or an ensemble's combination. Heads of an
    ensemble are 0 at the mean of the judged texts; there they get the model's own score, so that their zero is its own.

    Raises NoPosterior where `folder` does not say how sure the model is, ValueError where it has no ensemble.
    """
    if combination == "head" and penalty == 0:
        return model.score
    posterior = RewardPosterior.load(folder)
    combine(combination, np.zeros(0), posterior.member_scores(np.zeros((0, model.width))), penalty)  # is there one?
    [middle] = model.score_features(torch.as_tensor(posterior.directions.centre).unsqueeze(0).to(model.centre))

    def score(texts: Sequence[Text]) -> list[float]:
        if not texts:
            return []
        features = model.all_features(texts)
        own = ((model.raw(features) - model.mean) / model.sd).detach().cpu().double().numpy()
        vectors = features.cpu().numpy()
        if combination == "head":
            return (own - penalty * posterior.deviations(vectors)).tolist()
        return combine(combination, own, middle + posterior.member_scores(vectors), penalty).tolist()

    return score


def doubt_of_mean(model: RewardModel, folder: Path) -> Callable[[Sequence[Text]], float]:
    """Posterior standard deviation of the mean score of texts, in units of the score.

    The head is linear, so the mean of the scores is the score of the mean features. What is peculiar to single texts
    averages out there, as it does in the mean; a mean of the texts' own deviations would keep all of it. Raises
    NoPosterior.
    """
    posterior = RewardPosterior.load(folder)

    def doubt(texts: Sequence[Text]) -> float:
        return float(posterior.deviations(model.all_features(texts).mean(0, keepdim=True).cpu().numpy())[0])

    return doubt
