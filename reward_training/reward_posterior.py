"""How sure a trained reward is of what it says: the Laplace posterior of its head, in the units of its scores.

Free of torch. The head's ridge is the prior, the adapter counts as given: what the adapter might have been is not in
it, so the uncertainty is a lower bound. Texts unlike all that was judged keep the prior's variance in what they differ
in (bayesian_head.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from reward_training.bayesian_head import Answers, AnyFloats, Directions, Posterior, laplace
from reward_training.ensemble import bootstrap_heads
from reward_training.likelihood import Floats

Places = NDArray[np.int64]
FILE = "posterior.safetensors"


class NoPosterior(ValueError):
    """A reward model that does not say how sure it is."""


@dataclass(frozen=True)
class RewardPosterior:
    """Uncertainty of a reward whose scores are (raw - mean) / sd. `members`: (E, K) heads of an ensemble."""

    directions: Directions
    posterior: Posterior
    members: Floats
    sd: float

    def deviations(self, features: AnyFloats) -> Floats:
        """(M, D) features under the trained adapter -> (M,) standard deviations of their scores."""
        inside, outside = self.directions.coordinates(features)
        return self.posterior.deviations(inside, outside) / self.sd

    def member_scores(self, features: AnyFloats) -> Floats:
        """(M, D) features -> (E, M) scores of the ensemble's heads, 0 at the mean of the judged texts."""
        inside, _ = self.directions.coordinates(features)
        return np.asarray(self.members @ inside.T / self.sd)

    def save(self, folder: Path) -> None:
        """Writes posterior.safetensors into an existing folder."""
        numbers = [self.posterior.log_nu, self.posterior.precision, self.sd]
        tensors: dict[str, Floats] = {
            "centre": self.directions.centre,
            "spread": self.directions.spread,
            "basis": self.directions.basis,
            "mean": self.posterior.mean,
            "covariance": self.posterior.covariance,
            "members": self.members,
            "log_nu_precision_sd": np.array(numbers),
        }
        save_file({name: np.ascontiguousarray(part, dtype=np.float32) for name, part in tensors.items()}, folder / FILE)

    @classmethod
    def load(cls, folder: Path) -> RewardPosterior:
        """Raises NoPosterior where an earlier version wrote the reward model."""
        if not (folder / FILE).is_file():
            raise NoPosterior(
                f"{folder.name} does not say how sure it is: an earlier version trained it. Train the reward again."
            )
        kept = {name: part.astype(np.float64) for name, part in load_file(folder / FILE).items()}
        log_nu, precision, sd = (float(value) for value in kept["log_nu_precision_sd"])
        return cls(
            Directions(kept["centre"], kept["spread"], kept["basis"]),
            Posterior(kept["mean"], kept["covariance"], log_nu, precision),
            kept["members"],
            sd,
        )


def posterior_around(
    head: Floats,
    log_nu: float,
    spread: Floats,
    features: AnyFloats,
    answers: tuple[Places, Places, Places, Floats, Floats],
    groups: Sequence[str],
    *,
    precision: float,
    sd: float,
    members: int,
    seed: int,
) -> RewardPosterior:
    """The posterior of a trained head: (D,) weights on features divided by `spread`, (M, D) features of the judged
    texts. `answers`: places of each pair's first and second text, its outcome, its weight, and the logits towards the
    first that come from the side it was shown on, (N,) each.
    """
    directions = Directions.scaled_by(features, np.asarray(features, dtype=np.float64).mean(0), spread)
    inside, _ = directions.coordinates(features)
    first, second, outcomes, weights, side_bias = answers
    judged = Answers.of(inside[first] - inside[second], outcomes, weights, side_bias)
    found = laplace(judged, precision, directions.basis @ head, log_nu)
    heads = bootstrap_heads(judged, groups, precision, members, seed)
    return RewardPosterior(directions, found, heads, sd)
