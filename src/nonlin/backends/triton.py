"""Triton: a derivative over GPU memory in one pass, and the backward pass grad * f' in one.

float32 and the half precisions are computed in float32 where that keeps the promise, as the CPU's kernels are, else in
float64. A kernel's text is printed from the formula by `triton_math.py` and given to Triton as it is.
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

from nonlin.backends.kernels.load import is_exact
from nonlin.backends.printer import function
from nonlin.backends.torch_eager import recorder
from nonlin.backends.torch_memory import alive, laid_out_as
from nonlin.backends.torch_printed import HALF, expression, name_of, raised
from nonlin.backends.triton_math import REAL, body
from nonlin.language.formula import Formula, Orders

# Memory is the limit, not arithmetic: 8 elements a thread, which loads and stores of 16 bytes move. Without fusion a
# product keeps the rounding that a later line makes up for; what may be fused is written as fma.
BLOCK = 1024
OPTIONS = {"num_warps": 4, "enable_fp_fusion": False}
_empty_like = torch.empty_like
_current_device = torch.cuda.current_device
_KERNEL = """\
def {name}(x_ptr, {gradient}result_ptr, count, {parameters}BLOCK: tl.constexpr):
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = place < count
    x = tl.load(x_ptr + place, mask=inside, other=0.0).to(tl.{real})
    {lines}
    tl.store(result_ptr + place, ({result}).to(tl.{memory}).to(result_ptr.dtype.element_ty), mask=inside)
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
        self._kernels: dict[tuple[torch.dtype, bool], Kernel | None] = {}

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
        key = given[0].dtype, len(given) > 1
        if key not in self._kernels:
            self._kernels[key] = self._kernel(*key)
        kernel = self._kernels[key]
        if kernel is None:
            return None
        given = tuple(map(alive, given))
        result = _empty_like(given[0])
        if not all([t.is_contiguous() for t in given]):
            given = tuple(laid_out_as(result, t) for t in given)
        count = result.numel()
        if not count:
            return result
        try:
            if not result.is_cuda or result.get_device() == _current_device():
                kernel.launch((*given, result), count, self._numbers)
            else:
                with torch.cuda.device_of(result):
                    kernel.launch((*given, result), count, self._numbers)
        except Exception as error:  # the compilers of Triton, CUDA and C have no common error
            refuse(key[0], error)
            self._kernels[key] = None
            return None
        return result

    def _kernel(self, dtype: torch.dtype, gradient: bool) -> Kernel | None:
        """None where Triton has none, or does not compile for the dtype."""
        if dtype in refused or None in self._numbers:
            return None
        return _kernel(self.formula, self.orders, dtype, self._default, gradient)


at_numbers = lru_cache(maxsize=1024)(AtNumbers)
refused: set[torch.dtype] = set()  # what Triton could not compile for


def refuse(dtype: torch.dtype, error: Exception) -> None:
    """Ask Triton no more for a dtype, and say why."""
    refused.add(dtype)
    why = (str(error).strip() or type(error).__name__).splitlines()[-1]
    message = f"Triton cannot compile for {dtype} here: {why}; torch's own functions are used, which is slower"
    warnings.warn(message, RuntimeWarning, stacklevel=4)


class Kernel:
    """A kernel of x, the gradient if there is one, the result, their count, and three float32 for each parameter.

    Triton finds the compiled form of a call anew each time, which takes longer than a small tensor's pass; it is kept
    here for calls of the same kind.
    """

    def __init__(self, function: Any):
        self.function = triton.jit(function)
        self._compiled: dict[Any, Any] = {}

    def launch(self, memory: tuple[Tensor, ...], count: int, numbers: tuple[float | None, ...]) -> None:
        """One pass over memory of the current device."""
        # what Triton compiles anew for: types, addresses and a count that 16 divides, a count of 1 or beyond 32 bits
        aligned = [not t.data_ptr() % 16 for t in memory]
        kind = memory[0].dtype, memory[0].device.index, *aligned, count % 16 == 0, count == 1, count >> 31 > 0
        grid = (-(-count // BLOCK), 1, 1)
        compiled = self._compiled.get(kind)
        if compiled is None:
            self._compiled[kind] = self.function[grid](*memory, count, *numbers, BLOCK=BLOCK, **OPTIONS)
        else:
            compiled[grid](*memory, count, *numbers, BLOCK)


@lru_cache(maxsize=1024)
def _kernel(formula: Formula, orders: Orders, dtype: torch.dtype, default: bool, gradient: bool) -> Kernel | None:
    """The kernel of a derivative over a dtype; None where Triton has none."""
    formula, orders = formula.reduced(orders)
    double, half = dtype is torch.float64, dtype in HALF
    grade = "double" if double else "single" if is_exact(formula, orders, default, half) else "mixed"
    real = REAL[grade]
    try:
        lines, result = body(formula, orders, grade, default, half)
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
        "memory": "float64" if double else "float32",
        "lines": "\n    ".join([*first, *lines]),
        "result": result,
    }
    digest = hashlib.sha256(_KERNEL.format(name="", **fill).encode()).hexdigest()[:16]
    name = f"nonlin_{'backward' if gradient else 'forward'}_{digest}"
    text = _KERNEL.format(name=name, **fill)
    # Triton reads a function's source where Python's own messages do; there is no file.
    linecache.cache[f"<nonlin {name}>"] = len(text), None, text.splitlines(keepends=True), f"<nonlin {name}>"
    return Kernel(function(text, name, {"tl": tl}))


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
