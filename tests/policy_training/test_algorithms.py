"""What holds for every algorithm that raises a reward, on a tiny model with random non-zero weights: exactness before
the first step, micro-batches, what may change, resume. That each learns: test_learning.py."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from language_models.heads import ScalarHead
from language_models.model import LanguageModel
from language_models.sampling import Sampled
from language_models.settings import LoraSettings, SamplingSettings
from policy_training import algorithm_registry, updates
from policy_training.learner import ADAPTER, VALUE_HEAD, Learner
from policy_training.records import Given, PromptItem, StepReport
from policy_training.settings import TrainingSettings
from tiny_models import fresh_tiny, randomise
from trained_weights import same, weights_of

STEPS = 2
ALGORITHMS = [name for name in algorithm_registry.names() if "reward" in algorithm_registry.describe(name).needs]
HAVE_VALUES = ["actor_critic", "ppo"]

pytestmark = pytest.mark.parametrize("name", ALGORITHMS)


def settings_of(name: str, **changes: Any) -> TrainingSettings:
    return algorithm_registry.settings_class(name).model_validate(
        {
            "steps": STEPS,
            "prompts_per_step": 3,
            "samples_per_prompt": 2,
            "learning_rate": 3e-3,
            "tokens_per_batch": 150,
            "guards": {"stop": False},  # a random start is far from the reference in all that is watched
            "lora": LoraSettings(rank=4, alpha=8),
            "sampling": SamplingSettings(max_new_tokens=8, batch_size=6),
            **changes,
        }
    )


def given_to(
    folder: Path,
    model: LanguageModel,
    start: Path | None = None,
    reports: list[StepReport] | None = None,
    cut_at: int | None = None,
) -> Given:
    def on_step(report: StepReport) -> None:
        if reports is not None:
            reports.append(report)
        if report.step == cut_at:
            raise InterruptedError

    prompts = [PromptItem(index, model.tokens([{"role": "user", "content": "word " * index}])) for index in range(3)]
    return Given(model, prompts, letters, folder, on_step, start_folder=start)


def letters(_: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
    return [sum(map(ord, completion.text)) % 7 / 3 for completion in sampled]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy with values that is away from the base, so that neither KL nor values are 0."""
    folder = tmp_path_factory.mktemp("start")
    model = fresh_tiny()
    model.adapters.add("far", LoraSettings(rank=4, alpha=8), 3)
    randomise(model, "far", 3)
    (folder / ADAPTER).mkdir()
    model.adapters.save("far", folder / ADAPTER)
    head = ScalarHead(model.hidden_size)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(4)))
    head.save(folder / VALUE_HEAD)
    return folder


class Enough(Exception):
    """Raised by the first optimiser step, whose gradient is what a test wants."""


def first_step(
    name: str, folder: Path, start: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any
) -> tuple[dict[str, float], Tensor, int]:
    """Figures, gradient and number of micro-batches of the first mini-batch."""
    found: list[tuple[dict[str, float], Tensor, int]] = []

    def stop(learner: Learner, minibatch: Sequence[Any], figures: dict[str, float], *_: Any) -> int:
        gradients = [weight.grad.flatten() for weight in learner.weights().values() if weight.grad is not None]
        assert len(gradients) == len(learner.weights())
        found.append((figures, torch.cat(gradients), len(minibatch)))
        raise Enough

    with monkeypatch.context() as patched:
        patched.setattr(updates, "guarded_step", stop)
        with pytest.raises(Enough):
            algorithm_registry.trainer(name)(
                given_to(folder, fresh_tiny(), start), settings_of(name, kl_budget_nats=1e4, **changes)
            )
    return found[0]


def test_before_the_first_step_nothing_has_moved_and_gradients_are_equal_for_every_micro_batch_size(
    name: str, tmp_path: Path, start: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """approx-KL is 0 and nothing clipped exactly where every ratio is exactly 1."""
    sizes = []
    expected = None
    for tokens in (5000, 64, 120):
        figures, gradient, micro_batches = first_step(
            name, tmp_path / str(tokens), start, monkeypatch, tokens_per_batch=tokens
        )
        assert figures["approx_kl"] == 0.0
        assert figures.get("clip_fraction", 0.0) == 0.0
        assert gradient.abs().max() > 1e-3
        expected = gradient if expected is None else expected
        torch.testing.assert_close(gradient, expected, atol=1e-5 * float(expected.abs().max()), rtol=1e-4)
        sizes.append(micro_batches)
    assert sizes[0] == 1 < max(sizes)


def test_training_changes_its_own_adapter_and_nothing_else(name: str, tmp_path: Path) -> None:
    model = fresh_tiny()
    model.adapters.add("other", LoraSettings(rank=4, alpha=8), 1)
    randomise(model, "other", 1)
    before = {key: value.clone() for key, value in model.network.state_dict().items()}
    trained = algorithm_registry.trainer(name)(given_to(tmp_path, model), settings_of(name))
    after = model.network.state_dict()
    own = {key for key in after if trained.adapter in key}
    assert own.isdisjoint(before)
    assert all(torch.equal(after[key], value) for key, value in before.items())
    assert any("lora_B" in key and after[key].abs().sum() > 0 for key in own)  # they start at 0
    assert (trained.value_head is not None) == (name in HAVE_VALUES)


def test_the_reward_shown_is_the_score_less_penalty_and_price_of_kl(name: str, tmp_path: Path, start: Path) -> None:
    """Whatever baselines and shaping make of it on the way to the loss."""
    reports: list[StepReport] = []
    given = given_to(tmp_path, fresh_tiny(), start, reports)
    shaped = replace(given, potential=lambda _, done: [[1.0] * (len(one.token_ids) + 1) for one in done])
    settings = settings_of(name, steps=1, kl_budget_nats=1e4, truncation_penalty=2.0)
    algorithm_registry.trainer(name)(shaped, settings)
    first = reports[0].metrics
    assert first["kl_nats"] > 0.1 and first["cut_off"] > 0
    expected = first["score"] - 2.0 * first["cut_off"] - first["beta"] * first["kl_nats"]
    assert first["reward"] == pytest.approx(expected, abs=1e-4)


def test_a_run_cut_at_any_step_ends_bit_equal_to_an_uncut_one_of_the_same_seed(name: str, tmp_path: Path) -> None:
    train, reports = algorithm_registry.trainer(name), list[StepReport]()
    uncut = train(given_to(tmp_path / "uncut", fresh_tiny(), reports=reports), settings_of(name))
    assert [report.step for report in reports] == list(range(STEPS + 1))
    for cut_at in range(STEPS):
        folder, rest = tmp_path / str(cut_at), list[StepReport]()
        with pytest.raises(InterruptedError):
            train(given_to(folder, fresh_tiny(), cut_at=cut_at), settings_of(name))
        torch.manual_seed(cut_at)  # no draw may hang on the global state
        resumed = train(given_to(folder, fresh_tiny(), reports=rest), settings_of(name))
        # What was reported last comes again, from the checkpoint: a kill may have come before it was written down.
        assert [report.step for report in rest] == list(range(cut_at, STEPS + 1))
        assert rest[0].metrics.keys() == reports[cut_at].metrics.keys()
        assert rest[0].metrics["score"] == reports[cut_at].metrics["score"]
        assert rest[0].tokens == reports[cut_at].tokens != []
        assert resumed.steps == uncut.steps == STEPS
        assert same(weights_of(resumed), weights_of(uncut))
        assert resumed.metrics == uncut.metrics
