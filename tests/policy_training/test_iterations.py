"""The frame of every algorithm: figures over real tokens, the price of KL, learning rates along a run."""

from collections.abc import Sequence
from dataclasses import replace
from math import exp
from pathlib import Path
from typing import Any

import pytest
import torch

from language_models.errors import ForeignCheckpoint
from language_models.sampling import Sampled
from language_models.settings import LoraSettings, SamplingSettings
from policy_training.algorithms import ppo, rloo
from policy_training.algorithms.settings.ppo import Settings as PPOSettings
from policy_training.algorithms.settings.rloo import Settings as RlooSettings
from policy_training.iterations import _proxy, figures_of, iterations
from policy_training.kl import KLController
from policy_training.learner import Learner
from policy_training.records import Given, PromptItem, StepReport
from policy_training.rollouts import Rollouts, collect
from policy_training.settings import RewardedSettings, TrainingSettings
from tiny_models import fresh_tiny

SETTINGS = RewardedSettings(
    steps=3,
    prompts_per_step=3,
    samples_per_prompt=2,
    learning_rate=1e-2,
    final_learning_rate_share=0.1,
    kl_coefficient=0.1,
    kl_horizon=15,
    kl_budget_nats=1e4,
    lora=LoraSettings(rank=4, alpha=8),
    sampling=SamplingSettings(max_new_tokens=16, batch_size=8),
)


def zero(_: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
    return [0.0] * len(sampled)


def started(folder: Path, reports: list[StepReport]) -> tuple[Given, Learner]:
    """A policy away from its reference."""
    model = fresh_tiny()
    items = [PromptItem(n, model.tokens([{"role": "user", "content": "word " * n}])) for n in range(3)]
    given = Given(model, items, zero, folder, reports.append)
    learner = Learner.start(given, SETTINGS)
    with torch.no_grad():
        for parameter in learner.weights().values():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)) * 0.1)
    return given, learner


def drawn(folder: Path) -> Rollouts:
    given, learner = started(folder, [])
    return collect(given, learner, SETTINGS, 0)


def test_the_price_of_kl_moves_by_the_kl_that_is_shown_and_the_completions_that_were_drawn(tmp_path: Path) -> None:
    target = 1.1 * figures_of(drawn(tmp_path))["kl_nats"]  # so that the error is not clipped at the start
    assert target > 0.1
    reports: list[StepReport] = []
    given, learner = started(tmp_path, reports)
    settings = SETTINGS.model_copy(update={"kl_target_nats": target})
    learner.controller = replace(learner.controller, target_nats=target)
    with learner.training():
        for _ in iterations(learner, given, settings):
            pass
    assert [report.step for report in reports] == [0, 1, 2, 3]
    betas = [report.metrics["beta"] for report in reports]
    assert betas[0] == 0.1
    for before, after in zip(reports, betas[1:], strict=False):
        shown = before.metrics
        assert after == KLController(shown["beta"], target, 15).after(shown["kl_nats"], 6).beta
    assert betas[1] == pytest.approx(0.1 * (1 + (1 / 1.1 - 1) * 6 / 15))
    assert len(set(betas)) == 4


def test_learning_rates_fall_on_a_line_through_the_run(tmp_path: Path) -> None:
    given, learner = started(tmp_path, [])
    with learner.training():
        rates = [learner.optimizer.param_groups[0]["lr"] for _ in iterations(learner, given, SETTINGS)]
    assert rates == pytest.approx([1e-2, 7e-3, 4e-3])  # 1e-3 would be that of a fourth


def test_what_is_told_of_rollouts_are_means_over_real_tokens(tmp_path: Path) -> None:
    made, lengths = drawn(tmp_path), [3, 16, 1, 7, 16, 2]
    made = replace(made, mask=torch.arange(16) < torch.tensor(lengths).unsqueeze(1))
    generator = torch.Generator().manual_seed(2)
    own, reference, entropy = (torch.rand(made.mask.shape, generator=generator) for _ in range(3))
    large = [whole.masked_fill(~made.mask, size) for whole, size in ((own, 9.0), (reference, -7.0), (entropy, 50.0))]
    found = figures_of(replace(made, log_probs=large[0], reference=large[1], entropy=large[2]))
    tokens = [(row, t) for row, length in enumerate(lengths) for t in range(length)]
    ratios = [(own[at] - reference[at]).item() for at in tokens]
    assert found["kl_nats"] == pytest.approx(sum(ratios) / 6, abs=1e-5)
    assert found["kl_k3_nats"] == pytest.approx(sum(exp(-one) - 1 + one for one in ratios) / 6, abs=1e-5)
    assert found["entropy_nats"] == pytest.approx(sum(entropy[at].item() for at in tokens) / len(tokens), abs=1e-5)
    assert found["length_tokens"] == pytest.approx(len(tokens) / 6)


def test_checkpoints_of_another_training_are_refused(tmp_path: Path) -> None:
    """Its weights would pass for what this one has made: with as many steps nothing is left to do."""

    def train(algorithm: Any, settings: TrainingSettings) -> None:
        model = fresh_tiny()
        items = [PromptItem(0, model.tokens([{"role": "user", "content": "word"}]))]
        algorithm.train(Given(model, items, zero, tmp_path, lambda _: None), settings)

    small = {name: getattr(SETTINGS, name) for name in ("prompts_per_step", "samples_per_prompt", "lora", "sampling")}
    train(rloo, RlooSettings(steps=1, **small))
    train(rloo, RlooSettings(steps=1, **small))
    with pytest.raises(ForeignCheckpoint, match=r"another training \(seed 0 and not 1\): take its settings"):
        train(rloo, RlooSettings(steps=1, seed=1, **small))
    with pytest.raises(ForeignCheckpoint, match="algorithm rloo and not ppo"):
        train(ppo, PPOSettings(steps=1, **small))


def test_the_proxy_pays_for_cut_off_texts_as_training_does(tmp_path: Path) -> None:
    given, learner = started(tmp_path, [])
    settings = SETTINGS.model_copy(update={"truncation_penalty": 3.0})
    rollouts = collect(given, learner, settings, 0)
    rollouts = replace(rollouts, scores=torch.arange(6.0))
    cut = [not sampled.finished for sampled in rollouts.sampled]
    assert any(cut)
    proxy = _proxy(rollouts, given, settings)
    assert proxy is not None and proxy.mean == pytest.approx(2.5 - 3.0 * sum(cut) / 6)
    assert _proxy(rollouts, replace(given, reward=None), settings) is None


def test_the_share_cut_off_is_by_what_the_sampler_says_whatever_the_length(tmp_path: Path) -> None:
    rollouts = drawn(tmp_path)
    longest = rollouts.mask.shape[1]
    assert all(len(one.token_ids) == longest for one in rollouts.sampled[:2])
    ended = [replace(one, finish_reason="stop") for one in rollouts.sampled[:2]]  # by its last token that is allowed
    cut = [Sampled(one.token_ids[:3], one.text, "length") for one in rollouts.sampled[2:]]
    assert figures_of(replace(rollouts, sampled=[*ended, *cut]))["cut_off"] == pytest.approx(4 / 6)
