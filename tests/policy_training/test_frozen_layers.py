"""Training with frozen lower layers: exact, also from a start that has changed them."""

import weakref
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from language_models.adapters import WEIGHTS
from language_models.errors import NothingToTrain
from language_models.sampling import Sampled
from language_models.settings import LoraSettings, SamplingSettings
from language_models.upper_layers import LowerStates
from policy_training import rollouts, truncation
from policy_training.algorithms import ppo
from policy_training.algorithms.settings.ppo import Settings
from policy_training.learner import ADAPTER, Learner, frozen_layers
from policy_training.records import Given, PromptItem
from policy_training.rollouts import MicroBatch, Rollouts, collect
from policy_training.updates import Seen, accumulate
from tiny_models import fresh_tiny, randomise
from trained_weights import weights_of

SETTINGS = Settings(
    steps=1,
    prompts_per_step=3,
    samples_per_prompt=2,
    frozen_share=0.5,
    tokens_per_batch=200,
    lora=LoraSettings(rank=4, alpha=8),
    sampling=SamplingSettings(max_new_tokens=12, batch_size=6),
)


def letters(_: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
    return [float(len(set(one.text))) for one in sampled]


def given_for(folder: Path, start: Path | None = None) -> Given:
    model = fresh_tiny()
    prompts = [PromptItem(n, model.tokens([{"role": "user", "content": "word " * n + "?"}])) for n in range(3)]
    return Given(model, prompts, letters, folder, lambda _: None, start)


def changed_everywhere(folder: Path) -> Path:
    """The folder of a policy that differs from the base in every layer."""
    given, policy = given_for(folder / "one"), folder / "policy"
    given.model.adapters.add(given.adapter, LoraSettings(rank=4, alpha=8), 0)
    randomise(given.model, given.adapter, 3)
    (policy / ADAPTER).mkdir(parents=True)
    given.model.adapters.save(given.adapter, policy / ADAPTER)
    return policy


def losses(seen: Seen) -> tuple[Tensor, dict[str, Tensor]]:
    return -seen.log_probs + seen.values.square(), {}


def test_an_update_from_kept_states_is_that_of_whole_passes_and_its_ratio_starts_at_one(tmp_path: Path) -> None:
    given = given_for(tmp_path)
    learner = Learner.start(given, SETTINGS, value_learning_rate=1e-3)
    frozen = frozen_layers(given.model, SETTINGS)
    assert given.model.adapters.lowest_layer(given.adapter) == frozen > 0
    with torch.no_grad():
        for weight in learner.weights().values():
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)) * 0.05)
    kept = collect(given, learner, SETTINGS, 0)
    assert all(micro.batch.lower is not None for part in kept.minibatches for micro in part)
    whole = replace(
        kept,
        minibatches=[
            [replace(micro, batch=replace(micro.batch, lower=None)) for micro in part] for part in kept.minibatches
        ],
    )

    def gradient(rollouts: Rollouts) -> tuple[float, Tensor]:
        with learner.training():
            figures = accumulate(learner, rollouts.minibatches[0], rollouts, 0.7, losses)
        return figures["approx_kl"], torch.cat([one.grad.flatten() for one in learner.weights().values()])

    (kl, ours), (_, plain) = gradient(kept), gradient(whole)
    assert kl == 0.0
    torch.testing.assert_close(ours, plain, atol=1e-6, rtol=1e-4)
    assert ours.abs().max() > 1e-3


def test_a_run_trains_the_upper_layers_alone_and_goes_on_from_its_own_policy(tmp_path: Path) -> None:
    trained = ppo.train(given_for(tmp_path / "one"), SETTINGS)
    moved = {name for name, value in weights_of(trained).items() if "lora_B" in name and value.any()}
    assert {int(name.split("layers.")[1].split(".")[0]) for name in moved} == {2}, "of layers 0, 1 and 2"
    (tmp_path / "policy").mkdir()
    trained.save(tmp_path / "policy")
    assert (tmp_path / "policy" / ADAPTER).is_dir()
    Learner.start(given_for(tmp_path / "two", tmp_path / "policy"), SETTINGS)


@pytest.mark.parametrize("truncated", ["penalty", "leave_out"])
def test_what_frozen_layers_made_of_an_iteration_is_gone_before_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, truncated: str
) -> None:
    kept: list[weakref.ref[LowerStates]] = []
    laid_out, drawn = rollouts.lay_out, rollouts.sample
    seen: list[int] = []

    def watched(*given: Any) -> list[list[MicroBatch]]:
        seen.append(sum(one() is not None for one in kept))
        found = laid_out(*given)
        kept.extend(weakref.ref(micro.batch.lower) for part in found for micro in part if micro.batch.lower)
        return found

    def one_cut(*given: Any) -> list[Sampled]:
        found = drawn(*given)
        return [replace(one, finish_reason="length" if place == 0 else "stop") for place, one in enumerate(found)]

    monkeypatch.setattr(rollouts, "lay_out", watched)
    monkeypatch.setattr(truncation, "lay_out", watched)
    monkeypatch.setattr(rollouts, "sample", one_cut)
    settings = SETTINGS.model_copy(update={"steps": 3, "truncated": truncated, "kl_budget_nats": 1e4})
    ppo.train(given_for(tmp_path), settings)
    assert len(kept) >= 3
    assert len(seen) == (4 if truncated == "penalty" else 7)
    assert seen == [0] * len(seen)


def test_a_start_that_changes_frozen_layers_keeps_what_it_does_there(tmp_path: Path) -> None:
    start = changed_everywhere(tmp_path)
    given = given_for(tmp_path / "two", start)
    given.model.adapters.load("reference", start / ADAPTER)  # or it would be past all limits
    trained = ppo.train(replace(given, reference_adapter="reference"), SETTINGS)
    now, before = weights_of(trained), load_file(start / ADAPTER / WEIGHTS)
    changed = {name for name, value in before.items() if not torch.equal(now[name], value)}
    assert changed == {name for name in before if "layers.2." in name}


def test_a_start_of_which_nothing_is_left_to_train_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = given_for(tmp_path / "one")
    monkeypatch.setattr(given.model.adapters, "_linear_from", lambda _: ["model.layers.0.self_attn.q_proj"])
    given.model.adapters.add(given.adapter, LoraSettings(rank=4), 0, frozen_layers=1)
    (tmp_path / "policy" / ADAPTER).mkdir(parents=True)
    given.model.adapters.save(given.adapter, tmp_path / "policy" / ADAPTER)
    with pytest.raises(NothingToTrain, match=r"frozen_share = 0.5 leaves the lowest 2 of 3 .* lower frozen_share"):
        ppo.train(given_for(tmp_path / "two", tmp_path / "policy"), SETTINGS)


def test_a_reference_below_whose_frozen_layers_the_policy_differs_is_read_whole(tmp_path: Path) -> None:
    start = changed_everywhere(tmp_path)
    read = []
    for share in (0.5, 0.0):
        own = given_for(tmp_path / str(share), start)
        settings = SETTINGS.model_copy(update={"frozen_share": share})
        learner = Learner.start(own, settings)
        assert learner.changes_frozen_layers == (share > 0)
        read.append(collect(own, learner, settings, 0))
    torch.testing.assert_close(read[0].reference, read[1].reference, atol=1e-5, rtol=0)
    torch.testing.assert_close(read[0].log_probs, read[1].log_probs, atol=1e-5, rtol=0)
    assert (read[0].reference - read[0].log_probs).abs().max() > 1e-3
