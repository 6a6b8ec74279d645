"""Formula to machine code: the printed expression in one of three grades, compiled by Numba into one pass over memory.

What comes out is object code and the name of its function, which `load.py` links and calls without Numba.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit, types

from nonlin.backends.kernels import circular, exponential, logarithm, machine, normal, roots
from nonlin.backends.kernels.arrange import NormalRamp, NormalRampSlope, arranged
from nonlin.backends.kernels.grade import GRADES
from nonlin.backends.kernels.pairs import NOTHING, Pairs
from nonlin.backends.kernels.quotient import Halves
from nonlin.backends.kernels.rational import ExpQuotient
from nonlin.backends.printer import argument_names, function, source
from nonlin.backends.target import Target
from nonlin.language import atoms
from nonlin.language.formula import Formula, Orders

_UNARY = {
    atoms.Exp: "exp",
    atoms.Expm1: "expm1",
    atoms.Log: "log",
    atoms.Log1p: "log1p",
    atoms.Sqrt: "root",
    atoms.Sin: "sin",
    atoms.Cos: "cos",
    atoms.Tan: "tan",
    atoms.Atan: "atan",
    atoms.Sinh: "sinh",
    atoms.Cosh: "cosh",
    atoms.Tanh: "tanh",
    atoms.Sech2: "sech2",
    atoms.TanhGap: "tanh_gap",
    atoms.Sigmoid: "sigmoid",
    atoms.Softplus: "softplus",
    atoms.NormalCdf: "normal_cdf",
    atoms.NormalPdf: "normal_pdf",
    atoms.Erf: "erf",
    atoms.Erfc: "erfc",
    atoms.Sign: "sign",
    NormalRamp: "normal_ramp",
    NormalRampSlope: "normal_ramp_slope",
}
_TARGET = Target(
    functions={
        **{atom: f"{name}({{0}})" for atom, name in _UNARY.items()},
        atoms.Hypot: "hypot({0}, {1})",
        atoms.HypotSum: "hypot_sum({0}, {1})",
        atoms.HypotSlope: "hypot_slope({0}, {1})",
    },
    where="select({0}, {1}, {2})",
    at_most="select({0} > {1}, {1}, {0})",  # nan stays nan
    at_least="select({0} < {1}, {1}, {0})",
    literal="real({0})",
    signed="signed({0}, {1})",
    fused="fma({0}, {1}, {2})",
    quotients={
        atoms.Tanh: ("tanh_top({0})", "tanh_bottom({0})"),
    },
    lifted={
        atoms.Exp: ("exp_lifted({0})", "exp_drop({0})"),
        atoms.NormalCdf: ("normal_cdf_lifted({0})", "normal_cdf_drop({0})"),
    },
    prepare=arranged,
    total=frozenset({NormalRamp, NormalRampSlope, atoms.Tanh, atoms.Softplus}),
    # to the second degree the highest power absorbs the others, to the last digit
    drifts=lambda expr: any(len(q.bottom) > 3 for q in expr.atoms(ExpQuotient)),
    paired=frozenset({atoms.Exp, atoms.Expm1, atoms.Softplus}),
)


@lru_cache(maxsize=3)
def target(grade: str) -> Target:
    """How a kernel of that grade is printed."""
    g = GRADES[grade]
    return replace(
        _TARGET,
        quotients={**_TARGET.quotients, ExpQuotient: Halves(g)},
        harmless=g.harmless,
        pair=Pairs(g.real) if g.pairs else lambda printer, u: (printer.name(u), NOTHING),
    )


# How an element is read and written; half precision is kept as the bits in 16-bit integers.
FORMATS = {
    "float32": (types.float32, "{0}", "float32({0})"),
    "float64": (types.float64, "{0}", "{0}"),
    "float16": (types.int16, "from_float16({0})", "to_float16(float32({0}))"),
    "bfloat16": (types.int16, "from_bfloat16({0})", "to_bfloat16(float32({0}))"),
}
_LOOP = """
def {name}(x, {grad}out, n{parameters}):
    for i in range(n):
        out[i] = {store}
