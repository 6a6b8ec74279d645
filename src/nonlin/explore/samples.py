"""The part of an activation's curve that is worth looking at, and its points."""

from __future__ import annotations

from collections.abc import Sequence

from nonlin import samples
from nonlin.activation import Activation
from nonlin.language.curve import Curve
from nonlin.samples import Array, extent

__all__ = ["Array", "curve_of", "extent", "points", "view"]


def view(activations: Sequence[Activation]) -> tuple[float, float]:
    """The interval of x that shows every kink, turning point and zero of these activations: at least [-4, 4]."""
    return samples.view([(a.facts, curve_of(a, 0)[0]) for a in activations])


def points(activation: Activation, low: float, high: float, order: int = 0, count: int = 400) -> tuple[Array, Array]:
    """x and f(x), or a derivative, on [low, high]; a nan in both separates what a jump separates."""
    line, order = curve_of(activation, order)
    return samples.points(line, low, high, order, count)


def curve_of(activation: Activation, order: int) -> tuple[Curve, int]:
    """The curve to draw for a derivative, and the order of it there: a surrogate is a curve of its own."""
    return samples.curve_of(activation.rule, tuple(activation.parameters.values()), order)
