"""Formula to machine code: the printed scalar function, compiled by Numba into a loop over contiguous memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit

from nonlin.backends.kernels import scalar
from nonlin.backends.printer import Target, argument_names, function, source
from nonlin.language import atoms
from nonlin.language.formula import Formula, Orders

TARGET = Target(
    functions={
        atoms.Exp: "math.exp({0})",
        atoms.Expm1: "math.expm1({0})",
        atoms.Log: "math.log({0})",
        atoms.Log1p: "math.log1p({0})",
        atoms.Sqrt: "math.sqrt({0})",
        atoms.Sin: "math.sin({0})",
        atoms.Cos: "math.cos({0})",
        atoms.Tan: "math.tan({0})",
        atoms.Atan: "math.atan({0})",
        atoms.Sinh: "math.sinh({0})",
        atoms.Cosh: "math.cosh({0})",
        atoms.Tanh: "math.tanh({0})",
        atoms.Sech2: "scalar.sech2({0})",
        atoms.TanhGap: "scalar.tanh_gap({0})",
        atoms.Sigmoid: "scalar.sigmoid({0})",
        atoms.Softplus: "scalar.softplus({0})",
        atoms.NormalCdf: "scalar.normal_cdf({0})",
        atoms.NormalPdf: "scalar.normal_pdf({0})",
        atoms.Erf: "math.erf({0})",
        atoms.Erfc: "math.erfc({0})",
        atoms.Hypot: "math.hypot({0}, {1})",
        atoms.HypotSum: "scalar.hypot_sum({0}, {1})",
        atoms.HypotSlope: "scalar.hypot_slope({0}, {1})",
        atoms.Sign: "scalar.sign({0})",
    },
    where="({1} if {0} else {2})",
    branches=True,
)
_LOOP = """
def loop(x, out{parameters}):
    for i in range(x.size):
        out[i] = point(float64(x[i]){arguments})
"""

Kernel = Callable[..., None]


@lru_cache(maxsize=1024)
def kernel(formula: Formula, orders: Orders, arrays: tuple[bool, ...]) -> Kernel:
    """The loop `kernel(x, out, *parameters)` over 1-d contiguous float32 or float64 memory of one size.

    `arrays` says which parameters are arrays of x's size; the others are Python floats. The loop releases the
    GIL. Numba compiles it at the first call with each dtype.
    """
    namespace: dict[str, Any] = {"math": math, "scalar": scalar, "float64": np.float64}
    point = function(source(formula, orders, TARGET, "point"), "point", namespace)
    namespace["point"] = njit(error_model="numpy", nogil=True)(point)
    names = argument_names(formula)[1:]
    elements = [f"float64({name}[i])" if array else name for name, array in zip(names, arrays, strict=True)]
    text = _LOOP.format(
        parameters="".join(f", {name}" for name in names), arguments="".join(f", {e}" for e in elements)
    )
    return njit(error_model="numpy", nogil=True)(function(text, "loop", namespace))
