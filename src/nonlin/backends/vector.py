"""Functions of a whole axis, written once over the few operations that every backend has.

`ops` is what a backend provides. Gradients are those of the composition, by the backend's own differentiation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Ops(Protocol):
    """What a backend provides; each function takes and returns its arrays."""

    def exp(self, x: Any) -> Any: ...
    def log(self, x: Any) -> Any: ...
    def where(self, condition: Any, a: Any, b: Any) -> Any: ...
    def sum(self, x: Any, axis: int) -> Any:
        """The sum along an axis, which stays with length 1."""
        ...

    def max(self, x: Any, axis: int) -> Any:
        """The maximum along an axis, which stays with length 1."""
        ...

    def sort_descending(self, x: Any, axis: int) -> Any: ...
    def cumsum(self, x: Any, axis: int) -> Any: ...
    def number(self, condition: Any, x: Any) -> Any:
        """1 where the condition holds, else 0, in x's dtype."""
        ...

    def counting(self, x: Any, axis: int) -> Any:
        """1, 2, 3, ... along an axis of x, of x's dtype, shaped to broadcast with x."""
        ...


def softmax(ops: Ops, x: Any, axis: int) -> Any:
    """exp(x) / sum(exp(x)), shifted by the maximum so that nothing overflows."""
    e = ops.exp(x - ops.max(x, axis))
    return e / ops.sum(e, axis)


def log_softmax(ops: Ops, x: Any, axis: int) -> Any:
    """x - log(sum(exp(x))), shifted by the maximum."""
    shifted = x - ops.max(x, axis)
    return shifted - ops.log(ops.sum(ops.exp(shifted), axis))


def softmin(ops: Ops, x: Any, axis: int) -> Any:
    """softmax(-x)."""
    return softmax(ops, -x, axis)


def sparsemax(ops: Ops, x: Any, axis: int) -> Any:
    """The Euclidean projection of x onto the probability simplex: max(0, x - tau) with tau so that the sum is 1.

    tau is found from the sorted values: the largest k with 1 + k x_(k) > x_(1) + ... + x_(k) is the support's size.
    """
    shifted = x - ops.max(x, axis)
    ordered = ops.sort_descending(shifted, axis)
    totals = ops.cumsum(ordered, axis)
    count = ops.counting(x, axis)
    inside = 1 + count * ordered > totals
    size = ops.sum(ops.number(inside, x), axis)
    tau = (ops.sum(ops.where(inside, ordered, 0.0), axis) - 1) / size
    return ops.where(shifted > tau, shifted - tau, 0.0)


def hardmax(ops: Ops, x: Any, axis: int) -> Any:
    """1 at the first maximum along the axis, 0 elsewhere."""
    is_top = ops.number(x >= ops.max(x, axis), x)  # a symbolic tensor of Keras has no elementwise ==
    return ops.where(ops.cumsum(is_top, axis) == 1, is_top, 0.0)


FUNCTIONS: dict[str, Callable[..., Any]] = {f.__name__: f for f in (softmax, log_softmax, softmin, sparsemax, hardmax)}
