"""Steps that no algorithm takes: on a gradient that is no number, and, where it may take several, too far from the
policy that sampled."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from language_models.errors import NonFiniteLoss
from language_models.model import LanguageModel
from language_models.sampling import Sampled
from language_models.settings import LoraSettings, SamplingSettings
from policy_training import algorithm_registry, optimiser_step, updates
from policy_training.records import Demonstration, Given, Preference, PromptItem, StepReport
from policy_training.settings import TrainingSettings
from tiny_models import fresh_tiny

ENDS_EARLY = [
    name
    for name in algorithm_registry.names()
    if "update_kl_target" in algorithm_registry.settings_class(name).model_fields
]

ONE_STEP = ("actor_critic", "policy_gradient")  # an iteration


def settings_of(name: str, **changes: Any) -> TrainingSettings:
    return algorithm_registry.settings_class(name).model_validate(
        {
            "steps": 4,
            "prompts_per_step": 2,
            "samples_per_prompt": 2,
            "minibatches": 1,
            "tokens_per_batch": 100,
            "lora": LoraSettings(rank=4, alpha=8),
            "sampling": SamplingSettings(max_new_tokens=6, batch_size=6),
            **changes,
        }
    )


def letters(_: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
    return [sum(map(ord, completion.text)) % 7 / 3 for completion in sampled]


def train(
    name: str, folder: Path, settings: TrainingSettings, reports: list[StepReport],
    check: Callable[[], None] = lambda: None,
) -> None:  # fmt: skip
    """On prompts, pairs and demonstrations alike; an algorithm takes what it needs."""
    model: LanguageModel = fresh_tiny()
    prompts = [PromptItem(place, model.tokens([{"role": "user", "content": "word " * place}])) for place in range(3)]
    texts = [model.completion_tokens(text, True) for text in ("yes", "no, no", "so")]
    pairs = [Preference(item.token_ids, texts[place], texts[place - 1]) for place, item in enumerate(prompts)]
    shown = [Demonstration(item.token_ids, text) for item, text in zip(prompts, texts, strict=True)]
    given = Given(model, prompts, letters, folder, reports.append, preferences=pairs, demonstrations=shown, check=check)
    algorithm_registry.trainer(name)(given, settings)


def no_numbers_at(monkeypatch: pytest.MonkeyPatch, steps: Sequence[int]) -> None:
    """At some optimiser steps (0, 1, ...) the gradient has no finite norm."""
    real, taken = torch.nn.utils.clip_grad_norm_, list[int]()

    def norm(parameters: list[Tensor], most: float) -> Tensor:
        found = real(parameters, most)
        taken.append(len(taken))
        return torch.tensor(float("nan")) if taken[-1] in steps else found

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", norm)


@pytest.mark.parametrize("name", algorithm_registry.names())
def test_a_step_without_a_finite_gradient_is_skipped_and_counted_by_every_algorithm(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_numbers_at(monkeypatch, (0, 1, 3))
    reports: list[StepReport] = []
    train(name, tmp_path, settings_of(name, **({"epochs": 1} if name in ENDS_EARLY else {})), reports)
    assert [report.metrics.get("skipped_steps") for report in reports] == [1.0, 1.0, 0.0, 1.0, None]
    assert not (tmp_path / "non-finite.safetensors").exists()


@pytest.mark.parametrize("name", algorithm_registry.names())
def test_whoever_wants_it_to_stop_waits_for_one_step_and_not_for_the_whole_update(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = list[int]()
    real = torch.optim.Adam.step

    def counted(self: torch.optim.Adam, *more: Any, **named: Any) -> Any:
        steps.append(len(steps))
        return real(self, *more, **named)

    def check() -> None:
        if len(steps) == 1:
            raise InterruptedError

    monkeypatch.setattr(torch.optim.Adam, "step", counted)
    with pytest.raises(InterruptedError):
        train(name, tmp_path, settings_of(name, **({} if name in ONE_STEP else {"minibatches": 2})), [], check)
    assert len(steps) == 1


@pytest.mark.parametrize("name", algorithm_registry.names())
def test_three_in_a_row_fail_every_algorithm_with_the_rows_of_the_last_one_saved(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_numbers_at(monkeypatch, range(3))
    seen: list[list[Tensor]] = []
    real = optimiser_step.guarded_step
    module = algorithm_registry.trainer(name).__globals__
    where = module if "guarded_step" in module else vars(updates)

    def looked_at(learner: Any, minibatch: Sequence[Any], *more: Any) -> int:
        seen.append([micro.batch.input_ids for micro in minibatch])
        return real(learner, minibatch, *more)

    monkeypatch.setitem(where, "guarded_step", looked_at)
    reports: list[StepReport] = []
    with pytest.raises(NonFiniteLoss, match="3 times in a row"):
        train(name, tmp_path, settings_of(name, **({"epochs": 1} if name in ENDS_EARLY else {})), reports)
    assert (len(seen), len(reports)) == (3, 2)
    saved = load_file(tmp_path / "non-finite.safetensors")
    rows = {key: value for key, value in saved.items() if key.startswith("input_ids")}
    assert len(rows) == len(seen[-1]) and any("lora_A" in key for key in saved)
    assert all(torch.equal(rows[f"input_ids.{place}"], ids) for place, ids in enumerate(seen[-1]))


def test_what_is_imitated_beside_a_step_is_saved_with_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_numbers_at(monkeypatch, range(3))
    settings = settings_of("ppo", imitation_coefficient=1.0, imitation_batch=3)
    with pytest.raises(NonFiniteLoss):
        train("ppo", tmp_path, settings, [])
    saved = load_file(tmp_path / "non-finite.safetensors")
    rows = [value for key, value in saved.items() if key.startswith("input_ids")]
    assert sum(len(ids) for ids in rows) == 4 + 3, "rollouts, and demonstrations"


@pytest.mark.parametrize("name", ENDS_EARLY)
def test_an_update_of_several_steps_ends_once_it_has_moved_too_far(name: str, tmp_path: Path) -> None:
    far = {"learning_rate": 0.05, "epochs": 5, "steps": 1, "kl_budget_nats": 1e4}
    for target, epochs in ((1e-4, 1.0), (1e9, 5.0)):
        reports: list[StepReport] = []
        train(name, tmp_path / str(target), settings_of(name, **far, update_kl_target=target), reports)
        assert reports[0].metrics["epochs"] == epochs
