"""A linear layer with LoRA as one step of autograd: y = x W^T + s (x A^T) B^T (Hu et al. 2021, equation 3).

PEFT's own layer makes five: two products, a scaling, a sum of (tokens, out) matrices, and the same again backwards.
The small products are cheap; writing and reading their large results is not. Here they are added where the large
product stands already, forwards and backwards. Where a base is not plain 32-bit, PEFT's own layer computes.
"""

from typing import Any

import torch
from peft.tuners.lora import Linear
from torch import Tensor, nn


class LoraLinear(Linear):
    """PEFT's layer, but for how it is computed: parameters, names and files are the same."""

    def forward(self, x: Tensor, *given: Any, **named: Any) -> Tensor:
        active = [name for name in self.active_adapters if name in self.lora_A]
        base = self.get_base_layer()
        if self.disable_adapters or len(active) != 1 or type(base) is not nn.Linear or base.weight.dtype != x.dtype:
            return torch.as_tensor(super().forward(x, *given, **named))
        (name,) = active
        low, high = self.lora_A[name].weight, self.lora_B[name].weight
        if {x.dtype, low.dtype} != {torch.float32}:
            return torch.as_tensor(super().forward(x, *given, **named))
        return torch.as_tensor(_Product.apply(x, base.weight, base.bias, low, high, self.scaling[name]))


class _Product(torch.autograd.Function):
    """Shapes: x (..., I), weight (O, I), bias (O,) or None, low = A (R, I), high = B (O, R). The base is frozen."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, low: Tensor, high: Tensor, scale: float
    ) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        inner = rows @ (low.t() * scale)
        whole = nn.functional.linear(rows, weight, bias).addmm_(inner, high.t())
        ctx.save_for_backward(rows, inner, weight, low, high)
        ctx.scale = scale
        return whole.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        rows, inner, weight, low, high = ctx.saved_tensors
        flat = gradient.reshape(-1, gradient.shape[-1])
        back = flat @ (high * ctx.scale)
        to_x = None
        if ctx.needs_input_grad[0]:
            to_x = (flat @ weight).addmm_(back, low).view(*gradient.shape[:-1], -1)
        to_low = back.t() @ rows if ctx.needs_input_grad[3] else None
        to_high = (inner.t() @ flat).t() if ctx.needs_input_grad[4] else None
        return to_x, None, None, to_low, to_high, None
