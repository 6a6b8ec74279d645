"""Polynomials with the least largest error, by Remez's algorithm, with coefficients as machine numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mpmath as mp
import numpy as np

Function = Callable[[Any], Any]


def rounded(value: Any, grade: str) -> Any:
    """A coefficient as the grade's machine number."""
    return mp.mpf(float(np.float32(float(value)))) if grade == "single" else mp.mpf(float(value))


def chebyshev(a: Any, b: Any, count: int) -> list[Any]:
    return [(a + b) / 2 - (b - a) / 2 * mp.cos(mp.pi * (i + mp.mpf(1) / 2) / count) for i in range(count)]


def remez(f: Function, weight: Function, a: Any, b: Any, powers: Sequence[int]) -> list[Any]:
    """The coefficients c with the least max |weight(x) (f(x) - sum c_k x^powers_k)| on [a, b]."""
    n = len(powers)
    grid = chebyshev(a, b, 40 * (n + 1))
    values, weights = [f(x) for x in grid], [weight(x) for x in grid]
    step = len(grid) / (n + 1)
    places = [int(step * (i + 0.5)) for i in range(n + 1)]
    solution: list[Any] = []
    for _ in range(30):
        system, right = mp.zeros(n + 1, n + 1), mp.zeros(n + 1, 1)
        for row, place in enumerate(places):
            for column, power in enumerate(powers):
                system[row, column] = weights[place] * grid[place] ** power
            system[row, n] = (-1) ** row
            right[row] = weights[place] * values[place]
        solution = list(mp.lu_solve(system, right))
        errors = [
            w * (v - sum(c * x**p for c, p in zip(solution, powers, strict=False)))
            for x, v, w in zip(grid, values, weights, strict=True)
        ]
        chosen = extrema(errors, n + 1)
        if chosen == places or len(chosen) < n + 1:
            break
        places = chosen
    return solution[:n]


def extrema(errors: Sequence[Any], count: int) -> list[int]:
    """The places of the largest error in each run of one sign, `count` neighbouring ones with the largest errors."""
    runs: list[int] = []
    for i, error in enumerate(errors):
        if runs and (error > 0) == (errors[runs[-1]] > 0):
            if abs(error) > abs(errors[runs[-1]]):
                runs[-1] = i
        else:
            runs.append(i)
    while len(runs) > count:
        del runs[0 if abs(errors[runs[0]]) < abs(errors[runs[-1]]) else -1]
    return runs


def polynomial(f: Function, weight: Function, a: Any, b: Any, degree: int, grade: str) -> list[Any]:
    """Remez's coefficients as machine numbers; in float32 each is rounded in turn, the rest fitted anew."""
    if grade != "single":
        return [rounded(c, grade) for c in remez(f, weight, a, b, range(degree + 1))]
    fixed: list[Any] = []
    for first in range(degree + 1):

        def left(x: Any, fixed: Sequence[Any] = tuple(fixed)) -> Any:
            return f(x) - sum(c * x**i for i, c in enumerate(fixed))

        fixed.append(rounded(remez(left, weight, a, b, range(first, degree + 1))[0], grade))
    return fixed


def error(f: Function, approximation: Function, weight: Function, a: Any, b: Any) -> Any:
    return max(abs(weight(x) * (f(x) - approximation(x))) for x in chebyshev(a, b, 2000))


def horner(coefficients: Sequence[Any]) -> Function:
    return lambda x: mp.polyval(coefficients[::-1], x)
