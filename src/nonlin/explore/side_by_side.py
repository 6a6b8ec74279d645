"""Two activations side by side: their facts, and what follows from the differences, by rules that know no names."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from nonlin.activation import Activation
from nonlin.errors import DtypeError
from nonlin.explore.card import gradient_factor
from nonlin.facts import Facts
from nonlin.told import cost, interval, places, shown, yes
from nonlin.vector import VectorActivation

Kind = Literal["advantage", "drawback"]
_DEPTH = 10  # layers over which a gradient's factor is told
_WORTH = 1.1  # factors over that depth that are closer than this are not told apart


@dataclass(frozen=True)
class Remark:
    """A sentence about one activation that holds, with its number, where it differs from the other."""

    kind: Kind
    text: str


@dataclass(frozen=True)
class SideBySide:
    """`rows` are a fact's label and its two values as text; `remarks` those on the first and on the second."""

    names: tuple[str, str]
    rows: tuple[tuple[str, str, str], ...]
    remarks: tuple[tuple[Remark, ...], tuple[Remark, ...]]


def side_by_side(first: Activation, second: Activation) -> SideBySide:
    """The two activations' facts and remarks. Raises DtypeError for a function of a whole axis."""
    for activation in (first, second):
        if isinstance(activation, VectorActivation):
            raise DtypeError(
                f"a function of a whole axis has no facts of a curve: {activation.name!r}: compare two elementwise ones"
            )
    a, b = first.facts, second.facts
    rows = tuple((label, value(a), value(b)) for label, (_, value) in ROWS.items())
    return SideBySide((str(first), str(second)), rows, (tuple(_remarks(a, b)), tuple(_remarks(b, a))))


# A label: the fact it tells, and its value as text.
ROWS: dict[str, tuple[str, Callable[[Facts], str]]] = {
    "range": ("range", lambda f: interval(*f.range)),
    "limits": ("limits", lambda f: f"{shown(f.limits[0])} at -inf, {shown(f.limits[1])} at inf"),
    "steepest slope": ("lipschitz", lambda f: shown(f.lipschitz)),
    "saturates": ("saturates", lambda f: f.saturates or "no"),
    "gain": ("gain", lambda f: shown(f.gain)),
    "E f(z)": ("mean", lambda f: shown(round(f.mean, 12))),
    "E f(z)^2": ("second_moment", lambda f: shown(f.second_moment)),
    "E f'(z)^2": ("derivative_second_moment", lambda f: shown(f.derivative_second_moment)),
    "E f'(z)^2 / E f(z)^2": ("gain", lambda f: shown(gradient_factor(f))),
    "zero-centred": ("zero_centred", lambda f: yes(f.zero_centred)),
    "flat for N(0, 1)": ("flat", lambda f: f"{f.flat:.0%}"),
    "monotonic": ("monotonic", lambda f: yes(f.monotonic)),
    "surrogate slope": ("surrogate", lambda f: yes(f.surrogate)),
    "kinks": ("kinks", lambda f: places(f.kinks)),
    "zeros": ("zeros", lambda f: places(f.zeros, f.zero_intervals)),
    "self-gated": ("self_gated", lambda f: yes(f.self_gated)),
    "cost an element": ("cost", cost),
}


# Remarks ------------------------------------------------------------------------------------------------------


def _remarks(own: Facts, other: Facts) -> Iterable[Remark]:
    """What is better of `own`, then what is worse; nothing about what both have in the same way."""
    rules = (_gradient, _flat, _tails, _mean, _bounds, _turns, _smoothness, _exponentials)
    found = [remark for rule in rules if (remark := rule(own, other)) is not None]
    return sorted(found, key=lambda remark: remark.kind)


