"""What each trick of PPO's speed is worth: the same work with it and without it, in turn, in one run.

Processor seconds, the least of several turns; `ratio` is of these, `ratios` are of the turns. Peak memory is the
process's: ask for one cell at a time to compare it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from peft.tuners.lora import Linear
from torch import Tensor, nn
from transformers import DynamicCache

from benchmarks.setting import Setting, peak_gigabytes
from language_models import lora_linear, output_layer, sampling
from language_models.model import LanguageModel
from language_models.sampling import SampleRequest, sample
from language_models.settings import LoraSettings, SamplingSettings
from language_models.weight_layout import lay_columns_first
from policy_training import updates
from policy_training.algorithms.settings.ppo import Settings
from policy_training.learner import Learner
from policy_training.records import Given, PromptItem
from policy_training.rollouts import MicroBatch, Rollouts, collect, lay_out
from policy_training.updates import Seen, accumulate, see

PROMPTS, NEW_TOKENS, TURNS = 16, 48, 3
ADAPTER = "sampled-policy"
Without = Callable[[LanguageModel], AbstractContextManager[Any]]


def _update(
    without: Without, *, samples: int = 1, rows_whole: bool = False, tokens: int = 650, frozen: float = 0.0
) -> Callable[..., Any]:
    """Gradients of an update's epochs on fixed rollouts, with what is computed once for all of them."""

    def measure(setting: Setting) -> dict[str, Any]:
        model = setting.model
        settings = Settings(
            prompts_per_step=PROMPTS // samples,
            samples_per_prompt=samples,
            minibatches=1,
            frozen_share=frozen,
            sampling=SamplingSettings(max_new_tokens=NEW_TOKENS, batch_size=PROMPTS),
            seed=setting.seed,
        )
        items = [PromptItem(place, ids) for place, ids in enumerate(setting.prompts(PROMPTS))]
        given = Given(model, items, None, Path(), lambda _: None)
        learner = Learner.start(given, settings, value_learning_rate=1e-3)
        rollouts = collect(given, learner, settings, 0)

        def update(other: bool) -> None:
            model.whole_rows = other and rows_whole  # which asks for no prompt once, and computes nothing again itself
            sized = settings.model_copy(update={"tokens_per_batch": tokens}) if other else settings
            sided = replace(learner, frozen=0 if other else learner.frozen)
            [minibatch] = lay_out(sided, rollouts.items, rollouts.sampled, sized, 0)
            with without(model) if other else nullcontext():
                for _ in range(settings.epochs):
                    accumulate(learner, minibatch, rollouts, 0.7, _losses)

        with learner.training():
            figures = _in_turn(update, setting)
        model.adapters.remove(given.adapter)
        return figures | {"tokens": _tokens(rollouts)}

    return measure


def _sampled(without: Without, *, natural_ends: bool = False, adapted: bool = False) -> Callable[..., Any]:
    """64 completions of full length, or up to where they end; of the base, or of an adapter."""

    def measure(setting: Setting) -> dict[str, Any]:
        model, prompts = setting.model, setting.prompts(64)
        requests = [SampleRequest(ids, place) for place, ids in enumerate(prompts)]
        settings = SamplingSettings(max_new_tokens=setting.trials(96, 24), batch_size=64)
        if adapted:
            model.adapters.add(ADAPTER, LoraSettings(), setting.seed)

        def draw(other: bool) -> None:
            stops = model.stop_ids if natural_ends else frozenset()
            with mock.patch.object(model, "stop_ids", stops), without(model) if other else nullcontext():
                sample(model, requests, settings, ADAPTER if adapted else None)

        figures = _in_turn(draw, setting, turns=2)
        if adapted:
            model.adapters.remove(ADAPTER)
        return figures

    return measure


def _in_turn(work: Callable[[bool], None], setting: Setting, *, turns: int = TURNS) -> dict[str, Any]:
    spent: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(setting.trials(turns, 1)):
        for other in (False, True):
            began = time.process_time()
            work(other)
            spent[other].append(time.process_time() - began)
    least, least_without = min(spent[False]), min(spent[True])
    return {
        "processor_seconds": round(least, 2),
        "processor_seconds_without": round(least_without, 2),
        "ratio": round(least_without / least, 3),
        "ratios": [round(without / within, 3) for within, without in zip(spent[False], spent[True], strict=True)],
        "peak_gb": peak_gigabytes(),
    }


def _losses(seen: Seen) -> tuple[Tensor, dict[str, Tensor]]:
    return -seen.log_probs + seen.values.square(), {}


def _tokens(rollouts: Rollouts) -> int:
    return int(rollouts.mask.sum())


def _whole_draw(logits: Tensor, uniforms: Tensor, temperature: float) -> Tensor:
    cumulative = torch.softmax(logits.float() / temperature, dim=-1).cumsum(-1, dtype=torch.float64)
    targets = (uniforms * cumulative[:, -1]).unsqueeze(-1)
    return torch.searchsorted(cumulative, targets, right=True).squeeze(-1).clamp(max=logits.shape[-1] - 1)


@contextmanager
def _unmerged(self: LanguageModel, adapter: str | None) -> Iterator[Any]:
    with self.adapters.using(adapter):
        yield self.network


def _seen_in_two_passes(learner: Learner, micro: MicroBatch, rollouts: Rollouts, temperature: float) -> Seen:
    """Values by a pass of their own, forward and backward: what a value adapter beside the policy's would take, whose
    matrices are as large."""
    assert learner.value_head is not None
    seen = see(learner, micro, rollouts, temperature)
    return replace(seen, values=learner.value_head(learner.model.predicting_states(micro.batch).float()))


def _joined_cache(layers: int) -> DynamicCache:
    return DynamicCache()


@contextmanager
def _rows_first(model: LanguageModel) -> Iterator[None]:
    for module in model.network.modules():
        if isinstance(module, nn.Linear):
            module.weight.data = module.weight.data.contiguous()
    yield
    lay_columns_first(model.network)


def _all_logits(
    self: output_layer.OutputLayer, states: Tensor, ids: Tensor, temperature: float, *, with_entropy: bool = False
) -> tuple[Tensor, None]:
    log_probs = torch.log_softmax(self(states).float() / temperature, dim=-1)
    return log_probs.gather(-1, ids.unsqueeze(-1)).squeeze(-1), None


CELLS = {
    "lora_in_one_step": _update(lambda _: mock.patch.object(lora_linear.LoraLinear, "forward", Linear.forward)),
    "logits_in_chunks": _update(lambda _: mock.patch.object(output_layer.OutputLayer, "chosen", _all_logits)),
    "small_micro_batches": _update(lambda _: nullcontext(), tokens=1300),
    "prompts_once": _update(lambda _: nullcontext(), samples=4, rows_whole=True),
    "kept_lower_states": _update(lambda _: nullcontext(), frozen=0.5),  # the adapter is on the upper half in both
    "one_pass": _update(lambda _: mock.patch.object(updates, "see", _seen_in_two_passes)),
    "merged_copy": _sampled(lambda _: mock.patch.object(LanguageModel, "sampled_from", _unmerged), adapted=True),
    "finished_rows_dropped": _sampled(lambda _: mock.patch.object(sampling, "DROP_SHARE", 0), natural_ends=True),
    "roomy_cache": _sampled(lambda _: mock.patch.object(sampling, "roomy_cache", _joined_cache)),
    "columns_first": _sampled(_rows_first),
    "draw_by_blocks": _sampled(lambda _: mock.patch.object(sampling, "draw", _whole_draw)),
}
