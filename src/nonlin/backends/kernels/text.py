"""Formula to the text of a kernel in LLVM's language: the printed expression in one of three grades, and the loop over
memory that it stands in.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from nonlin.backends.kernels import circular, exponential, logarithm, machine, normal, roots
from nonlin.backends.kernels.arrange import NormalRamp, NormalRampSlope, arranged
from nonlin.backends.kernels.grade import GRADES
from nonlin.backends.kernels.loops import Function
from nonlin.backends.kernels.machine import select
from nonlin.backends.kernels.pairs import NOTHING, Pairs
from nonlin.backends.kernels.quotient import Halves
from nonlin.backends.kernels.rational import ExpQuotient
from nonlin.backends.kernels.values import Memory, Value
from nonlin.backends.printer import function, source
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
    raised = (g.lift + 1) * math.log(2)
    return replace(
        _TARGET,
        quotients={**_TARGET.quotients, ExpQuotient: Halves(g)},
        harmless=g.harmless,
        pair=Pairs(g.real) if g.pairs else lambda printer, u: (printer.name(u), NOTHING),
        within={
            atoms.Exp: [((-g.lowest, g.highest - raised), ("exp_raised({0})", "drop"))],
            atoms.Expm1: [
                ((raised - g.lowest, 0.0), ("expm1_near({0})", "")),
                ((-math.inf, 0.0), ("expm1_negative({0})", "")),
            ],
        },
    )


_WAVES = (atoms.Sin, atoms.Cos, atoms.Tan)
_BLOCK = 1024


@lru_cache(maxsize=3)
def arithmetic(grade: str) -> dict[str, Any]:
    """What the printed text names."""
    g = GRADES[grade]
    exps = exponential.functions(g)
    return {
        **exps,
        **logarithm.functions(g, exps["decaying_even"]),
        **normal.functions(g),
        **circular.functions(g),
        **roots.functions(g, exps["tanh"]),
        **{name: getattr(machine, name) for name in ("fma", "select", "signed", "lost")},
        "real": machine.converter(g.real),
    }


def written(
    name: str,
    formula: Formula,
    orders: Orders,
    dtype: str,
    grade: str,
    arrays: tuple[bool, ...],
    gradient: bool,
    default: bool,
) -> str:
    """The text of `name(x, [grad,] out, n, *parameters)` over contiguous memory.

    `arrays` says which parameters are arrays of x's size, in float64; the others are float64 numbers. With `gradient`
    each result is multiplied by the element of `grad`; with `default` the parameters are not read.
    """
    real = np.dtype(GRADES[grade].real).name
    kernel = Function(name, "pp" + "p" * gradient + "n" + "".join("p" if array else "d" for array in arrays))
    x, *grads, out = (kernel.memory(i, dtype) for i in range(2 + gradient))
    printed = source(formula, orders, target(grade), "point", default)

    def result(point: Callable[..., Any], i: Value) -> Value:
        given = enumerate(arrays, 3 + gradient)
        numbers = [kernel.memory(k, "float64")[i] if array else kernel.number(k) for k, array in given]
        elements = [number.to(real) for number in numbers]
        lows = [(number - element.to("float64")).to(real) for number, element in zip(numbers, elements, strict=True)]
        at = x[i].to(real)
        with np.errstate(all="ignore"):  # of constants, which follow the arithmetic of the kernel's numbers
            value = at.like(point(at, *elements, *lows))
        return grads[0][i].to(real) * value if grads else value

    near = function(printed, "point", dict(arithmetic(grade)))
    if formula.expr.has(*_WAVES):
        far = function(printed, "point", arithmetic(grade) | circular.far(GRADES[grade]))
        _with_waves(kernel, out, lambda i: result(near, i), lambda i: result(far, i))
    else:

        def element(i: Value) -> None:
            out[i] = result(near, i)

        kernel.each(element)
    return kernel.text()


def _with_waves(kernel: Function, out: Memory, near: Callable[[Value], Value], far: Callable[[Value], Value]) -> None:
    """A loop for a formula with waves in it: `near` is nan where the argument of one is large, and `far` is not.

    nan goes to nan in every formula, so it is in the result wherever it counts. A block is gone through again only if
    something in it is nan, and each element's result depends on that element alone.
    """

    def block(number: Value) -> None:
        first, rest = number << 10, kernel.count - (number << 10)
        last = first + select(rest < _BLOCK, rest, _BLOCK)

        def quick(i: Value) -> Any:
            out[i] = value = near(i)
            return value != value

        def again(i: Value) -> None:
            value: Any = near(i)
            with kernel.where(value != value):
                out[i] = far(i)

        with kernel.where(kernel.each(quick, first, last)):
            kernel.each(again, first, last)

    kernel.each(block, last=(kernel.count + (_BLOCK - 1)) >> 10)
