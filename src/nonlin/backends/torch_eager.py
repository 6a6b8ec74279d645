"""PyTorch in eager mode and under `torch.func`: derivatives that know their own derivatives.

Values come from the compiled loops or the kernels for GPUs where they can read the memory, else from the printed
expression.
"""

# torch has no public names for what is asked here: whether a transform or a mode is at work.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from nonlin.backends.memory import loops
from nonlin.backends.torch_memory import Loop, are_numbers, can_fuse, computed, is_memory
from nonlin.backends.torch_printed import expression, name_of, raised
from nonlin.language.formula import Formula, Orders

_is_grad_enabled = torch.is_grad_enabled


class Rule:
    """One derivative of a formula, its order by x and by each parameter: how to compute it, and what comes next."""

    def __init__(self, formula: Formula, orders: Orders):
        self.formula, self.orders = formula, orders

    def next(self, i: int) -> Rule:
        """The derivative of this one by argument i: x, then the parameters."""
        return rule_of(self.formula, raised(self.orders, i))

    def value(self, x: Tensor, parameters: Sequence[Any]) -> Tensor:
        function = function_of(self.formula, self.orders, x, tuple(parameters))
        if function is not None:
            return function.value(x)
        if is_memory(x) and all(is_memory(p) for p in parameters if isinstance(p, Tensor)):
            return computed(loops(self.formula, self.orders), x, parameters)
        result = expression(name_of(self.formula, self.orders), x, parameters)
        return x.clone() if result is x else result


rule_of = lru_cache(maxsize=1024)(Rule)


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
        arguments = saved(ctx)
        return None, *(
            summed(grads[0] * derivative(ctx.rule.next(i), *arguments), a)
            if ctx.needs_input_grad[i + 1] and grads[0] is not None
            else None
            for i, a in enumerate(arguments)
        )

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        arguments = saved(ctx)
        total: Any = None
        for i, tangent in enumerate(tangents[1:]):  # the first would be the rule's
            if tangent is not None:
                part = tangent * derivative(ctx.rule.next(i), *arguments)
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


def derivative(rule: Rule, x: Tensor, *parameters: Any) -> Tensor:
    if torch._C._are_functorch_transforms_active():
        return _Derivative.apply(rule, x, *parameters)
    if forward_ad._current_level < 0 and not needs_gradient(x, parameters):
        return rule.value(x, parameters)
    return _apply(rule, x, *parameters)


def needs_gradient(x: Tensor, parameters: Sequence[Any]) -> bool:
    return torch.is_grad_enabled() and (
        x.requires_grad or any(isinstance(p, Tensor) and p.requires_grad for p in parameters)
    )


def saved(ctx: Any) -> list[Any]:
    tensors = iter(ctx.saved_tensors)
    return [next(tensors) if number is None else number for number in ctx.numbers]


def summed(grad: Tensor, argument: Tensor) -> Tensor:
    """The gradient by an argument that was broadcast: summed to its shape."""
    summed = grad if grad.shape == argument.shape else grad.sum_to_size(argument.shape)
    return summed if summed.dtype == argument.dtype else summed.to(argument.dtype)


# Where nobody but autograd is to know of a call --------------------------------------------------------------------


class AtNumbers(Loop):
    """A derivative of tensors that are memory, its parameters being numbers."""

    def __init__(self, formula: Formula, orders: Orders, parameters: tuple[float, ...]):
        super().__init__(loops(formula, orders), parameters)
        self.formula, self.orders = formula, orders

    @cached_property
    def slope(self) -> AtNumbers:
        """The derivative of this one by x."""
        return at_numbers(self.formula, raised(self.orders, 0), self.parameters)

    @cached_property
    def recorded(self) -> Any:
        """`value`, for autograd to differentiate."""
        return recorder(self)


at_numbers = lru_cache(maxsize=1024)(AtNumbers)


@lru_cache(maxsize=1)
def _gpu() -> Any:
    """The kernels for GPUs; None without Triton, which comes with torch's releases for GPUs."""
    try:
        from nonlin.backends import triton
    except ImportError:
        return None
    return triton


def function_of(formula: Formula, orders: Orders, x: Tensor, parameters: tuple[Any, ...]) -> Any:
    """The derivative as a function of tensors like x, an AtNumbers or its like for GPUs; None where x is no memory."""
    if not are_numbers(parameters):
        return None
    if is_memory(x, gpu=True):
        return gpu.at_numbers(formula, orders, parameters) if (gpu := _gpu()) else None
    return at_numbers(formula, orders, parameters) if is_memory(x) else None


def eager(function: Any, x: Tensor) -> Tensor:
    """The derivative at x, for autograd to differentiate."""
    return function.recorded(x) if x.requires_grad and _is_grad_enabled() else function.value(x)


def recorder(function: Any) -> Any:
    """f(x) whose backward pass is `function`'s slope: as `_Derivative`, with less to ask.

    A class for each function, since what a call is about costs more beside x than in the class. On a small tensor the
    two Python functions that torch calls on the way to `apply` and to `backward` take longer than either pass.
    """
    value, keeps_output = function.value, function.formula.rectifies

    class _AtNumbers(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
            result = value(x)
            # of max(0, x) torch keeps the output too, which the next layer keeps anyway
            ctx.save_for_backward(result if keeps_output else x)
            return result

        @staticmethod
        def backward(ctx: Any, grad: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
            (x,) = ctx.saved_tensors
            slope = function.slope
            if can_fuse(grad, x):
                return slope.times(x, grad)
            return grad * derivative(rule_of(slope.formula, slope.orders), x, *slope.parameters)

    getattr(_AtNumbers, "_backward_cls").apply = _AtNumbers.backward  # noqa: B009
    return getattr(super(torch.autograd.Function, _AtNumbers), "apply")  # noqa: B009
