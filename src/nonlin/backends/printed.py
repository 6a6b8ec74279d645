"""A formula as a plain expression over a namespace `m` with NumPy's names: the table of JAX, Keras and CuPy."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from nonlin.backends import stable, underflow
from nonlin.backends.printer import function, source
from nonlin.backends.target import Target
from nonlin.language import atoms
from nonlin.language.formula import Formula, Orders

TARGET = Target(
    functions={
        atoms.Exp: "m.exp({0})",
        atoms.Expm1: "m.expm1({0})",
        atoms.Log: "m.log({0})",
        atoms.Log1p: "m.log1p({0})",
        atoms.Sqrt: "m.sqrt({0})",
        atoms.Sin: "m.sin({0})",
        atoms.Cos: "m.cos({0})",
        atoms.Tan: "m.tan({0})",
        atoms.Atan: "m.arctan({0})",
        atoms.Sinh: "m.sinh({0})",
        atoms.Cosh: "m.cosh({0})",
        atoms.Tanh: "m.tanh({0})",
        atoms.Erf: "m.erf({0})",
        atoms.Erfc: "stable.erfc(m, {0})",
        atoms.Sech2: "stable.sech2(m, {0})",
        atoms.TanhGap: "stable.tanh_gap(m, {0})",
        atoms.Sigmoid: "stable.sigmoid(m, {0})",
        atoms.Softplus: "stable.softplus(m, {0})",
        atoms.NormalCdf: "stable.normal_cdf(m, {0})",
        atoms.NormalPdf: "stable.normal_pdf(m, {0})",
        atoms.Hypot: "stable.hypot(m, {0}, {1})",
        atoms.HypotSum: "stable.hypot_sum(m, {0}, {1})",
        atoms.HypotSlope: "stable.hypot_slope(m, {0}, {1})",
        atoms.Sign: "stable.sign(m, {0})",
        underflow.RootSigmoid: "stable.root_sigmoid(m, {0})",
        underflow.RootSoftplus: "stable.root_softplus(m, {0})",
        underflow.RootNormalPdf: "stable.root_normal_pdf(m, {0})",
        underflow.RootNormalCdf: "stable.root_normal_cdf(m, {0})",
        underflow.RootSmall: "stable.root_small(m, {0}, {1})",
        underflow.Sech: "stable.sech(m, {0})",
        underflow.Product: "stable.product(m, {0}, {1})",
        underflow.ScaledProduct: "stable.product(m, {0}, {1}, {2})",
        underflow.Scale: "stable.scale(m, {0})",
        underflow.Larger: "m.maximum({0}, {1})",
    },
    where="m.where({0}, {1}, {2})",
    at_most="m.minimum({0}, {1})",
    at_least="m.maximum({0}, {1})",
    magnitude="m.abs({0})",
    prepare=underflow.rearranged,
)


@lru_cache(maxsize=1024)
def expression(formula: Formula, orders: Orders, m: Any) -> Callable[..., Any]:
    """The Python function of x and the parameters that computes a derivative with the functions of `m`."""
    text = source(formula, orders, TARGET)
    return function(text, "f", {"m": m, "stable": stable})
