"""What each algorithm makes of rollouts of several prompts, some of them cut off, written out token by token."""

import importlib
from collections.abc import Sequence
from dataclasses import replace
from math import exp, sqrt
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from language_models.sampling import Sampled
from language_models.settings import LoraSettings, SamplingSettings
from policy_training import algorithm_registry, iterations
from policy_training.learner import Learner
from policy_training.records import Given, PromptItem
from policy_training.rollouts import collect
from policy_training.truncation import end_values
from policy_training.updates import Losses, Seen
from tiny_models import fresh_tiny

SHARED = {
    "prompts_per_step": 4,
    "samples_per_prompt": 4,
    "truncation_penalty": 1.5,
    "tokens_per_batch": 150,
    "lora": LoraSettings(rank=4, alpha=8),
    "sampling": SamplingSettings(max_new_tokens=24, batch_size=12),
}
BETA = 0.7  # of the controller by now, not the one of the settings


def length_reward(items: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
    """Prompts differ by more than their completions do."""
    return [3.0 * item.id + len(one.token_ids) / 10 for item, one in zip(items, sampled, strict=True)]


class Written:
    """Losses of an algorithm for rollouts of several prompts, some of them cut off, and what they are made of."""

    def __init__(self, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
        algorithm = importlib.import_module(f"policy_training.algorithms.{name}")
        self.settings = algorithm_registry.settings_class(name).model_validate({**SHARED, **changes})
        model = fresh_tiny()
        items = [PromptItem(n, model.tokens([{"role": "user", "content": "word " * n}])) for n in range(4)]
        given = Given(model, items, length_reward, folder, lambda _: None)
        rate = getattr(self.settings, "value_learning_rate", None)
        learner = Learner.start(given, self.settings, value_learning_rate=rate)
        learner.controller = replace(learner.controller, beta=BETA)
        with torch.no_grad():
            for parameter in learner.weights().values():
                parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)) * 0.03)
        self.rollouts = collect(given, learner, self.settings, 0)
        made: list[Losses] = []

        def caught(*arguments: Any, **_: Any) -> dict[str, float]:
            made.append(arguments[4])
            return {}

        monkeypatch.setattr(algorithm, "optimise", caught)
        now = iterations.Iteration(0, self.rollouts, {})
        self.figures: dict[str, float] = algorithm._update(learner, now, given, self.settings)
        self.ends = end_values(self.rollouts, learner, self.settings).tolist()
        self.lengths = self.rollouts.mask.sum(1).tolist()
        self.cut = [not one.finished for one in self.rollouts.sampled]
        assert 0 < sum(self.cut) < len(self.cut) and len(set(self.lengths)) > 2
        noise = torch.Generator().manual_seed(3)
        self.log_probs, self.values = (
            torch.where(self.rollouts.mask, known + 0.05 * torch.randn(known.shape, generator=noise), 0.0)
            for known in (self.rollouts.log_probs, self.rollouts.values)
        )
        rows = torch.arange(len(self.cut))
        seen = Seen(self.log_probs, self.rollouts.log_probs, self.values, self.rollouts.mask, rows)
        self.found: Tensor = made[0](seen)[0]

    def kl(self, row: int, t: int) -> float:
        return float(self.rollouts.log_probs[row, t] - self.rollouts.reference[row, t])

    def score(self, row: int) -> float:
        return float(self.rollouts.scores[row]) - (1.5 if self.cut[row] else 0.0)

    def rewards(self, row: int, score: float | None = None) -> list[float]:
        found = [-BETA * self.kl(row, t) for t in range(self.lengths[row])]
        found[-1] += self.score(row) if score is None else score
        return found

    def others(self, row: int) -> list[int]:
        ids = [item.id for item in self.rollouts.items]
        return [one for one in range(len(ids)) if ids[one] == ids[row] and one != row]

    def check(self, expected: Any) -> None:
        for row, length in enumerate(self.lengths):
            for t in range(length):
                assert float(self.found[row, t]) == pytest.approx(expected(row, t), abs=3e-4), (row, t)

    def explained(self, targets: Sequence[Sequence[float]]) -> float:
        """The share of the targets' variance that the values of the rollouts explain, over real tokens."""
        pairs = [
            (one, float(self.rollouts.values[row, t]))
            for row, own in enumerate(targets)
            for t, one in enumerate(own[: self.lengths[row]])
        ]
        middle = mean([one for one, _ in pairs])
        spread = sum((one - middle) ** 2 for one, _ in pairs)
        return 1 - sum((one - value) ** 2 for one, value in pairs) / spread


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def to_go(rewards: Sequence[float], discount: float) -> list[float]:
    return [sum(discount**k * one for k, one in enumerate(rewards[t:])) for t in range(len(rewards))]


