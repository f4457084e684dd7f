"""The stack of layers of a network, and two ways to compute them in an update: again in the backward pass, compiled.

Found by its length alone, so that no architecture is named; both ways go through what torch documents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from language_models.precision import Compute

GRAPHS = 64
"""That a layer may be compiled to; behind its limit torch compiles no more, and numbers then differ by rounding."""
Backend = str | Callable[..., Any]
"""What torch.compile takes for one: a name, or what makes a callable of a graph and its inputs."""


class UnknownLayers(ValueError):
    """The layers of a network cannot be told apart."""


def stack_of(network: nn.Module, count: int) -> tuple[str, nn.ModuleList]:
    """The `count` layers of a network and their place in it. Raises UnknownLayers."""
    stacks = [
        (path, module)
        for path, module in network.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == count
    ]
    if len(stacks) != 1:
        raise UnknownLayers(
            f"the {count} layers cannot be told apart in {type(network).__name__}: freeze none of them, compute none "
            "again, compile none"
        )
    return stacks[0]


@contextmanager
def computed(stack: nn.ModuleList, how: Compute, *, backend: Backend = "inductor") -> Iterator[None]:
    """Inside, the layers are computed as `how` says; afterwards as before."""
    with ExitStack() as ways:
        if how.recompute:
            ways.enter_context(_recomputed(stack))
        if how.compile:
            ways.enter_context(_compiled(stack, backend))
        yield


@contextmanager
def _recomputed(stack: nn.ModuleList) -> Iterator[None]:
    """Gradient checkpointing (Chen et al. 2016, https://arxiv.org/abs/1604.06174): a layer keeps its input alone.

    Not transformers' own, which does nothing in eval mode, and there is no other mode here.
    """
    for layer in stack:
        layer.forward = partial(_twice, layer.forward)
    try:
        yield
    finally:
        for layer in stack:
            del layer.forward


def _twice(forward: Callable[..., Any], *given: Any, **named: Any) -> Any:
    if not torch.is_grad_enabled():
        return forward(*given, **named)
    if named.get("past_key_values") is not None:
        raise ValueError("a layer cannot be computed again where it writes to a key-value cache: use one or the other")
    return checkpoint(forward, *given, use_reentrant=False, preserve_rng_state=False, **named)  # there is no dropout


@contextmanager
def _compiled(stack: nn.ModuleList, backend: Backend) -> Iterator[None]:
    """One layer after the other, so that all of them share what was compiled; lengths differ from batch to batch.

    They do so only without a key-value cache: each layer reads and writes its own place in it by number, so that each
    would be compiled anew, and torch gives up at its limit. A graph for each adapter, with gradients and without, of
    one row and of several, is more than the eight that it allows by itself.
    """
    from torch._dynamo import config  # loading it takes seconds

    for layer in stack:
        layer.compile(dynamic=True, backend=backend)
    try:
        with config.patch(recompile_limit=GRAPHS):
            yield
    finally:
        for layer in stack:
            layer._compiled_call_impl = None  # torch has no way back of its own
