"""Which pair of a prompt's completions is put to people: at random, or by what the reward does not know. Torch-free.

- *margin*: the pair whose rewards are closest by the posterior's mean (uncertainty sampling; Lewis and Gale 1994).
- *information*: the pair whose answer tells most about the reward, BALD: the entropy of the three-way answer on average
  over the posterior, minus the average of its entropy (Houlsby, Huszár, Ghahramani and Lengyel 2011,
  https://arxiv.org/abs/1112.5745, Eq. 2). A pair that is close because people would call it a tie scores low.

Several pairs chosen at once should not ask the same: after each choice the covariance is narrowed as the answer will
narrow it (it hardly depends on which answer), and no two are about one prompt. Among a prompt's pairs the choice is a
draw, by rank^-POWER (Kirsch, Farquhar, Atighehchian, Jesson, Branchaud-Charron and Gal 2021,
https://arxiv.org/abs/2106.12059): every pair keeps a probability above 0, which is stored with the comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from reward_training.bayesian_head import AnyFloats, Directions, Posterior
from reward_training.likelihood import Floats, outcome_probabilities

Rule = Literal["random", "margin", "information"]

RANDOM_SHARE = 0.2
"""Of all questions, held-out ones included: they are always random."""
FEWEST_RANDOM = 0.05
"""Of the questions on training prompts, however many are on held-out ones."""
FIRST_RANDOM = 50
"""Judgments before anything else than chance chooses."""
POWER = 3.0
NODES, NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(15)
NODE_WEIGHTS = NODE_WEIGHTS / NODE_WEIGHTS.sum()


@dataclass(frozen=True)
class Chosen:
    """A pair by its place among its prompt's, what the rule said of it, and the probability with which it was drawn."""

    place: int
    score: float
    probability: float


def random_share(holdout_questions: float) -> float:
    """Of the questions on training prompts the share that chance chooses, so that it is RANDOM_SHARE of all."""
    return max(FEWEST_RANDOM, (RANDOM_SHARE - holdout_questions) / (1 - holdout_questions))


def scores(rule: Rule, means: Floats, deviations: Floats, log_nu: float) -> Floats:
    """What a rule says of N pairs whose difference of rewards is N(mean, deviation^2): more is asked rather."""
    if rule == "margin":
        return -np.abs(means)
    if rule == "information":
        return information(means, deviations, log_nu)
    return np.zeros(len(means))


def information(means: Floats, deviations: Floats, log_nu: float) -> Floats:
    """Nats that the answer tells about the reward, (N,); 0 where the reward is known. By Gauss-Hermite quadrature."""
    differences = means[:, None] + deviations[:, None] * NODES
    chances = outcome_probabilities(differences.ravel(), log_nu).reshape(*differences.shape, 3)
    on_average = np.einsum("nqo,q->no", chances, NODE_WEIGHTS)
    expected = np.einsum("nq,q->n", _entropy(chances), NODE_WEIGHTS)
    return np.asarray(np.maximum(_entropy(on_average) - expected, 0.0))


def choose(
    rule: Rule, posterior: Posterior, pairs: Mapping[int, Floats], generator: np.random.Generator
) -> dict[int, Chosen]:
    """One pair of each prompt: `pairs` gives by prompt (N, K) differences of coordinates, N >= 1.

    The prompt whose best pair scores highest is decided first; those after it see the covariance as it will be.
    """
    found: dict[int, Chosen] = {}
    left = dict(pairs)
    while left:
        said = {
            prompt: scores(rule, posterior.rewards(own), posterior.deviations(own), posterior.log_nu)
            for prompt, own in left.items()
        }
        prompt = max(said, key=lambda one: float(said[one].max()))
        found[prompt] = _drawn(rule, said[prompt], generator)
        posterior = posterior.asked(left.pop(prompt)[found[prompt].place])
    return found


def choose_texts(
    rule: Rule,
    directions: Directions,
    posterior: Posterior,
    texts: Mapping[int, AnyFloats],
    generator: np.random.Generator,
) -> dict[int, tuple[tuple[int, int], Chosen]]:
    """Two texts of each prompt: `texts` gives by prompt (M, D) features of M >= 2 texts. Returns their places and how
    they were chosen."""
    coordinates = {prompt: directions.coordinates(own)[0] for prompt, own in texts.items()}
    places = {prompt: list(combinations(range(len(own)), 2)) for prompt, own in coordinates.items()}
    pairs = {
        prompt: np.array([own[first] - own[second] for first, second in places[prompt]])
        for prompt, own in coordinates.items()
    }
    found = choose(rule, posterior, pairs, generator)
    return {prompt: (places[prompt][one.place], one) for prompt, one in found.items()}


def _drawn(rule: Rule, said: Floats, generator: np.random.Generator) -> Chosen:
    ranks = np.empty(len(said))
    ranks[np.argsort(-said, kind="stable")] = np.arange(1, len(said) + 1)
    chances = np.ones(len(said)) if rule == "random" else ranks**-POWER
    chances /= chances.sum()
    place = int(generator.choice(len(said), p=chances))
    return Chosen(place, float(said[place]), float(chances[place]))


def _entropy(chances: Floats) -> Floats:
    """Of the last axis, nats."""
    return np.asarray(-(chances * np.log(np.maximum(chances, 1e-300))).sum(-1))
