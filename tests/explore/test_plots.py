"""Figures: what is drawn is the function, a jump stays a gap, and nothing is left half-written."""

import os

import numpy as np
import pytest
from matplotlib.figure import Figure

import nonlin as nl
from nonlin.errors import DtypeError, OutputError, ParameterError, UnknownActivation
from nonlin.explore.plots import save
from nonlin.explore.samples import points, view


def drawn(ax):
    """The curves of axes, without the lines of the axes themselves."""
    return [line for line in ax.get_lines() if len(line.get_xdata()) > 2]


@pytest.mark.parametrize("order", [0, 1])
def test_points_are_values_of_the_function(activation, order):
    low, high = view([activation])
    xs, ys = points(activation, low, high, order)
    kinks = np.array([*activation.facts.kinks, np.inf])
    clear = np.isfinite(xs) & np.all(np.abs(xs[:, None] - kinks) > 1e-9, axis=1)  # at a kink both sides are drawn
    with np.errstate(over="ignore"):
        values = activation.derivative(xs[clear], order=order)
    np.testing.assert_allclose(ys[clear], values, rtol=1e-12, atol=1e-12)
    assert (xs[0], xs[-1]) == pytest.approx((low, high))
    assert np.all(np.diff(xs[np.isfinite(xs)]) >= 0)


def test_a_curve_has_a_gap_at_each_jump_and_nowhere_else(activation):
    low, high = view([activation])
    for order in (0, 1):
        xs, ys = points(activation, low, high, order)
        gaps = np.flatnonzero(np.isnan(xs))
        assert np.array_equal(np.isnan(xs), np.isnan(ys))
        for i in gaps:
            assert xs[i - 1] == xs[i + 1]
            assert xs[i - 1] in activation.facts.kinks
            assert abs(ys[i - 1] - ys[i + 1]) > 1e-9
    assert len(gaps) >= len([k for k in activation.facts.kinks if low < k < high]) - _jumps_of_value(activation)


def _jumps_of_value(activation):
    """Kinks at which f jumps and its slope may be the same on both sides."""
    kinks = np.array(activation.facts.kinks)
    return int(np.sum(np.abs(activation(kinks + 1e-9) - activation(kinks - 1e-9)) > 1e-6)) if kinks.size else 0


def test_view_shows_kinks_and_zeros(activation):
    low, high = view([activation])
    window = 7 if "within" in activation.facts.method["zeros"] else 50
    for place in (*activation.facts.kinks, *activation.facts.zeros):
        assert low < place < high or abs(place) > window


def test_figure_with_derivative_has_two_panels_and_a_legend():
    figure = nl.plot("relu", "gelu", nl.swish.bind(beta=2.0), derivative=True)
    left, right = figure.axes
    assert [len(drawn(ax)) for ax in (left, right)] == [3, 3]
    labels = [entry.get_text() for entry in figure.legends[0].get_texts()]
    assert [label.partition(":")[0] for label in labels] == ["relu", "gelu", "swish(beta=2.0)"]
    colours = {line.get_color() for line in drawn(left)}
    styles = {line.get_linestyle() for line in drawn(left)}
    assert len(colours) == 3
    assert len(styles) > 1  # told apart without colour too


def test_given_axes_are_drawn_on():
    figure = Figure()
    ax = figure.subplots()
    assert nl.plot("tanh", derivative=True, ax=ax) is figure
    assert figure.axes == [ax]
    f, slope = drawn(ax)
    assert f.get_color() == slope.get_color()


def test_given_interval_is_shown():
    ax = nl.plot("relu", low=-1, high=20).axes[0]
    assert ax.get_xlim() == (-1, 20)


def test_legend_stays_inside_the_figure(activation):
    figure = nl.plot(activation)
    figure.draw_without_rendering()
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.width


def test_pyplot_is_left_alone():
    import matplotlib.pyplot as plt

    nl.plot("relu")
    assert plt.get_fignums() == []


def test_bad_input_is_named():
    with pytest.raises(UnknownActivation, match="did you mean 'gelu'"):
        nl.plot("gelo")
    with pytest.raises(DtypeError, match="softmax"):
        nl.plot("softmax")
    with pytest.raises(ParameterError, match="at least one"):
        nl.plot()
    with pytest.raises(ParameterError, match="empty"):
        nl.plot("relu", low=2, high=2)


@pytest.mark.parametrize(
    ("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF"), (".PNG", b"\x89PNG")]
)
def test_saved_by_suffix(tmp_path, suffix, start):
    path = save(nl.plot("relu"), tmp_path / f"relu{suffix}")
    assert path.read_bytes().startswith(start)
    assert os.listdir(tmp_path) == [path.name]


def test_what_cannot_be_saved_leaves_nothing_behind(tmp_path):
    with pytest.raises(OutputError, match=r"\.gif"):
        save(nl.plot("relu"), tmp_path / "relu.gif")
    with pytest.raises(OutputError, match="missing"):
        save(nl.plot("relu"), tmp_path / "missing" / "relu.png")
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(OutputError, match=r"taken\.png"):
        save(nl.plot("relu"), tmp_path / "taken.png")
    assert os.listdir(tmp_path) == ["taken.png"]
