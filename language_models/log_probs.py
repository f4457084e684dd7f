"""Log-probabilities of completions, on completion positions only."""

from dataclasses import dataclass

import torch
from torch import Tensor

from language_models.batches import Batch
from language_models.model import LanguageModel


@dataclass(frozen=True)
class CompletionPass:
    """One forward pass over B rows with completions of up to C tokens. Entries behind a completion's end are 0."""

    log_probs: Tensor  # (B, C) log pi(token | state), nats
    states: Tensor  # (B, C, H) 32 bits, top hidden state from which each token was predicted: before the action
    entropy: Tensor | None  # (B, C) nats, without gradient, where asked for


def completion_pass(
    model: LanguageModel, batch: Batch, temperature: float, *, with_entropy: bool = False
) -> CompletionPass:
    """Runs the model with the adapter in use. Logits are made of the completions' real tokens only.

    The logits are divided by `temperature`, the one that completions are sampled at.
    """
    mask = batch.completion_mask
    states = model.predicting_states(batch)
    log_probs, entropy = model.output.chosen(
        states[mask], batch.completion_ids[mask], temperature, with_entropy=with_entropy
    )
    return CompletionPass(
        log_probs=_laid_out(log_probs, mask),
        states=states.float(),
        entropy=None if entropy is None else _laid_out(entropy, mask),
    )


def at_another_temperature(model: LanguageModel, batch: Batch, found: CompletionPass, temperature: float) -> Tensor:
    """(B, C) log-probs of the same completions from the states of a pass, without another one. The adapter in use has
    to be the same; the output layer has none."""
    mask = batch.completion_mask
    states = found.states[mask].to(model.network.dtype)
    log_probs, _ = model.output.chosen(states, batch.completion_ids[mask], temperature)
    return _laid_out(log_probs, mask)


def _laid_out(values: Tensor, mask: Tensor) -> Tensor:
    """(N,) values of the true places of a (B, C) mask, row by row -> (B, C), 0 elsewhere."""
    return torch.zeros(mask.shape, dtype=values.dtype, device=values.device).masked_scatter(mask, values)
