"""The curve in the terminal: read back from the dots, it is the function."""

import numpy as np
import pytest

from nonlin.explore.canvas import canvas
from nonlin.explore.samples import extent, points, view

WIDTH, HEIGHT, LABEL = 58, 15, 8
BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


def dots(lines):
    """Which dots of the picture are set: rows from the top, columns from the left."""
    rows, columns = HEIGHT - 1, WIDTH - LABEL
    found = np.zeros((4 * rows, 2 * columns), dtype=bool)
    for r, line in enumerate(lines[:-1]):
        for c, sign in enumerate(line[LABEL:].ljust(columns)):
            code = ord(sign) - 0x2800
            if 0 <= code < 256:
                for i, pair in enumerate(BITS):
                    for j, bit in enumerate(pair):
                        found[4 * r + i, 2 * c + j] = bool(code & bit)
    return found


@pytest.mark.parametrize("order", [0, 1])
def test_dots_are_on_the_curve_and_the_curve_has_dots(activation, order):
    low, high = view([activation])
    xs, ys = points(activation, low, high, order)
    bottom, top = extent([ys], low, high)
    picture = dots(canvas(xs, ys, low, high, WIDTH, HEIGHT))
    tall, wide = picture.shape
    seen = np.isfinite(xs) & (ys > bottom) & (ys < top)
    columns = (xs[seen] - low) / (high - low) * (wide - 1)
    rows = (top - ys[seen]) / (top - bottom) * (tall - 1)
    for r, c in zip(*np.nonzero(picture), strict=True):
        near = np.abs(columns - c) <= 1
        assert np.any(near)
        assert np.abs(rows[near] - r).min() <= 1 + np.ptp(rows[near])
    for r, c in zip(rows, columns, strict=True):
        assert picture[max(0, int(r) - 1) : int(r) + 3, max(0, int(c) - 1) : int(c) + 3].any()


@pytest.mark.parametrize("braille", [True, False])
@pytest.mark.parametrize("width", [30, 80])
def test_lines_fit_and_name_the_ends(activation, width, braille):
    low, high = view([activation])
    lines = canvas(*points(activation, low, high), low, high, width, HEIGHT, braille)
    assert len(lines) == HEIGHT
    assert max(map(len, lines)) <= width
    left, right = f"{low:.2g}", f"{high:.2g}"
    assert lines[-1].split()[0] == left
    assert lines[-1].split()[-1] == right
    assert braille or "".join(lines).isascii()
