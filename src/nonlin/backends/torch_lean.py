"""PyTorch's backward pass from the output: of what a function was given, nothing is kept.

The output is what the next layer keeps anyway, so this costs 0 bytes an element for a monotone formula and 1/8 byte
(the side of the turn) for one that turns once. `nonlin.inverse` says how the slope follows from the output.

Where a transform, a compiler or a tracer is at work, it does not apply: the call has to be an ordinary one.
"""

# torch has no public names for what is asked here: whether a transform, a mode or a tracer is at work.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor, is_legacy_batchedtensor
from torch.autograd import forward_ad
from torch.utils._python_dispatch import _get_current_dispatch_mode

from nonlin.backends.torch import evaluate
from nonlin.backends.torch_cells import Table, packed
from nonlin.backends.torch_memory import FLOATS
from nonlin.inverse import Inverse, inverse
from nonlin.language.formula import Formula


def lean(formula: Formula, x: Tensor, values: Sequence[float], inplace: bool = False) -> Tensor:
    """f(x), for an x that it applies to: the backward pass keeps the output and not x, or x itself becomes it in place.

    Raises ParameterError where the slope does not follow from the output.
    """
    known = inverse(formula, tuple(values))
    edge = None if known.stepwise else _Edge.apply(x)
    return _FromOutput.apply(x, known, tuple(values), edge, inplace)  # pyright: ignore[reportReturnType]


def applies(x: Any) -> bool:
    """Whether autograd, and nothing else, is going to ask for what is kept."""
    return (
        not torch.compiler.is_compiling()
        and type(x) in (Tensor, torch.nn.Parameter)
        and x.requires_grad
        and torch.is_grad_enabled()
        and x.dtype in FLOATS
        and x.layout is torch.strided
        and not torch._C._get_tracing_state()
        and not torch._C._are_functorch_transforms_active()
        and forward_ad._current_level < 0
        and _get_current_dispatch_mode() is None
    )


class _Edge(torch.autograd.Function):
    """x without its memory: what a second derivative differentiates by, since x itself is gone by then."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.new_empty(()).expand(x.shape)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return grads[0]


class _FromOutput(torch.autograd.Function):
    """apply(x, inverse, values, edge, inplace)"""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, known: Inverse, values: tuple[float, ...], edge: Tensor | None, inplace: bool
    ) -> Tensor:
        ctx.known, ctx.edge = known, edge
        ctx.set_materialize_grads(False)
        y = evaluate(known.formula, known.formula.orders(), x, values)
        bits = None
        if known.turn is not None:
            right = torch.empty_like(y, dtype=torch.bool)
            bits = packed(torch.gt(x, known.turn.place, out=right))
        if inplace:
            ctx.mark_dirty(x)
            y = x.copy_(y)
        ctx.save_for_backward(y, bits)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (grad,) = grads
        if grad is None:
            return None, None, None, None, None
        y, bits = ctx.saved_tensors
        if torch.is_grad_enabled() and ctx.edge is not None:
            by_x = grad * _Derivative.apply(ctx.edge, y.detach(), bits, ctx.known, 1)
        else:
            by_x = _derivative(ctx.known, 1, y.detach(), bits, grad)
        return by_x, None, None, None, None


class _Derivative(torch.autograd.Function):
    """apply(edge, y, bits, inverse, order): a derivative of f as a function of x, computed from the output."""

    @staticmethod
    def forward(ctx: Any, edge: Tensor, y: Tensor, bits: Tensor | None, known: Inverse, order: int) -> Tensor:
        ctx.edge, ctx.known, ctx.order = edge, known, order
        ctx.save_for_backward(y, bits)
        return _derivative(known, order, y, bits)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        y, bits = ctx.saved_tensors
        if torch.is_grad_enabled():
            slope = _Derivative.apply(ctx.edge, y, bits, ctx.known, ctx.order + 1)
        else:
            slope = _derivative(ctx.known, ctx.order + 1, y, bits)
        return grads[0] * slope, None, None, None, None


def _derivative(known: Inverse, order: int, y: Tensor, bits: Tensor | None, grad: Tensor | None = None) -> Tensor:
    """f', f'' ... where the output is y, times a gradient."""
    if order > 1 and known.stepwise:
        value = torch.zeros_like(y)
    elif order == 1 and known.slope is not None:
        value = evaluate(known.slope, (0,), y, ())
    else:
        working = torch.float64 if y.dtype is torch.float64 else torch.float32
        table = _table(known, order, working, y.device)
        dense = torch.empty_like(y)
        if y.stride() != dense.stride():
            y = dense.copy_(y)
        if grad is not None and _is_like(grad, y):
            return table.times(y, bits, grad if grad.stride() == y.stride() else torch.empty_like(y).copy_(grad))
        value = table.times(y, bits, None)
    return value if grad is None else grad * value


def _is_like(grad: Tensor, y: Tensor) -> bool:
    """Whether a gradient is a plain tensor like y, and not a batch of gradients."""
    return (
        type(grad) is Tensor
        and grad.dtype is y.dtype
        and grad.shape == y.shape
        and not is_legacy_batchedtensor(grad)
        and not is_functorch_wrapped_tensor(grad)
    )


_table = lru_cache(maxsize=512)(Table.of)
