"""Batched sampling with a key-value cache that drops finished rows; every completion draws from its own generator."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from language_models.batches import distinct
from language_models.machine import place_of_doubles
from language_models.model import LanguageModel
from language_models.roomy_cache import roomy_cache
from language_models.settings import SamplingSettings

BLOCK = 256  # tokens of the vocabulary that are first looked at as one
FinishReason = Literal["stop", "length"]
HALF_A_CHARACTER = "\ufffd"  # what the bytes that a cut leaves of a character are decoded to
DROP_SHARE = 8  # rows are dropped once an eighth of them has finished: copying the cache costs about a third of a step


@dataclass(frozen=True)
class SampleRequest:
    """One completion to draw: the prompt's tokens and the seed of its own generator."""

    prompt_ids: Sequence[int]
    seed: int


@dataclass(frozen=True)
class Sampled:
    """A drawn completion. `token_ids` ends with the EOS where `finish_reason` is "stop"."""

    token_ids: list[int]
    text: str
    finish_reason: FinishReason

    @property
    def finished(self) -> bool:
        return self.finish_reason == "stop"


def sample(
    model: LanguageModel,
    requests: Sequence[SampleRequest],
    settings: SamplingSettings,
    adapter: str | None,
    on_batch: Callable[[int], None] | None = None,
) -> list[Sampled]:
    """Draws one completion for each request, `settings.batch_size` rows at a time, in the order given.

    `on_batch` is told how many are done after each batch. A completion depends on its prompt, its seed and (through
    rounding alone) on the rows that it shares a batch with, so the caller keeps batches fixed. Raises PromptTooLong.
    """
    for request in requests:
        model.require_room(request.prompt_ids, settings.max_new_tokens)
    results: list[Sampled] = []
    if not requests:
        return results
    with torch.no_grad(), model.sampled_from(adapter) as network:
        for start in range(0, len(requests), settings.batch_size):
            results += _sample_batch(model, network, requests[start : start + settings.batch_size], settings)
            if on_batch:
                on_batch(len(results))
    return results


def _uniforms(requests: Sequence[SampleRequest], count: int) -> Tensor:
    """(B, count) numbers in [0, 1), each row from its request's own generator."""
    return torch.stack(
        [
            torch.rand(count, generator=torch.Generator().manual_seed(request.seed), dtype=torch.float64)
            for request in requests
        ]
    )


def draw(logits: Tensor, uniforms: Tensor, temperature: float) -> Tensor:
    """(B, V) logits and (B,) uniforms -> (B,) token ids, by inverting the cumulative distribution of each row.

    First among blocks of tokens, then within the block that was hit: 64 bits for all of the vocabulary take longer than
    an eighth of the network.
    """
    chances = torch.softmax(logits.float() / temperature, dim=-1)
    spare = -chances.shape[-1] % BLOCK
    blocks = torch.nn.functional.pad(chances, (0, spare)).unflatten(-1, (-1, BLOCK))
    before = blocks.sum(-1).double().cumsum(-1)  # (B, V / BLOCK)
    targets = (uniforms * before[:, -1]).unsqueeze(-1)
    hit = _first_above(before, targets)
    within = blocks.gather(1, hit.unsqueeze(-1).expand(-1, 1, BLOCK)).squeeze(1).double().cumsum(-1)
    start = torch.where(hit > 0, before.gather(-1, (hit - 1).clamp(min=0)), 0.0)
    # The block's sum in 32 bits and in 64 differ by rounding: a target between the two takes the block's last chance.
    place = _first_above(within, torch.minimum(targets - start, within[:, -1:].nextafter(within.new_zeros(1))))
    return (hit * BLOCK + place).squeeze(-1).clamp(max=logits.shape[-1] - 1)


def _first_above(cumulative: Tensor, targets: Tensor) -> Tensor:
    """(B, 1) places of the first of each row's rising numbers that is above the target."""
    return torch.searchsorted(cumulative, targets, right=True).clamp(max=cumulative.shape[-1] - 1)


def _sample_batch(
    model: LanguageModel, network: Any, requests: Sequence[SampleRequest], settings: SamplingSettings
) -> list[Sampled]:
    prompts, prompt_of = distinct([request.prompt_ids for request in requests])
    batch = model.laid_out(prompts, [[] for _ in prompts])
    drawn_on = place_of_doubles(model.device)
    uniforms = _uniforms(requests, settings.max_new_tokens).to(drawn_on)
    drawn: list[list[int]] = [[] for _ in requests]
    rows = torch.arange(len(requests))  # which request each row of the cache belongs to
    running = torch.ones(len(requests), dtype=torch.bool)  # rows of the cache that have not drawn a stop token
    cache = roomy_cache(model.layers)
    output = network(
        input_ids=batch.input_ids,
        attention_mask=batch.attention_mask,
        position_ids=batch.position_ids,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    of_row = torch.tensor(prompt_of, device=model.device)  # a prompt is computed once for all of its samples
    cache.batch_select_indices(of_row)
    logits, attention, positions = (
        whole[of_row] for whole in (output.logits[:, -1], batch.attention_mask, batch.position_ids[:, -1:])
    )
    for step in range(settings.max_new_tokens):
        tokens = draw(logits.to(drawn_on), uniforms[rows, step], settings.temperature).to(model.device)
        for row, token in enumerate(tokens.tolist()):
            if running[row]:
                drawn[int(rows[row])].append(token)
                running[row] = token not in model.stop_ids
        if not running.any() or step + 1 == settings.max_new_tokens:
            break
        if int((~running).sum()) * DROP_SHARE >= len(rows):
            keep = running.nonzero().squeeze(-1)
            cache.batch_select_indices(keep.to(model.device))
            tokens, attention, positions = tokens[keep], attention[keep], positions[keep]
            rows, running = rows[keep], running[keep]
        attention = torch.cat([attention, attention.new_ones(len(rows), 1)], dim=1)
        positions = positions + 1
        output = network(
            input_ids=tokens.unsqueeze(-1),
            attention_mask=attention,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits = output.logits[:, -1]
    return [_sampled(model, ids) for ids in drawn]


def _sampled(model: LanguageModel, ids: list[int]) -> Sampled:
    if ids[-1] in model.stop_ids:
        return Sampled(ids, model.text(ids[:-1]), "stop")  # what stops it need not be marked as special
    return Sampled(ids, text_so_far(model, ids), "length")


def text_so_far(model: LanguageModel, ids: Sequence[int]) -> str:
    """The text of tokens that are no whole completion, without what a cut leaves of a character."""
    return model.text(ids).rstrip(HALF_A_CHARACTER)
