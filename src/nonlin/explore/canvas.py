"""A curve as text: braille dots, two by four in a character, or stars where the terminal has no braille."""

from __future__ import annotations

import math

import numpy as np

from nonlin.explore.samples import Array, extent

# Unicode numbers the dots of a braille character down its left column, then down its right one, the last row apart.
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_LABEL = 7  # columns for the numbers on the y axis


def canvas(xs: Array, ys: Array, low: float, high: float, width: int, height: int, braille: bool = True) -> list[str]:
    """Lines of text of that width and height, the last one the numbers of the x axis.

    A nan in xs and ys separates what is not to be joined. The axes are drawn where they are in view.
    """
    columns, rows = width - _LABEL - 1, height - 1
    bottom, top = extent([ys], low, high)
    across, down = (2, 4) if braille else (1, 1)
    lit = _lit(xs, ys, (low, high), (bottom, top), columns * across, rows * down)
    # the cells that a curve through 0 passes, so that it runs on the axis
    zero_column = round(-low / (high - low) * (columns * across - 1)) // across
    zero_row = round(top / (top - bottom) * (rows * down - 1)) // down
    lines: list[str] = []
    for row in range(rows):
        body = ""
        for column in range(columns):
            dots = lit[row * down : (row + 1) * down, column * across : (column + 1) * across]
            body += _drawn(dots, braille) if dots.any() else _axis(row == zero_row, column == zero_column, braille)
        label = {0: _number(top), rows - 1: _number(bottom), zero_row: "0"}.get(row, "")
        lines.append(f"{label:>{_LABEL}} {body}".rstrip())
    left, right = _number(low), _number(high)
    scale = list(f"{left}{right:>{columns - len(left)}}")
    if len(left) < zero_column < columns - len(right):
        scale[zero_column] = "0"
    return [*lines, " " * (_LABEL + 1) + "".join(scale)]


def _lit(xs: Array, ys: Array, x_ends: tuple[float, float], y_ends: tuple[float, float], wide: int, tall: int) -> Array:
    """Which dots the curve passes through, joined by straight lines between its points."""
    lit = np.zeros((tall, wide), dtype=bool)
    u = (xs - x_ends[0]) / (x_ends[1] - x_ends[0]) * (wide - 1)
    v = (y_ends[1] - ys) / (y_ends[1] - y_ends[0]) * (tall - 1)
    for i in range(len(u) - 1):
        ends = (u[i], v[i], u[i + 1], v[i + 1])
        if not all(map(math.isfinite, ends)):
            continue
        steps = 1 + int(min(2 * max(abs(ends[2] - ends[0]), abs(ends[3] - ends[1])), 8 * tall))
        column = np.rint(np.linspace(ends[0], ends[2], steps + 1)).astype(int)
        row = np.rint(np.linspace(ends[1], ends[3], steps + 1)).astype(int)
        inside = (row >= 0) & (row < tall) & (column >= 0) & (column < wide)
        lit[row[inside], column[inside]] = True
    return lit


def _drawn(dots: Array, braille: bool) -> str:
    if not braille:
        return "*"
    return chr(0x2800 + sum(_DOTS[r][c] for r, c in zip(*map(list, np.nonzero(dots)), strict=True)))


def _axis(horizontal: bool, vertical: bool, braille: bool) -> str:
    horizontal_line, vertical_line, cross = "─│┼" if braille else "-|+"
    if horizontal:
        return cross if vertical else horizontal_line
    return vertical_line if vertical else " "


def _number(value: float) -> str:
    return f"{value:.2g}" if abs(value) < 100 else f"{value:.0f}"
