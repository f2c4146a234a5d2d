"""Linear layers in bf16 with nothing done twice: what autocast computes, with a weight cast once an update, not once a pass.

autocast's gradient of a weight comes transposed and is put straight by a strided copy, the slowest single operation of an update
of a small encoder (LOG.md); here it is made in the weight's own order. Layers that read the same states (query, key, value) share
one bf16 copy of them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

LOW = torch.bfloat16


class _Linear(torch.autograd.Function):
    """states @ weight' + bias in bf16, from bf16 copies of all three; gradients in the precision of the parameters."""

    @staticmethod
    def forward(
        ctx: Any, states: Tensor, weight: Tensor, bias: Tensor | None,
        low_states: Tensor, low_weight: Tensor, low_bias: Tensor | None,
    ) -> Tensor:  # fmt: skip
        ctx.save_for_backward(low_states, low_weight)
        ctx.kind = states.dtype
        return functional.linear(low_states, low_weight, low_bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        states, weight = ctx.saved_tensors
        inward, outward = states.reshape(-1, states.shape[-1]), grads[0].reshape(-1, grads[0].shape[-1])
        for_states, for_weight, for_bias = ctx.needs_input_grad[:3]
        return (
            (outward @ weight).view_as(states).to(ctx.kind) if for_states else None,
            (outward.t() @ inward).float() if for_weight else None,
            outward.sum(0, dtype=torch.float32) if for_bias else None,
            None, None, None,
        )  # fmt: skip


class _Last(threading.local):
    """The states cast last and their bf16 copy, of each thread its own."""

    states: Tensor | None = None
    version = 0
    low: Tensor | None = None

    def cast(self, states: Tensor) -> Tensor:
        """`states` in bf16; for the same tensor again the same copy."""
        if states.dtype == LOW:
            return states
        if self.states is not states or self.version != states._version or self.low is None:
            self.states, self.version, self.low = states, states._version, states.detach().to(LOW)
        return self.low


class Copies:
    """The bf16 copies of the layers' weights and biases. A fused optimizer moves weights unseen: it has to be told (`forget`)."""

    def __init__(self) -> None:
        self._kept: dict[nn.Linear, tuple[Tensor, Tensor | None]] = {}
        self.last = _Last()

    def of(self, layer: nn.Linear) -> tuple[Tensor, Tensor | None]:
        """As they are now. Two threads that come at once make the same copies."""
        if layer not in self._kept:
            self._kept[layer] = layer.weight.detach().to(LOW), None if layer.bias is None else layer.bias.detach().to(LOW)
        return self._kept[layer]

    def forget(self) -> None:
        """The weights have moved: copies are made again."""
        self._kept.clear()


@contextmanager
def low_linears(model: nn.Module, precision: str) -> Iterator[Copies]:
    """While open, fp32 Linear layers on a CPU compute so under autocast; without autocast (in evaluation) nothing changes."""
    layers = [module for module in model.modules() if type(module) is nn.Linear and "forward" not in vars(module)]
    layers = [layer for layer in layers if layer.weight.dtype == torch.float32 and layer.weight.device.type == "cpu"]
    layers = layers if precision == "bf16" else []
    copies = Copies()
    for layer in layers:
        layer.forward = _forward(layer, copies)  # type: ignore[method-assign]
    try:
        yield copies
    finally:
        for layer in layers:
            del layer.forward


def _forward(layer: nn.Linear, copies: Copies):  # type: ignore[no-untyped-def]
    def forward(states: Tensor) -> Tensor:
        if not torch.is_autocast_enabled("cpu") or not states.is_floating_point():
            return functional.linear(states, layer.weight, layer.bias)
        low = copies.last.cast(states)
        answer: Tensor = _Linear.apply(states, layer.weight, layer.bias, low, *copies.of(layer))  # type: ignore[no-untyped-call]
        return answer

    return forward