def _gradient(own: Facts, other: Facts) -> Remark | None:
    size, against = (gradient_factor(f) for f in (own, other))
    if not 0 < size < math.inf:
        return None
    change = abs(math.log(size)) * _DEPTH / 2
    change_of_other = abs(math.log(against)) * _DEPTH / 2 if 0 < against < math.inf else math.inf
    if abs(change - change_of_other) < math.log(_WORTH):
        return None
    through = f"{_DEPTH} layers with matched gain multiply a gradient by {shown(size ** (_DEPTH / 2))}"
    if change < math.log(_WORTH):
        return Remark("advantage", f"Gradients keep their size: {through}.")
    better = change < change_of_other
    verb = "fade" if size < 1 else "grow"
    if better:
        return Remark("advantage", f"Gradients {verb} less than the other's: {through}.")
    return Remark("drawback", f"Gradients {verb} with depth: {through}.")


def _flat(own: Facts, other: Facts) -> Remark | None:
    share, against = own.flat, other.flat
    if share == against:
        return None
    if share == 0:
        return Remark(
            "advantage", f"No interval is flat, so no unit dies for good (the other: {against:.0%} of N(0, 1))."
        )
    if share < against:
        return Remark("advantage", f"Flat for {share:.0%} of N(0, 1) pre-activations, the other for {against:.0%}.")
    return Remark("drawback", f"The slope is exactly 0 for {share:.0%} of N(0, 1) pre-activations: units can die.")


def _tails(own: Facts, other: Facts) -> Remark | None:
    ends, against = (2 if f.saturates == "both" else int(bool(f.saturates)) for f in (own, other))
    if ends == against:
        return None
    slope = "the slope" if math.isinf(own.lipschitz) else f"the slope, at most {shown(own.lipschitz)},"
    if ends > against:
        where = "at both ends" if ends == 2 else f"on the {own.saturates}"
        return Remark("drawback", f"Saturates {where}: {slope} goes to 0 there.")
    if ends:
        open_end = "right" if own.saturates == "left" else "left"
        return Remark(
            "advantage", f"Saturates on the {own.saturates} only: the slope does not go to 0 on the {open_end}."
        )
    return Remark("advantage", f"Does not saturate: {slope} goes to 0 at neither end.")


def _mean(own: Facts, other: Facts) -> Remark | None:
    if own.zero_centred == other.zero_centred:
        return None
    if own.zero_centred:
        return Remark("advantage", f"Zero-centred: E f(z) = 0 (the other: {shown(other.mean)}).")
    return Remark("drawback", f"Not zero-centred: E f(z) = {shown(own.mean)}, which shifts what the next layer gets.")


def _bounds(own: Facts, other: Facts) -> Remark | None:
    bounded, against = (all(map(math.isfinite, f.range)) for f in (own, other))
    if bounded == against:
        return None
    if bounded:
        return Remark("advantage", f"Bounded: outputs stay in {interval(*own.range)}.")
    return Remark("drawback", f"Unbounded: outputs range over {interval(*own.range)}.")


def _turns(own: Facts, other: Facts) -> Remark | None:
    if own.monotonic == other.monotonic:
        return None
    if own.monotonic:
        return Remark("advantage", f"Monotonic: it never turns (the other: at {places(_turning(other))}).")
    return Remark("drawback", f"Not monotonic: it turns at {places(_turning(own))}, so two inputs give one output.")


def _turning(facts: Facts) -> list[float]:
    return [p.high for p in facts.pieces[:-1]]


def _smoothness(own: Facts, other: Facts) -> Remark | None:
    if bool(own.kinks) == bool(other.kinks):
        return None
    if own.kinks:
        return Remark("drawback", f"Not smooth: kinks at {places(own.kinks)}.")
    return Remark("advantage", f"Smooth: f' is continuous (the other has kinks at {places(other.kinks)}).")


def _exponentials(own: Facts, other: Facts) -> Remark | None:
    count, against = own.cost.exponentials, other.cost.exponentials
    if count == against:
        return None
    if count < against:
        return Remark("advantage", f"Cheaper: {cost(own)} an element (the other: {cost(other)}).")
    return Remark("drawback", f"Dearer: {cost(own)} an element (the other: {cost(other)}).")