"""
# The same for a formula with waves in it: `point` is nan where the argument of one is large, and `far` is not. nan
# goes to nan in every formula, so it is in the result wherever it counts. A block is gone through again only if
# something in it is nan, and each element's result depends on that element alone.
_LOOP_OF_WAVES = """
def {name}(x, {grad}out, n{parameters}):
    for block in range((n + 1023) >> 10):
        first, last = block << 10, select(n - (block << 10) < 1024, n, (block + 1) << 10)
        missing = False
        for i in range(first, last):
            value = {value}
            missing = missing | (value != value)
            out[i] = {store}
        if missing:
            for i in range(first, last):
                value = {value}
                if value != value:
                    value = {far}
                    out[i] = {store}
"""
_WAVES = (atoms.Sin, atoms.Cos, atoms.Tan)


@lru_cache(maxsize=3)
def arithmetic(grade: str) -> dict[str, Any]:
    """What the printed text names."""
    g = GRADES[grade]
    exps = exponential.functions(g)
    return {
        **exps,
        **logarithm.functions(g, exps["vanishing_even"]),
        **normal.functions(g),
        **circular.functions(g),
        **roots.functions(g, exps["tanh"]),
        **{name: getattr(machine, name) for name in ("fma", "select", "signed", "lost", *CONVERSIONS)},
        "real": g.real,
        "float32": np.float32,
        "float64": np.float64,
    }


CONVERSIONS = ("from_float16", "to_float16", "from_bfloat16", "to_bfloat16")


def object_code(
    name: str,
    formula: Formula,
    orders: Orders,
    dtype: str,
    grade: str,
    arrays: tuple[bool, ...],
    gradient: bool,
    default: bool,
) -> tuple[bytes, str]:
    """The machine code of `name(x, [grad,] out, n, *parameters)` over contiguous memory, and its symbol.

    The name must be the kernel's alone: Numba numbers functions within a process, and code of several is linked.
    `arrays` says which parameters are arrays of x's size, in float64; the others are float64 numbers. With `gradient`
    each result is multiplied by the element of `grad`; with `default` the parameters are not read.
    """
    waves = formula.expr.has(*_WAVES)
    text = source(formula, orders, target(grade), "point", default)
    namespace = dict(arithmetic(grade))
    namespace["point"] = machine.inline(function(text, "point", namespace))
    if waves:
        namespace["far"] = machine.inline(function(text, "point", arithmetic(grade) | circular.far(GRADES[grade])))
    memory, load, store = FORMATS[dtype]
    names = argument_names(formula)[1:]
    given = [f"{n}[i]" if array else n for n, array in zip(names, arrays, strict=True)]
    elements = [f"real({n})" for n in given]
    x, grad = (f"real({load.format(place)})" for place in ("x[i]", "grad[i]"))
    lows = [f"real({n} - float64({e}))" for n, e in zip(given, elements, strict=True)]
    value, far = (f"{grad} * " * gradient + f"{f}({', '.join([x, *elements, *lows])})" for f in ("point", "far"))
    loop = _LOOP_OF_WAVES if waves else _LOOP
    text = loop.format(
        name=name,
        grad="grad, " * gradient,
        parameters="".join(f", {n}" for n in names),
        value=value,
        far=far,
        store=store.format("value" if waves else value),
    )
    pointer = types.CPointer(memory)
    kinds = [types.CPointer(types.float64) if array else types.float64 for array in arrays]
    signature = types.void(pointer, *[pointer] * (1 + gradient), types.int64, *kinds)
    return machine_code(text, name, namespace, signature)


def machine_code(text: str, name: str, namespace: dict[str, Any], signature: Any) -> tuple[bytes, str]:
    """Object code of the printed loop of that name, and its symbol."""
    loop = njit(signature, error_model="numpy", nogil=True)(function(text, name, namespace))
    (result,) = loop.overloads.values()
    return result.library._get_compiled_object(), result.fndesc.llvm_func_name
