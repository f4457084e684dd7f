"""DPO: the exact optimum of the toy task, ties and weights, resume, micro-batches, and what is trained."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import toy_task
from language_models.batches import Batch
from language_models.errors import NonFiniteLoss, NothingToTrain
from language_models.model import LanguageModel
from language_models.settings import LoraSettings, SamplingSettings
from policy_training.algorithms import dpo
from policy_training.algorithms.settings.dpo import Settings
from policy_training.learner import Learner, TrainedPolicy
from policy_training.records import Given, Preference, PromptItem, StepReport
from tiny_models import fresh_tiny
from trained_weights import same, weights_of

SETTINGS = Settings(
    steps=3,
    prompts_per_step=2,
    samples_per_prompt=2,
    minibatches=2,
    pairs_per_step=6,
    learning_rate=3e-3,
    tokens_per_batch=300,
    lora=LoraSettings(rank=4, alpha=8),
    sampling=SamplingSettings(max_new_tokens=8, batch_size=8),
)


def pairs_of(model: LanguageModel, count: int = 9) -> list[Preference]:
    """A tie in each third pair, completions of different lengths, some of them cut off."""
    prompts = [model.tokens([{"role": "user", "content": "word " * place + "?"}]) for place in range(3)]
    return [
        Preference(
            prompts[place % 3],
            model.completion_tokens("yes " * (place + 1), True),
            model.completion_tokens("no " * (9 - place), place % 2 == 0),
            tie=place % 3 == 2,
            weight=1.0 + place / 4,
        )
        for place in range(count)
    ]


def run(
    model: LanguageModel,
    folder: Path,
    settings: Settings = SETTINGS,
    pairs: Sequence[Preference] | None = None,
    cut_at: int | None = None,
) -> tuple[TrainedPolicy, list[StepReport]]:
    reports: list[StepReport] = []

    def on_step(report: StepReport) -> None:
        reports.append(report)
        if report.step == cut_at:
            raise InterruptedError

    items = [PromptItem(place, model.tokens([{"role": "user", "content": "word " * place}])) for place in range(3)]
    given = Given(model, items, None, folder, on_step, preferences=pairs_of(model) if pairs is None else pairs)
    return dpo.train(given, settings), reports


def test_before_the_first_step_the_loss_is_that_of_no_difference(tmp_path: Path) -> None:
    pairs = [replace(pair, tie=False, weight=1.0) for pair in pairs_of(fresh_tiny())]
    _, reports = run(fresh_tiny(), tmp_path, SETTINGS.model_copy(update={"minibatches": 1}), pairs)
    assert reports[0].metrics["preference_loss"] == pytest.approx(torch.log(torch.tensor(2.0)).item(), abs=1e-5)
    assert reports[0].metrics["preference_margin_nats"] == pytest.approx(0.0, abs=1e-4)
    assert reports[0].metrics["kl_nats"] == 0.0
    assert not {"score", "beta"} & reports[0].metrics.keys(), "there is no reward, and no price of KL in it"


def test_a_run_cut_at_any_step_and_resumed_ends_bit_equal_to_an_uncut_one(tmp_path: Path) -> None:
    uncut, reports = run(fresh_tiny(), tmp_path / "uncut")
    assert same(weights_of(run(fresh_tiny(), tmp_path / "again")[0]), weights_of(uncut)), "same seed, same weights"
    for cut_at in range(3):
        with pytest.raises(InterruptedError):
            run(fresh_tiny(), tmp_path / str(cut_at), cut_at=cut_at)
        torch.manual_seed(cut_at)
        resumed, rest = run(fresh_tiny(), tmp_path / str(cut_at))
        assert [report.step for report in rest] == list(range(cut_at, SETTINGS.steps + 1))
        assert same(weights_of(resumed), weights_of(uncut))
        assert resumed.metrics == uncut.metrics
        assert rest[0].metrics["preference_loss"] == reports[cut_at].metrics["preference_loss"]


def gradient_of(settings: Settings, pairs: Sequence[Preference], folder: Path) -> torch.Tensor:
    """Of the first mini-batch, at an adapter that is not zero."""
    model = fresh_tiny()
    given = Given(model, [], None, folder, lambda _: None)
    learner = Learner.start(given, settings)
    found: list[torch.Tensor] = []

    def keep(learner: Learner, *_: object) -> int:
        gradients = [weight.grad.flatten() for weight in learner.weights().values() if weight.grad is not None]
        found.append(torch.cat(gradients))
        return 0

    with torch.no_grad():
        for parameter in learner.weights().values():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)) * 0.03)
    with pytest.MonkeyPatch.context() as patch, model.adapters.training(given.adapter):
        patch.setattr(dpo, "guarded_step", keep)
        reference = dpo.reference_log_probs(given, pairs, settings)
        dpo._update(
            learner, pairs, reference, 0.7, settings, SimpleNamespace(check=lambda: None, checkpoint_folder=folder)
        )
    return found[0]


def test_gradients_are_equal_for_every_micro_batch_size(tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"minibatches": 1, "pairs_per_step": 9, "beta": 0.5})
    pairs = pairs_of(fresh_tiny())
    expected = gradient_of(settings, pairs, tmp_path)
    assert expected.abs().sum() > 0
    for tokens in (64, 200, 5000):
        other = settings.model_copy(update={"tokens_per_batch": tokens})
        torch.testing.assert_close(gradient_of(other, pairs, tmp_path), expected, atol=1e-5, rtol=1e-4)


def test_the_gradient_is_that_of_the_loss_by_finite_differences(tmp_path: Path) -> None:
    model = fresh_tiny()
    pairs = pairs_of(model)
    given = Given(model, [], None, tmp_path, lambda _: None)
    settings = SETTINGS.model_copy(update={"minibatches": 1, "pairs_per_step": 9, "beta": 0.5})
    learner = Learner.start(given, settings)
    direction = [
        torch.randn(value.shape, generator=torch.Generator().manual_seed(place))
        for place, value in enumerate(learner.weights().values())
    ]
    with torch.no_grad():
        for parameter, one in zip(learner.weights().values(), direction, strict=True):
            parameter.add_(one * 0.02)
    losses, slopes = [], []

    def keep(learner: Learner, _: object, figures: dict[str, float], *__: object) -> int:
        losses.append(figures["preference_loss"])
        gradients = [value.grad for value in learner.weights().values()]
        slopes.append(sum(float((one * grad).sum()) for one, grad in zip(direction, gradients, strict=True)))
        return 0

    with pytest.MonkeyPatch.context() as patch, model.adapters.training(given.adapter):
        patch.setattr(dpo, "guarded_step", keep)
        reference = dpo.reference_log_probs(given, pairs, settings)
        for shift in (0.0, 1e-3, -2e-3):
            with torch.no_grad():
                for parameter, one in zip(learner.weights().values(), direction, strict=True):
                    parameter.add_(one * shift)
            dpo._update(
                learner,
                pairs,
                reference,
                0.7,
                settings,
                SimpleNamespace(check=lambda: None, checkpoint_folder=tmp_path),
            )
    assert slopes[0] == pytest.approx((losses[1] - losses[2]) / 2e-3, rel=0.02)


def test_pairs_of_weight_nothing_change_nothing(tmp_path: Path) -> None:
    pairs = pairs_of(fresh_tiny())
    turned = [replace(pair, chosen_ids=pair.rejected_ids, rejected_ids=pair.chosen_ids, weight=0.0) for pair in pairs]
    without, _ = run(fresh_tiny(), tmp_path / "without", pairs=pairs)
    beside, _ = run(fresh_tiny(), tmp_path / "beside", pairs=[*turned, *pairs])
    assert same(weights_of(without), weights_of(beside))
    scaled, _ = run(fresh_tiny(), tmp_path / "scaled", pairs=[replace(pair, weight=4 * pair.weight) for pair in pairs])
    assert same(weights_of(without), weights_of(scaled)), "a weight counts beside others"


def test_only_the_adapter_changes(tmp_path: Path) -> None:
    model = fresh_tiny()
    model.adapters.add("other", LoraSettings(rank=2, alpha=4), 7)
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    trained, _ = run(model, tmp_path)
    after = model.network.state_dict()
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    assert changed == []
    assert any(value.abs().sum() > 0 for name, value in weights_of(trained).items() if "lora_B" in name)


@pytest.mark.parametrize(
    "spoil", [lambda pairs: [], lambda pairs: [replace(pair, tie=True) for pair in pairs]], ids=["none", "ties alone"]
)
def test_without_a_decided_pair_it_says_so(
    tmp_path: Path, spoil: Callable[[list[Preference]], list[Preference]]
) -> None:
    model = fresh_tiny()
    with pytest.raises(NothingToTrain, match="no decided pair"):
        run(model, tmp_path, pairs=spoil(pairs_of(model)))


def test_the_reading_before_the_first_step_can_be_stopped(tmp_path: Path) -> None:
    model, looks = fresh_tiny(), list[int]()

    def check() -> None:
        looks.append(1)
        if len(looks) == 2:
            raise InterruptedError

    items = [PromptItem(0, model.tokens([{"role": "user", "content": "word"}]))]
    given = Given(model, items, None, tmp_path, lambda _: None, preferences=pairs_of(model), check=check)
    with pytest.raises(InterruptedError):
        dpo.train(given, SETTINGS)
    assert not list(tmp_path.glob("step-*"))


def test_three_non_finite_losses_fail_with_the_batch_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dpo, "preference_losses", lambda differences, *_: differences * float("nan"))
    with pytest.raises(NonFiniteLoss, match="3 times in a row"):
        run(fresh_tiny(), tmp_path)
    assert (tmp_path / "non-finite.safetensors").is_file()


def test_a_skipped_step_is_in_no_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, real = [0], dpo._log_probs

    def once(model: LanguageModel, batch: Batch, temperature: float) -> torch.Tensor:
        calls[0] += torch.is_grad_enabled()
        return real(model, batch, temperature) * (float("nan") if calls[0] == 1 and torch.is_grad_enabled() else 1.0)

    monkeypatch.setattr(dpo, "_log_probs", once)
    _, reports = run(fresh_tiny(), tmp_path)
    figures = reports[0].metrics
    assert figures["skipped_steps"] == 1
    assert all(isfinite(figures[name]) for name in ("preference_loss", "preference_margin_nats"))


# Learning: pairs labelled with the chances of the true reward have the exact optimum of the toy task as their own.


def labelled_pairs(count: int, nu: float) -> list[Preference]:
    """Pairs of completions at random, each as often chosen, tied and rejected, by weight, as Davidson's model says."""
    sequences = toy_task.every_sequence()
    places = torch.randint(len(sequences), (count, 2), generator=torch.Generator().manual_seed(0)).tolist()
    said = []
    for one, other in places:
        first, second = sequences[one], sequences[other]
        difference = torch.tensor(toy_task.true_reward(first) - toy_task.true_reward(second))
        shares = torch.stack([(difference / 2).exp(), torch.tensor(nu), (-difference / 2).exp()])
        chosen, tied, rejected = (shares / shares.sum()).tolist()
        prompt = toy_task.PROMPT.token_ids
        said.append(Preference(prompt, first, second, weight=chosen))
        said.append(Preference(prompt, second, first, weight=rejected))
        said.append(Preference(prompt, first, second, tie=True, weight=tied))
    return said


