"""The part of an activation's curve that is worth looking at, and its points."""

from __future__ import annotations

from collections.abc import Sequence

from nonlin import samples
from nonlin.activation import Activation
from nonlin.language.curve import Curve, curve
from nonlin.samples import Array, extent

__all__ = ["Array", "curve_of", "extent", "points", "view"]


def curve_of(activation: Activation) -> Curve:
    """The curve of an activation at its parameters."""
    return curve(activation.rule, activation.parameters.values())


def view(activations: Sequence[Activation]) -> tuple[float, float]:
    """The interval of x that shows every kink, turning point and zero of these activations: at least [-4, 4]."""
    return samples.view([(a.facts, curve_of(a)) for a in activations])


def points(activation: Activation, low: float, high: float, order: int = 0, count: int = 400) -> tuple[Array, Array]:
    """x and f(x), or a derivative, on [low, high]; a nan in both separates what a jump separates."""
    return samples.points(curve_of(activation), low, high, order, count)
