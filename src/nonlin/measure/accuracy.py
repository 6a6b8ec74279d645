"""The accuracy of an activation and its derivative: measured over every float, and held against what is promised.

float32, float16 and bfloat16 results are compared with nonlin's own evaluation in float64, rounded once. That is
itself compared here with arithmetic of many digits, and within 8 ulp of float64, which are 1.5e-8 ulp of float32.
Some thousand results of these dtypes are compared with arithmetic of many digits directly, lest both be wrong alike.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import nonlin
from nonlin.activation import Activation
from nonlin.backends.kernels.link import source_digest
from nonlin.language.atoms import OF_NORMAL
from nonlin.language.limits import approach
from nonlin.measure import points
from nonlin.measure.peers import OURS, library
from nonlin.measure.reference import Truth
from nonlin.measure.ulps import Errors
from nonlin.registry import get

DTYPES = ("float32", "float64", "float16", "bfloat16")
HALVES = ("float16", "bfloat16")
SAMPLES = 1_000_000
_DIRECT = 2000  # inputs of a narrower dtype that are measured without the evaluation in float64
_CHECKED = 100  # of the float64 inputs: where the reference itself is compared with the definition of a derivative

# The promise, by dtype and order, in ulp; and the absolute one near zeros that f' passes through at no float.
MUST = {
    **{("float32", 0): 3.0, ("float32", 1): 5.0, ("float64", 0): 4.0, ("float64", 1): 8.0},
    **{(dtype, order): 1.0 for dtype in HALVES for order in (0, 1)},
}
MUST_OF_NORMAL = 4.0  # float32 values of the normal distribution, whose exponent is a square
MUST_NEAR_ZERO = {"float32": 1.2e-7, "float64": 2.3e-16}
# A subnormal result is at most one step from the rounded true value, which is half a step from the true one.
MUST_STEPS = 1.5

FIELDS = {
    "order": "0: the value, 1: the derivative",
    "stride": "1: every input of the dtype (float64: every one of the sample), 211: every 211th; and the hard points",
    "version": "of the library; of nonlin: a digest of the source that computes the result",
    "inputs": "how many were measured",
    "ulp": "worst error in ulp where the true value is a normal number",
    "above_1": "share of these with an error above 1 ulp",
    "above_2": "share of these with an error above 2 ulp",
    "near_zero": "worst absolute error within 0.25 of a zero that f' passes through at no float",
    "subnormal_steps": "worst error of a subnormal result, in steps",
    "flushed": "how many results are 0 where the true value rounds to a subnormal number",
    "lost": "how many results are 0 where the true value is a normal number; not counted near such a zero",
    "nonfinite": "how many results are nan or infinite where the true value is finite",
    "special": "how many results are wrong at nan, -inf and inf",
    "..._at": "the input at which the worst, or the last of these, was found",
}


@dataclass(frozen=True)
class Task:
    """What one row of the results is about."""

    name: str
    library: str
    dtype: str
    order: int
    stride: int = 1

    @property
    def version(self) -> str:
        """What the results depend on: rows of another version are measured again."""
        return digest() if self.library in OURS else version(library(self.library).module)

    def __str__(self) -> str:
        return f"{self.name} {self.library} {self.dtype} {'f' if self.order == 0 else 'f' + chr(39)}"


def measure(task: Task) -> dict[str, Any] | None:
    """The row of a task; None if the library has no such function."""
    activation = get(task.name)
    assert isinstance(activation, Activation)
    source = library(task.library)
    source.use_threads(1)
    function = source.value(activation) if task.order == 0 else source.derivative(activation)
    if function is None:
        return None
    errors = Errors(task.dtype)
    with np.errstate(all="ignore"):
        if task.dtype == "float64":
            _against_digits(errors, activation, function, task)
        else:
            _against_float64(errors, activation, function, task)
    row = {"name": task.name, "library": task.library, "dtype": task.dtype, "order": task.order, "stride": task.stride}
    return {**row, "version": task.version, **errors.summary()}


def _against_float64(errors: Errors, activation: Activation, function: Any, task: Task) -> None:
    zeros, waves = np.empty(0), False
    if task.order == 1 and task.dtype in MUST_NEAR_ZERO:
        waves = points.oscillates(activation)
        zeros = zeros if waves else np.array(points.zeros(activation, 1, at_floats=False))

    def look(x: Any, digits: bool = False) -> None:
        exact = x.astype(np.float64)
        true = activation.derivative(exact, order=task.order)
        if digits:
            true = np.array([truth.nearest(point)[0] for point in exact.tolist()])
        bend = activation.derivative(exact, order=2) if waves else np.empty(0)
        errors.add(x, function(x), true, zeros=zeros, bend=bend)

    kind, truth = points.dtype_of(task.dtype), Truth(activation, task.order)
    some = np.concatenate([points.hard(activation, "float64"), points.sample(activation, _DIRECT)]).astype(kind)
    look(some[np.isfinite(some)], digits=True)
    look(points.hard(activation, task.dtype))
    for x in points.every(task.dtype, 1 if task.dtype in HALVES else task.stride):
        look(x)


def _against_digits(errors: Errors, activation: Activation, function: Any, task: Task) -> None:
    x = np.concatenate([points.hard(activation, "float64"), points.sample(activation, SAMPLES)[:: task.stride]])
    truth = Truth(activation, task.order)
    _check(truth, x[:: max(1, x.size // _CHECKED)])
    true, tail = np.empty(x.size), np.empty(x.size)
    for i, point in enumerate(x.tolist()):
        if math.isfinite(point):
            true[i], tail[i] = truth.nearest(point)
        else:
            true[i], tail[i] = _limit(activation, task.order, point), 0.0
    known = ~(np.isinf(x) & np.isnan(true))  # the limit of a wave is not asked for
    x, true, tail = x[known], true[known], tail[known]
    zeros, bend = np.empty(0), np.empty(0)
    if task.order == 1 and points.oscillates(activation):
        bend = activation.derivative(x, order=2)
    elif task.order == 1:
        zeros = np.array(points.zeros(activation, 1, at_floats=False))
    errors.add(x, function(x), true, tail, zeros, bend)


def _limit(activation: Activation, order: int, point: float) -> float:
    """What the derivative tends to at an infinite point; nan at nan, and where it does not settle."""
    if math.isnan(point):
        return point
    rule = activation.rule
    numbers = dict(zip(rule.symbols.values(), activation.parameters.values(), strict=True))
    exprs = rule.pieces(rule.orders(order)).exprs
    return approach(exprs[0], numbers, "-") if point < 0 else approach(exprs[-1], numbers, "+")


def _check(truth: Truth, x: Any) -> None:
    """Stop where the reference is not what the definition of the function, or of a derivative, says."""
    for point in x[np.isfinite(x)].tolist():
        a, b = truth(point), truth.by_definition(point)
        if not abs(a - b) <= abs(a) * 2.0**-64 + truth.nothing:
            raise ArithmeticError(f"the reference at {point!r}: {a}: by definition it is {b}")


@cache
def digest() -> str:
    """A digest of the source that our results depend on."""
    definitions = Path(nonlin.__file__).parent / "definitions"
    content = hashlib.sha256(source_digest().encode())
    for file in sorted(definitions.glob("*.py")):
        content.update(file.read_bytes())
    return content.hexdigest()[:12]


def breaches(row: Mapping[str, Any]) -> list[str]:
    """What a row of our own breaks of the promise."""
    must = MUST[row["dtype"], row["order"]]
    if (row["dtype"], row["order"]) == ("float32", 0) and get(row["name"]).rule.expr.has(*OF_NORMAL):
        must = MUST_OF_NORMAL
    found: list[str] = []
    if row["ulp"] > must:
        found.append(f"{row['ulp']:.4g} ulp at {row['ulp_at']!r}")
    if row["near_zero"] > MUST_NEAR_ZERO.get(row["dtype"], math.inf):
        found.append(f"off by {row['near_zero']:.2g} at {row['near_zero_at']!r}, near a zero")
    if row["subnormal_steps"] > MUST_STEPS:
        found.append(f"{row['subnormal_steps']:.4g} subnormal steps at {row['subnormal_at']!r}")
    for name, words in (("lost", "0 for a normal value"), ("nonfinite", "not finite"), ("special", "wrong")):
        if row[name]:
            found.append(f"{words} at {row[name]} inputs, {row[name + '_at']!r} among them")
    return found
