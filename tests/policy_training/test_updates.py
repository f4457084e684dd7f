"""From losses to optimiser steps: what the update sees before its first step, masked means, clipping, when it ends."""

from collections.abc import Mapping
from math import exp
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from language_models.batches import collate
from language_models.log_probs import completion_pass
from language_models.model import LanguageModel
from language_models.precision import Compute
from language_models.settings import LoraSettings, SamplingSettings
from policy_training import updates
from policy_training.algorithms.settings.ppo import Settings
from policy_training.learner import Learner
from policy_training.optimiser_step import guarded_step
from policy_training.records import Given, PromptItem
from policy_training.rollouts import Rollouts, collect
from policy_training.updates import Seen, accumulate, optimise
from tiny_models import fresh_tiny

SETTINGS = Settings(
    prompts_per_step=4,
    samples_per_prompt=4,
    tokens_per_batch=150,
    final_learning_rate_share=0.25,
    learning_rate=1e-3,
    value_learning_rate=8e-3,
    lora=LoraSettings(rank=4, alpha=8),
    sampling=SamplingSettings(max_new_tokens=24, batch_size=12),
)
Made = tuple[Given, Learner, Rollouts]


def move(learner: Learner, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in learner.weights().values():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.03)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Ragged rollouts of an adapter and a value head that hold random weights."""
    given, learner, rollouts = made_with(fresh_tiny(), SETTINGS, tmp_path)
    assert len(set(rollouts.mask.sum(1).tolist())) > 2
    return given, learner, rollouts


def made_with(model: LanguageModel, settings: Settings, folder: Path) -> Made:
    items = [PromptItem(n, model.tokens([{"role": "user", "content": "word " * n}])) for n in range(4)]
    given = Given(model, items, lambda _, done: [0.0] * len(done), folder, lambda _: None)
    learner = Learner.start(given, settings, value_learning_rate=settings.value_learning_rate)
    move(learner, 1)
    return given, learner, collect(given, learner, settings, 0)


def seen_of(learner: Learner, rollouts: Rollouts) -> list[Seen]:
    """Every micro-batch as the update sees it now."""
    kept: list[Seen] = []

    def losses(seen: Seen) -> tuple[Tensor, Mapping[str, Tensor]]:
        kept.append(seen)
        return seen.log_probs + seen.values, {}

    with learner.training():
        for minibatch in rollouts.minibatches:
            accumulate(learner, minibatch, rollouts, SETTINGS.sampling.temperature, losses)
    return kept


def test_before_the_first_step_log_probs_and_values_are_bit_equal_to_those_of_the_rollouts(made: Made) -> None:
    _, learner, rollouts = made
    kept = seen_of(learner, rollouts)
    assert sorted(int(row) for seen in kept for row in seen.rows) == list(range(16))
    for seen in kept:
        old_values, old_mask = seen.of(rollouts.values, rollouts.mask)
        assert torch.equal(seen.mask, old_mask)
        assert torch.equal(torch.where(seen.mask, seen.values, 0.0), old_values)
        assert torch.equal(seen.log_probs, seen.old)
    assert (rollouts.values[rollouts.mask] != 0).all()
    assert rollouts.values[rollouts.mask].std() > 1e-3, "they differ from token to token"


@pytest.mark.parametrize(
    ("numbers", "frozen_share"),
    [(torch.float32, 0.0), (torch.float32, 0.5), (torch.bfloat16, 0.0)],
    ids=["32 bits", "frozen", "16 bits"],
)
def test_they_are_bit_equal_too_where_layers_are_computed_again(
    tmp_path: Path, numbers: torch.dtype, frozen_share: float
) -> None:
    model = fresh_tiny(numbers=numbers)
    settings = SETTINGS.model_copy(update={"frozen_share": frozen_share, "minibatches": 1, "tokens_per_batch": 1000})
    with model.computed(Compute(recompute=True)):
        _, learner, rollouts = made_with(model, settings, tmp_path)
        kept = seen_of(learner, rollouts)
    assert sorted(int(row) for seen in kept for row in seen.rows) == list(range(16))
    for seen in kept:
        assert len({rollouts.items[row].id for row in seen.rows.tolist()}) < len(seen.rows), "rows share a prompt"
        assert torch.equal(seen.log_probs, seen.old)
        assert torch.equal(torch.where(seen.mask, seen.values, 0.0), *seen.of(rollouts.values))


def test_the_gradient_is_that_of_the_mean_loss_over_the_real_tokens_of_the_mini_batch(made: Made) -> None:
    given, learner, rollouts = made
    model, temperature = given.model, SETTINGS.sampling.temperature
    weights = torch.randn(rollouts.mask.shape, generator=torch.Generator().manual_seed(3))
    parameters, counts = list(model.adapters.parameters(given.adapter).values()), set[int]()
    for minibatch in rollouts.minibatches:
        with learner.training():
            accumulate(
                learner, minibatch, rollouts, temperature, lambda seen: (seen.log_probs * seen.of(weights)[0], {})
            )
            found = [parameter.grad for parameter in parameters]
            rows = [int(row) for micro in minibatch for row in micro.rows]
            tokens = [rollouts.sampled[row].token_ids for row in rows]
            counts.add(sum(map(len, tokens)))
            loss = torch.zeros(())
            for row, said in zip(rows, tokens, strict=True):
                alone = collate([rollouts.items[row].token_ids], [said], model.pad_id)
                log_probs = completion_pass(model, alone, temperature).log_probs[0]
                loss = loss + (weights[row, : len(said)] * log_probs).sum() / sum(map(len, tokens))
            expected = torch.autograd.grad(loss, parameters)
        for ours, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-4)
        assert max(float(one.abs().max()) for one in expected) > 1e-3
    assert len(counts) > 1, "mini-batches of several sizes"


def test_figures_and_approximate_kl_are_means_over_the_real_tokens_of_the_mini_batch(made: Made) -> None:
    _, learner, rollouts = made
    whole = torch.randn(rollouts.mask.shape, generator=torch.Generator().manual_seed(3))
    whole = whole.masked_fill(~rollouts.mask, 1e3)  # what stands behind an end is large, so that a leak shows
    move(learner, 2)
    for minibatch in rollouts.minibatches:
        kept: list[Seen] = []

        def losses(seen: Seen, kept: list[Seen] = kept) -> tuple[Tensor, Mapping[str, Tensor]]:
            kept.append(seen)
            (figure,) = seen.of(whole)
            return seen.log_probs, {"figure": figure}

        with learner.training():
            found = accumulate(learner, minibatch, rollouts, SETTINGS.sampling.temperature, losses)
        assert len(kept) > 1, "several micro-batches"
        figure, kl = [], []
        for seen in kept:
            for place, row in enumerate(seen.rows.tolist()):
                for t in range(len(rollouts.sampled[row].token_ids)):
                    figure.append(whole[row, t].item())
                    d = (seen.log_probs[place, t] - rollouts.log_probs[row, t]).item()
                    kl.append(exp(d) - 1 - d)
        assert found["figure"] == pytest.approx(sum(figure) / len(figure), abs=1e-5)
        assert found["approx_kl"] == pytest.approx(sum(kl) / len(kl), rel=1e-3)
        assert found["approx_kl"] > 1e-4


@pytest.mark.parametrize(("size", "seen_size"), [(100.0, 0.5), (1e-4, None)])
def test_the_optimiser_sees_gradients_of_at_most_the_norm(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: float, seen_size: float | None
) -> None:
    _, learner, rollouts = made
    weights, norms = list(learner.weights().values()), list[float]()
    for weight in weights:
        weight.grad = torch.full_like(weight, size)
    before = torch.cat([weight.grad.flatten() for weight in weights if weight.grad is not None]).norm().item()

    def step() -> None:
        norms.append(torch.cat([w.grad.flatten() for w in weights if w.grad is not None]).norm().item())

    monkeypatch.setattr(learner.optimizer, "step", step)
    assert guarded_step(learner, rollouts.minibatches[0], {}, 0.5, tmp_path) == 0
    assert norms == [pytest.approx(seen_size or before, rel=1e-4)]


def test_adam_has_its_epsilon_and_rates_fall_on_a_line_from_the_full_ones_to_their_share(made: Made) -> None:
    _, learner, _ = made
    assert [group["eps"] for group in learner.optimizer.param_groups] == [1e-5, 1e-5]
    rates = []
    for step in range(5):
        learner.decay_rates(step, SETTINGS.model_copy(update={"steps": 4}))
        rates.append([group["lr"] for group in learner.optimizer.param_groups])
    shares = [1.0, 0.8125, 0.625, 0.4375, 0.25]
    assert rates == [pytest.approx([1e-3 * share, 8e-3 * share]) for share in shares]


def test_an_update_ends_at_the_first_mini_batch_past_one_and_a_half_times_its_target(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, learner, rollouts = made
    told, steps = iter([0.0, 0.1, 0.1499, 0.1501, 0.0, 0.0]), list[float]()

    def scripted(*_: Any) -> dict[str, float]:
        return {"approx_kl": next(told)}

    def count(_: Any, __: Any, figures: Mapping[str, float], *___: Any) -> int:
        steps.append(figures["approx_kl"])
        return 0

    monkeypatch.setattr(updates, "accumulate", scripted)
    monkeypatch.setattr(updates, "guarded_step", count)
    found = optimise(
        learner, given, rollouts, SETTINGS, lambda seen: (seen.log_probs, {}), epochs=3, update_kl_target=0.1
    )
    assert steps == [0.0, 0.1, 0.1499]
    looked_at = [*steps, 0.1501]
    assert found == {"approx_kl": pytest.approx(sum(looked_at) / 4), "epochs": 1.0, "skipped_steps": 0.0}
    assert list(told) == [0.0, 0.0], "nothing is computed after it"