def learned(folder: Path, steps: int, pairs: Sequence[Preference], **more: float) -> tuple[LanguageModel, str]:
    model = toy_task.toy_model()
    settings = Settings(
        steps=steps,
        prompts_per_step=1,
        samples_per_prompt=1,
        minibatches=1,
        pairs_per_step=sum(pair.weight > 0 for pair in pairs),
        learning_rate=1.5e-2,
        final_learning_rate_share=0.05,
        beta=toy_task.BETA,
        kl_budget_nats=100.0,
        tokens_per_batch=100_000,
        checkpoint_every=1000,
        lora=LoraSettings(rank=8, alpha=16),
        sampling=SamplingSettings(temperature=1.0, max_new_tokens=toy_task.LENGTH),
        **more,
    )
    given = Given(model, [toy_task.PROMPT], None, folder, lambda _: None, preferences=pairs)
    return model, dpo.train(given, settings).adapter


def test_dpo_reaches_nine_tenths_of_the_exact_optimum(tmp_path: Path) -> None:
    assert toy_task.share_of_optimum(*learned(tmp_path, 60, labelled_pairs(300, nu=0.0))) >= 0.9


def test_with_ties_the_log_ratio_follows_the_true_reward(tmp_path: Path) -> None:
    model, adapter = learned(tmp_path, 25, labelled_pairs(256, nu=1.0), tie_nu=1.0)
    ratio = toy_task.sequence_log_probs(model, adapter) - toy_task.sequence_log_probs(model, None)
    rewards = torch.tensor([toy_task.true_reward(tokens) for tokens in toy_task.every_sequence()])
    assert torch.corrcoef(torch.stack([ratio, rewards.double()]))[0, 1] >= 0.8
