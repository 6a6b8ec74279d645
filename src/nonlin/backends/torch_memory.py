"""PyTorch tensors that are plain memory: the kernels read and write it in place of tensor operations."""

# torch has no public names for what is asked here: whether a transform or a mode is at work.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor, is_legacy_batchedtensor, unwrap_if_dead

from nonlin.backends.kernels.pool import threads
from nonlin.backends.memory import Calls, Loops
from nonlin.backends.torch_printed import HALF

FLOATS = (torch.float32, torch.float64, *HALF)
KINDS = (Tensor, torch.nn.Parameter)
_STRIDED = torch.strided
# By names of this module, since each name of torch's on the way costs as much as the question.
_empty_like, _is_grad_enabled = torch.empty_like, torch.is_grad_enabled
_is_transformed, _has_function_mode, _count_dispatch_modes = (
    torch._C._are_functorch_transforms_active,
    torch._C._is_torch_function_mode_enabled,
    torch._C._len_torch_dispatch_stack,
)


def is_memory(x: Any, gpu: bool = False) -> bool:
    """Whether a tensor is plain memory, of the CPU or of a GPU, that nobody watches or traces."""
    return (
        type(x) in KINDS
        and (x.is_cuda if gpu else x.is_cpu)
        and x.layout is _STRIDED
        and x.dtype in FLOATS
        and not x.is_neg()
        and not _count_dispatch_modes()
        and not _has_function_mode()
    )


def are_numbers(parameters: Sequence[Any]) -> bool:
    """Whether all parameters are floats."""
    return all(type(p) is float for p in parameters)


def can_fuse(grad: Tensor, x: Tensor) -> bool:
    """Whether a backward pass is one pass over memory, which nobody differentiates again."""
    if _is_grad_enabled():
        return False
    if not is_memory(grad):
        if not (is_memory(grad, gpu=True) and x.device == grad.device):
            return False
    elif not x.is_cpu:
        return False
    return (
        # a hook for saved tensors may have put anything in the place of x
        type(x) in KINDS
        and x.layout is _STRIDED
        and x.dtype is grad.dtype
        and x.numel() == grad.numel()
        and not x.is_neg()
        and not is_legacy_batchedtensor(grad)
        and not _is_transformed()
    )


class Loop:
    """The loop of a derivative over tensors that are memory, its parameters being numbers."""

    def __init__(self, loops: Loops, parameters: tuple[float, ...]):
        self.parameters = parameters
        self._loops, self._alone = loops, loops.alone
        self._values, self._products = (Calls(loops, gradient, parameters) for gradient in (False, True))

    def value(self, x: Tensor) -> Tensor:
        """The derivative at x, of x's strides where x fills its memory."""
        out = _empty_like(x)
        if not x.is_contiguous():
            x = laid_out_as(out, x)
        try:
            source, result, count = x.data_ptr(), out.data_ptr(), x.numel()
        except RuntimeError:
            return self.value(alive(x))
        if count < self._alone or threads() < 2:
            self._values[x.dtype](source, result, count)
        else:
            self._loops.run(x.dtype, count, (source, result), self.parameters)
        return out

    def times(self, x: Tensor, grad: Tensor) -> Tensor:
        """The same times `grad`."""
        out = _empty_like(x)
        if not (x.is_contiguous() and grad.is_contiguous()):
            x, grad = laid_out_as(out, x), laid_out_as(out, grad)
        try:
            source, factor, result, count = x.data_ptr(), grad.data_ptr(), out.data_ptr(), x.numel()
        except RuntimeError:
            return self.times(alive(x), alive(grad))
        if count < self._alone or threads() < 2:
            self._products[x.dtype](source, factor, result, count)
        else:
            self._loops.run(x.dtype, count, (source, factor, result), self.parameters)
        return out


def computed(loops: Loops, x: Tensor, parameters: Sequence[Any]) -> Tensor:
    """The same at parameters of which some are tensors, of the shape that they and x have together."""
    values = [float(p) if isinstance(p, float) or (p.numel() == 1 and p.dim() <= x.dim()) else p for p in parameters]
    if are_numbers(values):
        return Loop(loops, tuple(values)).value(x)
    x = unwrap_if_dead(x)
    x = x.expand(torch.broadcast_shapes(x.shape, *(v.shape for v in values if isinstance(v, Tensor))))
    out = torch.empty_like(x)
    x = laid_out_as(out, x)
    held = [torch.empty_like(out, dtype=torch.float64).copy_(v) if isinstance(v, Tensor) else v for v in values]
    numbers = tuple([v.data_ptr() if isinstance(v, Tensor) else v for v in held])
    arrays = tuple([isinstance(v, Tensor) for v in held])
    loops.run(x.dtype, out.numel(), (x.data_ptr(), out.data_ptr()), numbers, arrays)
    return out


def laid_out_as(out: Tensor, x: Tensor) -> Tensor:
    """x, or a copy of it, whose elements lie in memory in the order of `out`, which has no gaps."""
    return x if x.stride() == out.stride() else torch.empty_like(out).copy_(x)


def alive(x: Tensor) -> Tensor:
    """What a function transform that ended left a wrapper of; the wrapper has no memory."""
    inner = unwrap_if_dead(x)
    if is_functorch_wrapped_tensor(inner):
        raise RuntimeError("a tensor that belongs to a function transform has no memory of its own")
    return inner
