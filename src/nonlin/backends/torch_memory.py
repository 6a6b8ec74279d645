"""PyTorch tensors that are plain CPU memory: the kernels read and write it in place of tensor operations."""

# torch has no public names for what is asked here: whether a transform or a mode is at work.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor, is_legacy_batchedtensor, unwrap_if_dead
from torch.utils._python_dispatch import _get_current_dispatch_mode

from nonlin.backends.kernels.load import cost, kernel, over
from nonlin.backends.torch_printed import HALF
from nonlin.language.formula import Formula, Orders

FLOATS = (torch.float32, torch.float64, *HALF)


def is_memory(x: Tensor) -> bool:
    """Whether a tensor is plain CPU memory that nobody watches or traces."""
    return (
        type(x) in (Tensor, torch.nn.Parameter)
        and x.device.type == "cpu"
        and x.layout is torch.strided
        and x.dtype in FLOATS
        and not x.is_neg()
        and _get_current_dispatch_mode() is None
        and not torch._C._is_torch_function_mode_enabled()
    )


def can_fuse(grad: Any, arguments: Sequence[Any]) -> bool:
    """Whether a backward pass is one pass over memory: nobody differentiates it again, and only x takes a gradient."""
    x = arguments[0]
    return (
        grad is not None
        and not torch.is_grad_enabled()
        and is_memory(x)
        and is_memory(grad)
        and not any(is_functorch_wrapped_tensor(t) or is_legacy_batchedtensor(t) for t in (x, grad))
        and not torch._C._are_functorch_transforms_active()
        and grad.dtype is x.dtype
        and grad.shape == x.shape
        and not any(isinstance(a, Tensor) for a in arguments[1:])
    )


_NAMES = {dtype: str(dtype).removeprefix("torch.") for dtype in FLOATS}


def computed(
    formula: Formula, orders: Orders, x: Tensor, parameters: Sequence[Any], grad: Tensor | None = None
) -> Tensor:
    """The kernel's result, of x's strides where x fills its memory; with `grad`, times it."""
    x, grad = unwrap_if_dead(x), None if grad is None else unwrap_if_dead(grad)  # what a transform that ended left
    values: list[Any] = [
        p.item() if isinstance(p, Tensor) and p.numel() == 1 and p.dim() <= x.dim() else p for p in parameters
    ]
    scalars = tuple(not isinstance(v, Tensor) for v in values)
    if not all(scalars):
        x = x.expand(torch.broadcast_shapes(x.shape, *(v.shape for v in values if isinstance(v, Tensor))))
    out = torch.empty_like(x)
    if x.stride() != out.stride():
        x = torch.empty_like(out).copy_(x)
    inputs = [x]
    if grad is not None:
        inputs.append(grad if grad.stride() == out.stride() else torch.empty_like(out).copy_(grad))
    arrays = [
        v if s else torch.empty_like(out, dtype=torch.float64).copy_(v) for v, s in zip(values, scalars, strict=True)
    ]
    default = all(scalars) and values == [p.default for p in formula.parameters]
    call = kernel(formula, orders, _NAMES[x.dtype], tuple(not s for s in scalars), default, grad is not None)
    memory = [t.data_ptr() for t in (*inputs, out)]
    numbers = [v if s else v.data_ptr() for v, s in zip(arrays, scalars, strict=True)]
    over(call, memory, out.element_size(), out.numel(), numbers, scalars, cost(formula, orders))
    return out
