"""DPO on a few pairs: its reference, its losses and figures worked by hand, its draws."""

from dataclasses import replace
from math import log
from pathlib import Path
from typing import Any

import pytest
import torch

from language_models.batches import collate
from language_models.log_probs import completion_pass
from language_models.settings import LoraSettings
from policy_training.algorithms import dpo
from policy_training.algorithms.settings.dpo import Settings as DPOSettings
from policy_training.records import Given, Preference
from tiny_models import fresh_tiny, randomise


def dpo_pairs(model: Any) -> list[Any]:
    prompt = model.tokens([{"role": "user", "content": "word"}])
    return [
        Preference(prompt, model.completion_tokens("yes " * n, True), model.completion_tokens("no", True), tie=n == 3)
        for n in (1, 2, 3)
    ]


def test_the_reference_of_pairs_is_the_adapter_that_is_named(tmp_path: Path) -> None:
    model = fresh_tiny()
    given = Given(model, [], None, tmp_path, lambda _: None)
    model.adapters.add(given.adapter, LoraSettings(rank=4, alpha=8), 1)
    model.adapters.add("reference", LoraSettings(rank=4, alpha=8), 2)
    randomise(model, "reference", 2)
    randomise(model, given.adapter, 5)
    pairs = dpo_pairs(model)
    settings = DPOSettings(steps=1, pairs_per_step=3)
    for adapter in (None, "reference"):
        found = dpo.reference_log_probs(replace(given, reference_adapter=adapter), pairs, settings)
        for row, pair in enumerate(pairs):
            for column, ids in enumerate((pair.chosen_ids, pair.rejected_ids)):
                batch = collate([pair.prompt_ids], [ids], model.pad_id)
                with torch.no_grad(), model.adapters.using(adapter):
                    expected = completion_pass(model, batch, settings.sampling.temperature).log_probs.sum()
                assert float(found[row, column]) == pytest.approx(float(expected), rel=1e-4)


def test_losses_and_figures_of_pairs_by_hand() -> None:
    said = [Preference([1], [2], [3], weight=3.0), Preference([1], [2], [3]), Preference([1], [2], [3], tie=True)]
    shifts = torch.tensor([[2.0, 1.0], [-1.0, 1.0], [5.0, -5.0]])
    found = dpo._figures(shifts, said)
    assert found == pytest.approx(
        {
            "preference_accuracy": 0.75,
            "preference_margin_nats": (3 * 1 - 2) / 4,
            "chosen_shift_nats": (3 * 2 - 1) / 4,
            "rejected_shift_nats": 1.0,
        }
    )
    settings = DPOSettings(beta=log(3), label_smoothing=0.1)
    losses = dpo._weighted_losses(torch.tensor([[2.0, 1.0]]), said[:1], 0.0, settings)  # d = log 3
    assert losses.tolist() == pytest.approx([3 * (0.9 * log(4 / 3) + 0.1 * log(4))])


def test_pairs_are_drawn_by_the_seed() -> None:
    pairs: list[Any] = [None] * 50
    drawn_by = [dpo._drawn(pairs, 0, DPOSettings(seed=seed, pairs_per_step=20)) for seed in (0, 1)]
    assert drawn_by[0] != drawn_by[1]
