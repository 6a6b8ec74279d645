"""PyTorch: the compiled loops on CPU tensors, the printed expression everywhere else, derivatives always ours.

How a call is made decides, never the user. Eagerly, an `autograd.Function` whose backward and jvp multiply by the
Function of the next derivative: all orders, by x and by parameters that are tensors. Its values come from the
compiled loops where they can read the memory, else (other devices, FakeTensor, tensor subclasses, tracing modes) from
the printed expression. Under `torch.compile` a Function of printed expressions, which the compiler fuses; under
export, `jit.trace`, `fx` and compiled function transforms the printed expression itself.
"""

# torch has no public names for what is asked here: whether a transform, a mode or a tracer is at work.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from nonlin.backends.selection import selection
from nonlin.backends.torch_memory import FLOATS, can_fuse, computed, is_memory
from nonlin.backends.torch_ops import Ops
from nonlin.backends.torch_printed import HALF, expression, name_of, next_name, raised
from nonlin.backends.vector import FUNCTIONS
from nonlin.errors import DtypeError
from nonlin.language.formula import Formula, Orders

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
    if torch.compiler.is_compiling():
        name = name_of(formula, orders)
        if (
            torch.compiler.is_exporting()
            or torch._C._are_functorch_transforms_active()
            or not _needs_gradient(x, parameters)
        ):
            return expression(name, x, parameters)
        return _Traced.apply(name, x, *map(_plain, parameters))
    if torch._C._get_tracing_state():
        return expression(name_of(formula, orders), x, parameters)
    return _derivative(_rule(formula, orders), x, *map(_plain, parameters))


def _plain(parameter: Any) -> Any:
    if isinstance(parameter, float | Tensor):
        return parameter
    return float(parameter) if isinstance(parameter, int) else torch.as_tensor(parameter)


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


# Derivatives that know their own derivatives -----------------------------------------------------------------------


class Rule:
    """One derivative of a formula, its order by x and by each parameter: how to compute it, and what comes next."""

    def __init__(self, formula: Formula, orders: Orders):
        self.formula, self.orders = formula, orders

    def next(self, i: int) -> Rule:
        """The derivative of this one by argument i: x, then the parameters."""
        return _rule(self.formula, raised(self.orders, i))

    def value(self, x: Tensor, parameters: Sequence[Any]) -> Tensor:
        if is_memory(x) and all(is_memory(p) for p in parameters if isinstance(p, Tensor)):
            return computed(self.formula, self.orders, x, parameters)
        result = expression(name_of(self.formula, self.orders), x, parameters)
        return x.clone() if result is x else result


_rule = lru_cache(maxsize=1024)(Rule)


class _Derivative(torch.autograd.Function):
    """apply(rule, x, *parameters), for eager mode and `torch.func`."""

    @staticmethod
    def forward(rule: Rule, x: Tensor, *parameters: Any) -> Tensor:
        return rule.value(x, parameters)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.rule, *arguments = inputs
        tensors = [a for a in arguments if isinstance(a, Tensor)]
        ctx.numbers = [None if isinstance(a, Tensor) else a for a in arguments]
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        arguments = _arguments(ctx)
        if can_fuse(grads[0], arguments):
            slope = ctx.rule.next(0)
            by_x = computed(slope.formula, slope.orders, arguments[0], arguments[1:], grads[0])
            return None, by_x, *[None] * len(arguments[1:])
        return None, *(
            _summed(grads[0] * _derivative(ctx.rule.next(i), *arguments), a)
            if ctx.needs_input_grad[i + 1] and grads[0] is not None
            else None
            for i, a in enumerate(arguments)
        )

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        arguments = _arguments(ctx)
        total: Any = None
        for i, tangent in enumerate(tangents[1:]):  # the first would be the rule's
            if tangent is not None:
                part = tangent * _derivative(ctx.rule.next(i), *arguments)
                total = part if total is None else total + part
        return None if total is None else total.to(arguments[0].dtype)

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        rule, *arguments = args
        if all(dim is None for dim in in_dims[2:]) and not any(
            isinstance(a, Tensor) and a.dim() for a in arguments[1:]
        ):
            return _Derivative.apply(rule, *arguments), in_dims[1]
        dims = in_dims[1:]
        ranks = [a.dim() - (d is not None) for a, d in zip(arguments, dims, strict=True) if isinstance(a, Tensor)]
        aligned = [a if d is None else _batched(a, d, max(ranks)) for a, d in zip(arguments, dims, strict=True)]
        return _Derivative.apply(rule, *aligned), 0


def _batched(tensor: Tensor, dim: int, rank: int) -> Tensor:
    """The batch dimension in front, then as many dimensions as the broadcast result has."""
    moved = tensor.movedim(dim, 0)
    return moved.reshape(moved.shape[0], *[1] * (rank + 1 - moved.dim()), *moved.shape[1:])


# `Function.apply` binds its arguments by `inspect.signature` at each call, which costs more than a small tensor's
# forward pass; only function transforms need that.
_apply = getattr(super(torch.autograd.Function, _Derivative), "apply")  # noqa: B009


def _derivative(rule: Rule, x: Tensor, *parameters: Any) -> Tensor:
    if torch._C._are_functorch_transforms_active():
        return _Derivative.apply(rule, x, *parameters)
    if forward_ad._current_level < 0 and not _needs_gradient(x, parameters):
        return rule.value(x, parameters)
    return _apply(rule, x, *parameters)


def _needs_gradient(x: Tensor, parameters: Sequence[Any]) -> bool:
    return torch.is_grad_enabled() and (
        x.requires_grad or any(isinstance(p, Tensor) and p.requires_grad for p in parameters)
    )


def _arguments(ctx: Any) -> list[Any]:
    tensors = iter(ctx.saved_tensors)
    return [next(tensors) if number is None else number for number in ctx.numbers]


def _summed(grad: Tensor, argument: Tensor) -> Tensor:
    """The gradient by an argument that was broadcast: summed to its shape."""
    summed = grad if grad.shape == argument.shape else grad.sum_to_size(argument.shape)
    return summed if summed.dtype == argument.dtype else summed.to(argument.dtype)


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
        x, *parameters = arguments = _arguments(ctx)
        return None, *(
            _summed(grads[0] * expression(next_name(ctx.name, i), x, parameters), a) if isinstance(a, Tensor) else None
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
