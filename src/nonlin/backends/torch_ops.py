"""PyTorch's spelling of the printed expression: each atom in operations that keep its digits, on any device.

Every helper differentiates right by torch's own rules too, at 0 and in the tails, since an exported program and
compiled function transforms do without our derivatives: |u| is a `where` there, as the slope of `abs` at 0 is 0, and
what is exponentially small is never the difference of two numbers near 1.

An exported program runs elsewhere: ONNX, for one, has no log1p, expm1, erfc and hypot, and its exporter writes
log(1 + u) for the first. So those are written out there in functions that every runtime has.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from nonlin.backends import stable
from nonlin.backends.printer import function, source
from nonlin.backends.target import Target
from nonlin.backends.torch_tracing import is_exporting
from nonlin.language import atoms
from nonlin.language.formula import Formula, Orders


def _away(u: Any) -> Any:
    """-|u|."""
    return torch.where(u < 0, u, -u)


def sigmoid(u: Any) -> Any:
    e = torch.exp(_away(u))  # never overflows; both branches keep the small side exact
    return torch.where(u < 0, e, 1.0) / (1.0 + e)


def log1p(u: Any) -> Any:
    """Exported, it is 2 atanh(u/(2 + u)) up to 1, which keeps a small u."""
    if not is_exporting():
        return torch.log1p(u)
    small = torch.clamp(u, max=1.0)
    near = torch.where(small < -0.9, torch.zeros_like(u), small)
    far = torch.where(near == u, torch.zeros_like(u), u)
    return torch.where(near == u, 2.0 * torch.atanh(near / (2.0 + near)), torch.log(1.0 + far))


def softplus(u: Any) -> Any:
    return torch.clamp(u, min=0.0) + log1p(torch.exp(_away(u)))


def tanh(u: Any) -> Any:
    """-expm1(-2|u|)/(2 + expm1(-2|u|)) with u's sign; near 0 torch's own, whose slope 1 - tanh^2 is exact there."""
    near = torch.tanh(torch.clamp(u, -1.0, 1.0))
    e = torch.exp(2.0 * torch.clamp(_away(u), max=-1.0))
    far = (1.0 - e) / (1.0 + e)
    return torch.where(u < -1.0, -far, torch.where(u > 1.0, far, near))


def expm1(u: Any) -> Any:
    """torch's own above -1, and exp(u) - 1 below, whose slope does not vanish: torch takes it as expm1(u) + 1.

    Exported, it is 2 t/(1 - t), t = tanh(u/2), from -1 to 1, which keeps a small u.
    """
    if not is_exporting():
        return torch.where(u < -1.0, torch.exp(torch.clamp(u, max=-1.0)) - 1.0, torch.expm1(torch.clamp(u, min=-1.0)))
    t = torch.tanh(0.5 * torch.clamp(u, -1.0, 1.0))
    return torch.where(abs(u) > 1.0, torch.exp(u) - 1.0, 2.0 * t / (1.0 - t))


class _Names:
    """What the shared forms of `backends/stable.py` that differentiate right are written in."""

    exp, floor, where, sqrt = torch.exp, torch.floor, torch.where, torch.sqrt
    maximum, minimum = torch.maximum, torch.minimum
    tanh = tanh

    @staticmethod
    def abs(u: Any) -> Any:
        return -_away(u)


_SHARED = (stable.sech2, stable.tanh_gap, stable.normal_pdf, stable.normal_cdf)
sech2, tanh_gap, normal_pdf, normal_cdf = (partial(f, _Names) for f in _SHARED)


def sign(u: Any) -> Any:
    return torch.where(u == u, torch.sign(u), u)


def hypot(u: Any, v: Any) -> Any:
    u, v = (torch.full_like(b, a) if isinstance(a, float) else a for a, b in ((u, v), (v, u)))
    return stable.hypot(_Names, u, v) if is_exporting() else torch.hypot(u, v)


def erfc(u: Any) -> Any:
    return stable.erfc(_Names, u) if is_exporting() else torch.erfc(u)


def hypot_sum(u: Any, v: Any) -> Any:
    s = hypot(u, v) - _away(u)
    return torch.where(u < 0, v * (v / s), s)


def hypot_slope(u: Any, v: Any) -> Any:
    h = hypot(u, v)
    return torch.where(u < 0, (v / h) * (v / (h - _away(u))), 1.0 + u / h)


_HELPERS = {
    atoms.Expm1: ("expm1({0})", expm1),
    atoms.Log1p: ("log1p({0})", log1p),
    atoms.Tanh: ("tanh({0})", tanh),
    atoms.Sech2: ("sech2({0})", sech2),
    atoms.TanhGap: ("tanh_gap({0})", tanh_gap),
    atoms.Sigmoid: ("sigmoid({0})", sigmoid),
    atoms.Softplus: ("softplus({0})", softplus),
    atoms.NormalCdf: ("normal_cdf({0})", normal_cdf),
    atoms.NormalPdf: ("normal_pdf({0})", normal_pdf),
    atoms.Erfc: ("erfc({0})", erfc),
    atoms.Sign: ("sign({0})", sign),
    atoms.Hypot: ("hypot({0}, {1})", hypot),
    atoms.HypotSum: ("hypot_sum({0}, {1})", hypot_sum),
    atoms.HypotSlope: ("hypot_slope({0}, {1})", hypot_slope),
}
_OWN = {
    atoms.Exp: "torch.exp({0})",
    atoms.Log: "torch.log({0})",
    atoms.Sqrt: "torch.sqrt({0})",
    atoms.Sin: "torch.sin({0})",
    atoms.Cos: "torch.cos({0})",
    atoms.Tan: "torch.tan({0})",
    atoms.Atan: "torch.atan({0})",
    atoms.Sinh: "torch.sinh({0})",
    atoms.Cosh: "torch.cosh({0})",
    atoms.Erf: "torch.erf({0})",
}
TARGET = Target(
    functions={**_OWN, **{atom: template for atom, (template, _) in _HELPERS.items()}},
    where="torch.where({0}, {1}, {2})",
    at_most="torch.clamp({0}, max={1})",  # whose slope at the limit is 1; `minimum` would halve it
    at_least="torch.clamp({0}, min={1})",
)
_NAMESPACE = {"torch": torch, **{template.partition("(")[0]: f for template, f in _HELPERS.values()}}


def printed(formula: Formula, orders: Orders, name: str) -> Any:
    """The printed expression as a function of x and the parameters, all of them floating tensors of one dtype."""
    return function(source(formula, orders, TARGET, name), name, dict(_NAMESPACE))


class Ops:
    """What functions of a whole axis are written in; see `backends/vector.py`."""

    exp, log, where, cumsum = torch.exp, torch.log, torch.where, torch.cumsum

    @staticmethod
    def number(condition: Any, x: Any) -> Any:
        return condition.to(x.dtype)

    @staticmethod
    def sum(x: Any, axis: int) -> Any:
        return torch.sum(x, axis, keepdim=True)

    @staticmethod
    def max(x: Any, axis: int) -> Any:
        """The shift of a softmax, which nothing depends on: so it takes no part in the gradient."""
        return torch.amax(x.detach(), axis, keepdim=True) if x.shape[axis] else torch.sum(x, axis, keepdim=True)

    @staticmethod
    def sort_descending(x: Any, axis: int) -> Any:
        return torch.sort(x, axis, descending=True).values

    @staticmethod
    def counting(x: Any, axis: int) -> Any:
        shape = [1] * x.dim()
        shape[axis] = -1
        return torch.arange(1, x.shape[axis] + 1, dtype=x.dtype, device=x.device).reshape(shape)
