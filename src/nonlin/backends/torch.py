"""PyTorch: kernels on plain tensors of CPU and GPU, the printed expression everywhere else, derivatives always ours.

How a call is made decides, never the user. Eagerly, an `autograd.Function` whose backward and jvp multiply by the
Function of the next derivative: all orders, by x and by parameters that are tensors. Its values come from the
compiled loops, on a GPU from Triton's kernels, where they can read the memory, else (other devices, FakeTensor, tensor
subclasses, tracing modes) from the printed expression. Under `torch.compile` a Function of printed expressions, which
the compiler fuses; under export, `jit.trace`, `fx` and compiled function transforms the printed expression itself.
"""

# torch has no public names for what is asked here: whether a transform, a mode or a tracer is at work.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.compiler import is_compiling, is_dynamo_compiling

from nonlin.backends.selection import selection
from nonlin.backends.torch_eager import (
    AtNumbers,
    derivative,
    eager,
    function_of,
    needs_gradient,
    rule_of,
    saved,
    summed,
)
from nonlin.backends.torch_memory import FLOATS, KINDS, is_memory
from nonlin.backends.torch_ops import Ops
from nonlin.backends.torch_printed import HALF, expression, name_of, next_name
from nonlin.backends.torch_tracing import in_transform, is_exporting
from nonlin.backends.vector import FUNCTIONS
from nonlin.errors import DtypeError
from nonlin.language.formula import Formula, Orders

is_traced, is_transformed = torch._C._get_tracing_state, torch._C._are_functorch_transforms_active
is_grad_enabled, strided = torch.is_grad_enabled, torch.strided
count_dispatch_modes, has_function_mode = torch._C._len_torch_dispatch_stack, torch._C._is_torch_function_mode_enabled
_INTEGERS = (torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8)


def evaluate(formula: Formula, orders: Orders, x: Any, parameters: Sequence[Any]) -> Any:
    """The derivative of that order at x: a tensor of x's dtype, device and memory format.

    Parameters are numbers or tensors that broadcast with x; a gradient by one has that tensor's shape. Integers are
    kept by a formula that only selects x or an integer constant. Raises DtypeError for other integers and complex.
    """
    if not isinstance(x, Tensor):
        if isinstance(x, torch.fx.Proxy):
            return expression(name_of(formula, orders), x, parameters)
        x = torch.as_tensor(x)  # a number or an array beside parameters that are tensors
    if x.dtype not in FLOATS:
        return _selected(formula, orders, x, parameters)
    if is_compiling():
        name = name_of(formula, orders)
        if is_exporting() or in_transform() or not needs_gradient(x, parameters):
            return expression(name, x, parameters)
        return _Traced.apply(name, x, *map(_plain, parameters))
    if is_traced():
        return expression(name_of(formula, orders), x, parameters)
    values = tuple(map(_plain, parameters))
    if not is_transformed() and forward_ad._current_level < 0:
        function = function_of(formula, orders, x, values)
        if function is not None:
            return eager(function, x)
    return derivative(rule_of(formula, orders), x, *values)


class Bound(AtNumbers):
    """`evaluate` at parameters that are numbers, as a function of x: what is called most, and on small tensors.

    So whatever does not depend on x is found beforehand, and nothing is asked twice.
    """

    def __call__(self, x: Any) -> Any:
        # a tensor that another tracer of the compiler's calls with is no memory
        if is_dynamo_compiling() or is_traced() or is_transformed() or forward_ad._current_level >= 0:
            return evaluate(self.formula, self.orders, x, self.parameters)
        if (  # `is_memory`, and below `eager`, inlined: a call of Python's takes as long as a small array
            type(x) in KINDS
            and x.is_cpu
            and x.layout is strided
            and x.dtype in FLOATS
            and not x.is_neg()
            and not count_dispatch_modes()
            and not has_function_mode()
        ):
            return self.recorded(x) if x.requires_grad and is_grad_enabled() else self.value(x)
        if not is_memory(x, gpu=True) or not (function := function_of(self.formula, self.orders, x, self.parameters)):
            return evaluate(self.formula, self.orders, x, self.parameters)
        return eager(function, x)


def _plain(parameter: Any) -> Any:
    if isinstance(parameter, Tensor):
        return parameter
    return float(parameter) if isinstance(parameter, (int, float)) else torch.as_tensor(parameter)


def _selected(formula: Formula, orders: Orders, x: Tensor, parameters: Sequence[Any]) -> Tensor:
    """Integers stay what they are where the formula selects among x and integers, as torch's own ramps do."""
    chosen = None
    if x.dtype in _INTEGERS and not any(orders):
        chosen = selection(formula, parameters)
    if chosen is None:
        raise DtypeError(f"input whose dtype has no activation here: {x.dtype}: convert it to torch.float32")
    limits = torch.iinfo(x.dtype)
    pieces: list[Tensor] = []
    for value in chosen.values:
        if value is not None and not limits.min <= value <= limits.max:
            raise DtypeError(f"{x.dtype} cannot hold {value}: convert the input to torch.float32")
        pieces.append(x if value is None else torch.full_like(x, value))
    result = pieces[-1]
    for i in reversed(range(len(chosen.edges))):
        result = torch.where(chosen.is_left(x, i), pieces[i], result)
    return result.clone() if result is x else result


# Under a compiler -----------------------------------------------------------------------------------------------------


class _Traced(torch.autograd.Function):
    """apply(name, x, *parameters) for Dynamo, which refuses a Function that defines a jvp."""

    @staticmethod
    def forward(ctx: Any, name: str, x: Tensor, *parameters: Any) -> Tensor:
        ctx.name = name
        ctx.numbers = [None if isinstance(a, Tensor) else a for a in (x, *parameters)]
        ctx.save_for_backward(x, *(p for p in parameters if isinstance(p, Tensor)))
        return expression(name, x, parameters)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        x, *parameters = arguments = saved(ctx)
        return None, *(
            summed(grads[0] * expression(next_name(ctx.name, i), x, parameters), a) if isinstance(a, Tensor) else None
            for i, a in enumerate(arguments)
        )


# Functions of a whole axis ------------------------------------------------------------------------------------------


def array(x: Tensor) -> Tensor:
    """x, if it is a tensor of floating numbers."""
    if x.dtype not in FLOATS:
        raise DtypeError(f"input whose dtype has no activation here: {x.dtype}: convert it to torch.float32")
    return x


def along_axis(name: str, x: Tensor, axis: int | None) -> Tensor:
    """A function of a whole axis, computed in float32 at least, with torch's own derivatives of the composition."""
    working = x.float() if x.dtype in HALF else x
    if axis is None:
        result = FUNCTIONS[name](Ops, working.reshape(-1), 0).reshape(x.shape)
    else:
        result = FUNCTIONS[name](Ops, working, axis)
    return result.to(x.dtype)


def like(result: Tensor, x: Tensor) -> Tensor:
    """The result, which is a tensor already."""
    return result
