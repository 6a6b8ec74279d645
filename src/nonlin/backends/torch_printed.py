"""Printed expressions in PyTorch, by a name that a compiler which traces the call can read as a constant."""

# torch has no public name for whether a mode is at work.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.compiler import is_compiling

from nonlin.backends.torch_ops import printed
from nonlin.language.formula import Formula, Orders, by_key

_UNKNOWN = torch.__version__ < "2.11"  # whether a mode is at work is no question that Dynamo of these can answer
HALF = (torch.float16, torch.bfloat16)


def raised(orders: Orders, i: int) -> Orders:
    """The derivative one order higher by argument i: x, then the parameters."""
    return tuple(n + (i == j) for j, n in enumerate(orders))


class _Printed:
    """Printed functions as attributes, and what each is of: a traced call reads an attribute when it comes to it."""

    def __init__(self) -> None:
        self.origins: dict[str, tuple[Formula, Orders]] = {}


_printed = _Printed()
_ORDINALS = tuple("0123456789")  # looked up in it, an integer that Dynamo takes for a variable becomes a constant
_numbers = itertools.count()


def name_of(formula: Formula, orders: Orders) -> str:
    """The name of the printed function, which is made at the first call."""
    return _name_of(formula.key, ",".join([_ORDINALS[n] if n < 10 else str(n) for n in orders]))


def _name_of(key: str, ordinals: str) -> str:
    formula, orders = by_key(key), tuple(map(int, ordinals.split(",")))
    name = _name(formula, orders)
    if name not in _printed.origins:
        setattr(_printed, name, printed(formula, orders, name))
        _printed.origins[name] = formula, orders
    return name


@cache
def _name(formula: Formula, orders: Orders) -> str:
    return f"f{next(_numbers)}"


def next_name(name: str, i: int) -> str:
    """The name of the derivative of that function by argument i."""
    formula, orders = _printed.origins[name]
    return name_of(formula, raised(orders, i))


# What `torch.compiler.assume_constant_result` does, which would import the whole compiler: these two run while Dynamo
# traces, and give it a string. What they are given must be constants too: up to torch 2.12 no object of ours is one.
_name_of._dynamo_marked_constant = True  # pyright: ignore[reportFunctionMemberAccess]
next_name._dynamo_marked_constant = True  # pyright: ignore[reportFunctionMemberAccess]


def expression(name: str, x: Any, parameters: Sequence[Any]) -> Any:
    """The printed expression, half precision computed in float32.

    To a mode of torch's functions an activation is one function, as torch's own are: it does not see, and so cannot
    replace, the functions that the expression is made of.
    """
    if (_UNKNOWN and is_compiling()) or torch._C._is_torch_function_mode_enabled():
        with torch._C.DisableTorchFunction():
            return _computed(name, x, parameters)
    return _computed(name, x, parameters)


def _computed(name: str, x: Any, parameters: Sequence[Any]) -> Any:
    half = isinstance(x, Tensor) and x.dtype in HALF
    working = x.float() if half else x
    values = [working.new_full((), p) if isinstance(p, (int, float)) else p.to(working.dtype) for p in parameters]
    result = getattr(_printed, name)(working, *values)
    shapes = [p.shape for p in parameters if isinstance(p, Tensor)]
    if shapes and result.shape != (shape := torch.broadcast_shapes(x.shape, *shapes)):
        result = result.expand(shape)
    return result.to(x.dtype) if half else result
