"""Imitation: cross-entropy on held-out demonstrations, a known distribution, resume, micro-batches, and beside PPO."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch

import toy_task
from language_models.batches import collate
from language_models.errors import NothingToTrain
from language_models.log_probs import completion_pass
from language_models.model import LanguageModel
from language_models.settings import LoraSettings, SamplingSettings
from policy_training.algorithms import imitation, ppo
from policy_training.algorithms.settings.imitation import Settings
from policy_training.algorithms.settings.ppo import Settings as PPOSettings
from policy_training.imitating import add_imitation_gradient
from policy_training.learner import Learner, TrainedPolicy
from policy_training.records import Demonstration, Given, PromptItem, StepReport
from policy_training.settings import TrainingSettings
from tiny_models import fresh_tiny
from trained_weights import same, weights_of

FEW = {
    "steps": 3,
    "prompts_per_step": 2,
    "samples_per_prompt": 2,
    "minibatches": 2,
    "learning_rate": 3e-3,
    "tokens_per_batch": 300,
    "lora": LoraSettings(rank=4, alpha=8),
    "sampling": SamplingSettings(max_new_tokens=8, batch_size=8),
}
SETTINGS = Settings(**FEW, demonstrations_per_step=6)
MIXED = PPOSettings(**FEW, epochs=1, imitation_coefficient=0.5, imitation_batch=3)


def demonstrations_of(model: LanguageModel, first: int = 0, count: int = 9) -> list[Demonstration]:
    """Completions that count up, each from another number."""
    prompts = [model.tokens([{"role": "user", "content": f"from {place}"}]) for place in range(first, first + count)]
    texts = [" ".join(str(place + one) for one in range(1, 3 + place % 4)) for place in range(first, first + count)]
    return [
        Demonstration(prompt, model.completion_tokens(text, place % 3 > 0), 1.0 + place / 4)
        for place, (prompt, text) in enumerate(zip(prompts, texts, strict=True))
    ]


def run(
    model: LanguageModel,
    folder: Path,
    settings: TrainingSettings = SETTINGS,
    demonstrations: Sequence[Demonstration] | None = None,
    cut_at: int | None = None,
    algorithm: ModuleType = imitation,
) -> tuple[TrainedPolicy, list[StepReport]]:
    reports: list[StepReport] = []

    def on_step(report: StepReport) -> None:
        reports.append(report)
        if report.step == cut_at:
            raise InterruptedError

    items = [PromptItem(place, model.tokens([{"role": "user", "content": f"from {place}"}])) for place in range(3)]
    reward = (lambda _, sampled: [float(len(one.text)) for one in sampled]) if algorithm is ppo else None
    shown = demonstrations_of(model) if demonstrations is None else demonstrations
    trained = algorithm.train(Given(model, items, reward, folder, on_step, demonstrations=shown), settings)
    return trained, reports


def cross_entropy(model: LanguageModel, adapter: str | None, demonstrations: Sequence[Demonstration]) -> float:
    """Nats a token, every demonstration read by itself."""
    total, tokens = 0.0, 0
    for one in demonstrations:
        batch = collate([one.prompt_ids], [one.completion_ids], model.pad_id)
        with torch.no_grad(), model.adapters.using(adapter):
            total -= float(completion_pass(model, batch, FEW["sampling"].temperature).log_probs.sum())
        tokens += len(one.completion_ids)
    return total / tokens


def test_cross_entropy_falls_on_demonstrations_that_were_not_shown(tmp_path: Path) -> None:
    model = fresh_tiny()
    held_out = demonstrations_of(model, first=30, count=6)
    trained, reports = run(model, tmp_path, SETTINGS.model_copy(update={"steps": 10, "kl_budget_nats": 1000.0}))
    losses = [report.metrics["imitation_loss"] for report in reports[:-1]]
    assert losses[-1] < losses[0] - 0.5
    assert cross_entropy(model, trained.adapter, held_out) < cross_entropy(model, None, held_out) - 0.5


@pytest.mark.parametrize(("algorithm", "settings"), [(imitation, SETTINGS), (ppo, MIXED)], ids=["alone", "mixed"])
def test_a_run_cut_at_any_step_and_resumed_ends_bit_equal_to_an_uncut_one(
    tmp_path: Path, algorithm: ModuleType, settings: TrainingSettings
) -> None:
    uncut, reports = run(fresh_tiny(), tmp_path / "uncut", settings, algorithm=algorithm)
    for cut_at in range(2):
        with pytest.raises(InterruptedError):
            run(fresh_tiny(), tmp_path / str(cut_at), settings, cut_at=cut_at, algorithm=algorithm)
        torch.manual_seed(cut_at)
        resumed, rest = run(fresh_tiny(), tmp_path / str(cut_at), settings, algorithm=algorithm)
        assert same(weights_of(resumed), weights_of(uncut))
        assert rest[0].metrics["imitation_loss"] == reports[cut_at].metrics["imitation_loss"]


def gradient_of(demonstrations: Sequence[Demonstration], folder: Path, tokens: int = 5000, coefficient: float = 1.0):
    """The mean loss and its gradient, at an adapter that is not zero."""
    model = fresh_tiny()
    settings = SETTINGS.model_copy(update={"tokens_per_batch": max(64, tokens)})
    learner = Learner.start(Given(model, [], None, folder, lambda _: None), settings)
    with torch.no_grad():
        for parameter in learner.weights().values():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)) * 0.03)
    with model.adapters.training(learner.adapter):
        loss, _ = add_imitation_gradient(learner, demonstrations, settings, coefficient)
    return loss, torch.cat([value.grad.flatten() for value in learner.weights().values() if value.grad is not None])


def test_the_gradient_does_not_hang_on_micro_batches_and_follows_weight_and_coefficient(tmp_path: Path) -> None:
    shown = demonstrations_of(fresh_tiny())
    loss, expected = gradient_of(shown, tmp_path)
    each = [
        (one.weight * len(one.completion_ids), gradient_of([one], tmp_path / str(place))[0])
        for place, one in enumerate(shown)
    ]
    assert loss == pytest.approx(sum(weight * own for weight, own in each) / sum(weight for weight, _ in each))
    assert min(own for _, own in each) < loss < max(own for _, own in each)
    for tokens in (64, 200):
        other, gradient = gradient_of(shown, tmp_path, tokens)
        assert other == pytest.approx(loss)
        torch.testing.assert_close(gradient, expected, atol=1e-6, rtol=1e-4)
    same_mean, doubled = gradient_of([replace(one, weight=2 * one.weight) for one in shown], tmp_path)
    assert same_mean == pytest.approx(loss)
    torch.testing.assert_close(doubled, 2 * expected, atol=1e-6, rtol=1e-4)
    same_loss, halved = gradient_of(shown, tmp_path, coefficient=0.5)
    assert same_loss == pytest.approx(loss), "the figure is that without the coefficient"
    torch.testing.assert_close(halved, expected / 2, atol=1e-6, rtol=1e-4)


def test_what_weighs_nothing_changes_nothing_and_nothing_at_all_is_said(tmp_path: Path) -> None:
    shown = demonstrations_of(fresh_tiny())
    nothing = [replace(one, weight=0.0) for one in shown]
    alone, _ = run(fresh_tiny(), tmp_path / "alone", demonstrations=shown)
    beside, _ = run(fresh_tiny(), tmp_path / "beside", demonstrations=[*nothing, *shown])
    assert same(weights_of(alone), weights_of(beside))
    for algorithm, settings in ((imitation, SETTINGS), (ppo, MIXED)):
        model = fresh_tiny()
        with pytest.raises(NothingToTrain, match="no demonstrations"):
            run(model, tmp_path / algorithm.__name__, settings, nothing, algorithm=algorithm)
        assert model.adapters.names == [], "said before anything is drawn"


def test_ppo_with_a_weight_on_imitation_is_drawn_to_the_demonstrations_and_without_is_as_it_was(tmp_path: Path) -> None:
    shown = demonstrations_of(fresh_tiny())
    without = MIXED.model_copy(update={"imitation_coefficient": 0.0})
    plain, reports = run(fresh_tiny(), tmp_path / "plain", without, algorithm=ppo)
    assert "imitation_loss" not in reports[0].metrics
    no_need, _ = run(fresh_tiny(), tmp_path / "none", without, [], algorithm=ppo)
    assert same(weights_of(plain), weights_of(no_need))
    mixed, _ = run(fresh_tiny(), tmp_path / "mixed", MIXED, algorithm=ppo)
    entropies = [cross_entropy(one.model, one.adapter, shown) for one in (plain, mixed)]
    assert entropies[1] < entropies[0] - 0.05


def test_it_fits_a_known_distribution(tmp_path: Path) -> None:
    """Samples of the best policy of the toy task, at their shares: the KL from it to the imitator nearly vanishes."""
    model = toy_task.toy_model()
    sequences = toy_task.every_sequence()
    best = toy_task.optimum_log_probs(model)
    prompt = toy_task.PROMPT.token_ids
    shown = [Demonstration(prompt, tokens, float(share)) for tokens, share in zip(sequences, best.exp(), strict=True)]
    settings = Settings(
        steps=40,
        prompts_per_step=1,
        samples_per_prompt=1,
        minibatches=1,
        demonstrations_per_step=len(sequences),
        learning_rate=2e-2,
        kl_budget_nats=100.0,
        tokens_per_batch=100_000,
        checkpoint_every=1000,
        lora=LoraSettings(rank=8, alpha=16),
        sampling=SamplingSettings(temperature=1.0, max_new_tokens=toy_task.LENGTH),
    )
    given = Given(model, [toy_task.PROMPT], None, tmp_path, lambda _: None, demonstrations=shown)
    trained = imitation.train(given, settings)

    def kl_to(adapter: str | None) -> float:
        return float((best.exp() * (best - toy_task.sequence_log_probs(model, adapter))).sum())

    assert kl_to(None) > 1.0
    assert kl_to(trained.adapter) < 0.05 * kl_to(None)
    assert toy_task.share_of_optimum(model, trained.adapter) >= 0.9
