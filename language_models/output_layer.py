"""What a network does above its top states: the output layer, and whatever its architecture puts around it.

Logits of chosen positions alone are wanted, and never all of them at once: a matrix of (tokens, vocabulary) in 32 bits,
its log-softmax and their gradients would set the peak of memory. No architecture is named: the network's own forward
runs with its layers taken out, so that a soft cap or a scale on the logits stays.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions as Top

CHUNK = 128  # rows of logits at a time: 25 MB for 49,152 tokens in 32 bits
NEVER = -1e4  # nats: a token of that log-prob or a lower one has chance 0 in 32 bits


class _Handed(nn.Module):
    """In the layers' place: hands on the states that it is given."""

    def forward(self, *_: Any, inputs_embeds: Tensor, **__: Any) -> Top:
        return Top(last_hidden_state=inputs_embeds)


class OutputLayer:
    """(N, H) top states -> (N, V) logits, by the network that owns both. Tensors are shared with it."""

    def __init__(self, network: PreTrainedModel) -> None:
        body = network.base_model
        kept: dict[int, Any] = {id(tensor): tensor for tensor in [*network.parameters(), *network.buffers()]}
        self._network = copy.deepcopy(network, kept | {id(body): _Handed()})

    def __call__(self, states: Tensor) -> Tensor:
        logits: Tensor = self._network(inputs_embeds=states.unsqueeze(0), use_cache=False).logits
        return logits.squeeze(0)

    def chosen(
        self, states: Tensor, ids: Tensor, temperature: float, *, with_entropy: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """(N, H) states, (N,) tokens -> (N,) log-probs of the tokens, nats, with gradients to the states; and (N,)
        entropies of the distributions, without. The logits are divided by `temperature`."""
        if torch.is_grad_enabled() and states.requires_grad:
            return _Chosen.apply(states, ids, self, temperature), None
        chosen, entropies = [], []
        for part, tokens in zip(states.split(CHUNK), ids.split(CHUNK), strict=True):
            all_log_probs = torch.log_softmax(self(part).float() / temperature, dim=-1)
            chosen.append(all_log_probs.gather(-1, tokens.unsqueeze(-1)).squeeze(-1))
            if with_entropy:
                bounded = all_log_probs.clamp(min=NEVER)  # of a masked token: 0 * -inf would be no number
                entropies.append(-(bounded.exp() * bounded).sum(-1))
        return torch.cat(chosen), torch.cat(entropies) if with_entropy else None


class _Chosen(torch.autograd.Function):
    """Rows do not touch one another, so a row's slope d log p / d state is found with its log-prob, chunk by chunk, and
    (N, H) slopes are all that is kept for the backward pass: nothing of the size of the vocabulary.
    """

    @staticmethod
    def forward(ctx: Any, states: Tensor, ids: Tensor, output: OutputLayer, temperature: float) -> Tensor:
        chosen, slopes = [], []
        for part, tokens in zip(states.split(CHUNK), ids.split(CHUNK), strict=True):
            with torch.enable_grad():
                state = part.detach().requires_grad_()
                all_log_probs = torch.log_softmax(output(state).float() / temperature, dim=-1)
                log_probs = all_log_probs.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)
                slopes += torch.autograd.grad(log_probs.sum(), state)
            chosen.append(log_probs.detach())
        ctx.save_for_backward(torch.cat(slopes))
        return torch.cat(chosen)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (slopes,) = ctx.saved_tensors
        return (gradient.unsqueeze(-1) * slopes).to(slopes.dtype), None, None, None