def test_grpo_is_clipped_by_group_and_pays_for_k3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Written("grpo", tmp_path, monkeypatch, clip=0.03)

    def expected(row: int, t: int) -> float:
        group = [made.score(one) for one in (row, *made.others(row))]
        spread = sqrt(mean([(one - mean(group)) ** 2 for one in group]))
        advantage = (group[0] - mean(group)) / (spread + 1e-4)
        ratio = exp(float(made.log_probs[row, t] - made.rollouts.log_probs[row, t]))
        d = float(made.rollouts.reference[row, t] - made.log_probs[row, t])
        return -min(advantage * ratio, advantage * min(max(ratio, 0.97), 1.03)) + BETA * (exp(d) - 1 - d)

    made.check(expected)


def test_rloo_is_the_reward_less_that_of_the_prompts_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Written("rloo", tmp_path, monkeypatch)
    whole = [sum(made.rewards(row)) for row in range(16)]

    def expected(row: int, t: int) -> float:
        advantage = whole[row] - mean([whole[one] for one in made.others(row)])
        ratio = exp(float((made.log_probs[row] - made.rollouts.log_probs[row]).sum()))
        return -advantage * ratio * float(made.log_probs[row, t])

    made.check(expected)


def test_the_policy_gradient_is_by_returns_less_those_of_the_prompts_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Written("policy_gradient", tmp_path, monkeypatch, discount=0.9)
    returns = [to_go(made.rewards(row), 0.9) for row in range(16)]

    def expected(row: int, t: int) -> float:
        others = [returns[one] for one in made.others(row)]
        there = [one[t] for one in others if len(one) > t] or [one[0] for one in others]
        return -(returns[row][t] - mean(there)) * float(made.log_probs[row, t])

    made.check(expected)


def test_actor_critic_is_by_returns_of_n_steps_and_goes_on_behind_a_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Written(
        "actor_critic", tmp_path, monkeypatch, discount=0.9, n_steps=3, value_coefficient=0.3, truncated="bootstrap"
    )

    def target(row: int, t: int) -> float:
        rewards = made.rewards(row, 0.0 if made.cut[row] else None)
        values = [*made.rollouts.values[row, : len(rewards)].tolist(), made.ends[row]]
        until = min(t + 3, len(rewards))
        return to_go(rewards[t:until], 0.9)[0] + 0.9 ** (until - t) * values[until]

    def expected(row: int, t: int) -> float:
        value = 0.5 * (float(made.values[row, t]) - target(row, t)) ** 2
        advantage = target(row, t) - float(made.rollouts.values[row, t])
        return -advantage * float(made.log_probs[row, t]) + 0.3 * value

    made.check(expected)
    targets = [[target(row, t) for t in range(made.lengths[row])] for row in range(16)]
    assert made.figures["explained_variance"] == pytest.approx(made.explained(targets), abs=1e-4)


@pytest.mark.parametrize("centred", [False, True])
def test_ppo_goes_on_behind_a_cut_and_takes_the_prompts_mean_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, centred: bool
) -> None:
    made = Written(
        "ppo", tmp_path, monkeypatch, discount=0.9, gae_lambda=0.8, truncated="bootstrap", centre_scores=centred
    )
    advantages: dict[tuple[int, int], float] = {}
    targets: dict[tuple[int, int], float] = {}
    for row in range(16):
        score = float(made.rollouts.scores[row])
        if centred:
            score -= mean([float(made.rollouts.scores[one]) for one in made.others(row)])
        rewards = made.rewards(row, 0.0 if made.cut[row] else score)
        after, behind = 0.0, made.ends[row]
        for t in reversed(range(len(rewards))):
            value = float(made.rollouts.values[row, t])
            after = rewards[t] + 0.9 * behind - value + 0.9 * 0.8 * after
            advantages[row, t], targets[row, t], behind = after, after + value, value
    middle = mean([*advantages.values()])
    spread = sqrt(mean([(one - middle) ** 2 for one in advantages.values()]))

    def expected(row: int, t: int) -> float:
        whitened = (advantages[row, t] - middle) / spread
        ratio = exp(float(made.log_probs[row, t] - made.rollouts.log_probs[row, t]))
        value = 0.5 * (float(made.values[row, t]) - targets[row, t]) ** 2  # the values are within the clip
        clip = made.settings.clip
        policy = -min(whitened * ratio, whitened * min(max(ratio, 1 - clip), 1 + clip))
        return policy + made.settings.value_coefficient * value

    made.check(expected)
    by_row = [[targets[row, t] for t in range(made.lengths[row])] for row in range(16)]
    assert made.figures["explained_variance"] == pytest.approx(made.explained(by_row), abs=1e-4)
