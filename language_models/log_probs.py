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
    entropy: Tensor | None  # (B, C) nats, where asked for


def completion_pass(
    model: LanguageModel, batch: Batch, temperature: float, *, with_entropy: bool = False
) -> CompletionPass:
    """Runs the model with the adapter in use. Logits are made for the C + 1 last positions only; the last is dropped.

    The logits are divided by `temperature`, the one that completions are sampled at.
    """
    length = batch.completion_mask.shape[1]
    output = model.network(
        input_ids=batch.input_ids,
        attention_mask=batch.attention_mask,
        position_ids=batch.position_ids,
        logits_to_keep=length + 1,
        output_hidden_states=True,
        use_cache=False,
    )
    logits = output.logits[:, :-1].float() / temperature
    all_log_probs = torch.log_softmax(logits, dim=-1)
    chosen = all_log_probs.gather(-1, batch.completion_ids.unsqueeze(-1)).squeeze(-1)
    entropy = None
    if with_entropy:
        entropy = -(all_log_probs.exp() * all_log_probs).sum(-1).masked_fill(~batch.completion_mask, 0.0)
    return CompletionPass(
        log_probs=chosen.masked_fill(~batch.completion_mask, 0.0),
        states=output.hidden_states[-1][:, -length - 1 : -1].float(),
        entropy=entropy,
    )
