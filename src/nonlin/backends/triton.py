"""Triton: a derivative over GPU memory in one pass, and the backward pass grad * f' in one.

float32 and the half precisions are computed in float32, float64 in float64. A kernel's text is printed from the
formula by `triton_math.py` and given to Triton as it is.
"""

from __future__ import annotations

import ctypes
import hashlib
import linecache
import warnings
from functools import cached_property, lru_cache
from typing import Any

import torch
import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]
from torch import Tensor

from nonlin.backends.printer import function
from nonlin.backends.torch_eager import recorder
from nonlin.backends.torch_memory import alive, laid_out_as
from nonlin.backends.torch_printed import expression, name_of, raised
from nonlin.backends.triton_math import body
from nonlin.language.formula import Formula, Orders

# Memory is the limit, not arithmetic: 8 elements a thread, which loads and stores of 16 bytes move. Without fusion a
# product keeps the rounding that a later line makes up for; what may be fused is written as fma.
LAUNCH = {"BLOCK": 1024, "num_warps": 4, "enable_fp_fusion": False}
_KERNEL = """\
def {name}(x_ptr, {gradient}result_ptr, count, {parameters}BLOCK: tl.constexpr):
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = place < count
    x = tl.load(x_ptr + place, mask=inside, other=0.0).to(tl.{real})
    {lines}
    tl.store(result_ptr + place, ({result}).to(result_ptr.dtype.element_ty), mask=inside)
"""
_GRADIENT = "tl.load(grad_ptr + place, mask=inside, other=0.0).to(tl.{real})"


class AtNumbers:
    """A derivative of a formula at parameters that are numbers, over tensors that are GPU memory.

    Where Triton cannot be had for it (no C compiler, an old GPU, a power that is no integer) torch's own functions
    compute the printed expression.
    """

    def __init__(self, formula: Formula, orders: Orders, parameters: tuple[float, ...]):
        self.formula, self.orders, self.parameters = formula, orders, parameters
        self._default = parameters == tuple(float(p.default) for p in formula.parameters)
        self._numbers = () if self._default else tuple(part for p in parameters for part in _parts(p))

    def value(self, x: Tensor) -> Tensor:
        """The derivative at x, of x's strides where x fills its memory."""
        result = self._computed(x)
        if result is None:
            result = expression(name_of(self.formula, self.orders), x, self.parameters)
        return x.clone() if result is x else result

    def times(self, x: Tensor, grad: Tensor) -> Tensor:
        """The same times `grad`."""
        result = self._computed(x, grad)
        return grad * self.value(x) if result is None else result

    @cached_property
    def slope(self) -> AtNumbers:
        """The derivative of this one by x."""
        return at_numbers(self.formula, raised(self.orders, 0), self.parameters)

    @cached_property
    def recorded(self) -> Any:
        """`value`, for autograd to differentiate."""
        return recorder(self)

    def _computed(self, *given: Tensor) -> Tensor | None:
        dtype = given[0].dtype
        real = "float64" if dtype is torch.float64 else "float32"
        kernel = _kernel(self.formula, self.orders, real, self._default, len(given) > 1)
        if kernel is None or dtype in _refused or None in self._numbers:
            return None
        given = tuple(map(alive, given))
        result = torch.empty_like(given[0])
        if not all(t.is_contiguous() for t in given):
            given = tuple(laid_out_as(result, t) for t in given)
        count = result.numel()
        if not count:
            return result
        try:
            with torch.cuda.device_of(result):
                kernel[(triton.cdiv(count, LAUNCH["BLOCK"]),)](*given, result, count, *self._numbers, **LAUNCH)
        except Exception as error:  # the compilers of Triton, CUDA and C have no common error
            _refused.add(dtype)
            why = (str(error).strip() or type(error).__name__).splitlines()[-1]
            message = f"Triton cannot compile for {dtype} here: {why}; torch's own functions are used, which is slower"
            warnings.warn(message, RuntimeWarning, stacklevel=2)
            return None
        return result


at_numbers = lru_cache(maxsize=1024)(AtNumbers)
_refused: set[torch.dtype] = set()


@lru_cache(maxsize=1024)
def _kernel(formula: Formula, orders: Orders, real: str, default: bool, gradient: bool) -> Any:
    """The kernel of x, the gradient if there is one, the result, their count, and three float32 for each parameter."""
    try:
        lines, result = body(formula, orders, real, default)
    except NotImplementedError:
        return None
    names = [] if default else [p.name for p in formula.parameters]
    first = [line for name in names for line in _parameter(name, real)]
    if gradient:
        result = f"{_GRADIENT.format(real=real)} * {result}"
    fill = {
        "gradient": "grad_ptr, " * gradient,
        "parameters": "".join(f"p_{name}, l_{name}, r_{name}, " for name in names),
        "real": real,
        "lines": "\n    ".join([*first, *lines]),
        "result": result,
    }
    digest = hashlib.sha256(_KERNEL.format(name="", **fill).encode()).hexdigest()[:16]
    name = f"nonlin_{'backward' if gradient else 'forward'}_{digest}"
    text = _KERNEL.format(name=name, **fill)
    # Triton reads a function's source where Python's own messages do; there is no file.
    linecache.cache[f"<nonlin {name}>"] = len(text), None, text.splitlines(keepends=True), f"<nonlin {name}>"
    return triton.jit(function(text, name, {"tl": tl}))


def _parameter(name: str, real: str) -> list[str]:
    """The lines that make a parameter p_ and what its rounding lost, l_, of its three parts p_, l_ and r_."""
    p, low, rest = (f"tl.full([BLOCK], {letter}_{name}, tl.{real})" for letter in "plr")
    if real == "float32":
        return [f"p_{name} = {p}", f"l_{name} = {low}"]
    return [f"p_{name} = {p} + {low} + {rest}", f"l_{name} = tl.full([BLOCK], 0.0, tl.float64)"]


def _parts(p: float) -> tuple[float | None, ...]:
    """A number as the sum of three of float32, since Triton passes no others; None where it is not the sum."""
    first = _single(p)
    second = _single(p - first)
    third = _single(p - first - second)
    return (first, second, third) if first + (second + third) == p else (None, None, None)


def _single(p: float) -> float:
    return ctypes.c_float(p).value
