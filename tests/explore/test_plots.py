"""Figures: what is drawn is the function, all of it is marked and fits, and nothing is left half-written."""

import math
import os
import re

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

import nonlin as nl
from nonlin.errors import DtypeError, FormulaError, OutputError, ParameterError, UnknownActivation
from nonlin.explore.marks import dots
from nonlin.explore.plots import save
from nonlin.explore.samples import points, view
from nonlin.language.formula import value_at


def drawn(ax):
    """The curves of axes, without their dots and the lines through 0."""
    return [line for line in ax.get_lines() if str(line.get_gid()).startswith("curve")]


def dashes(line):
    """What get_linestyle says too little of: one name for all dashes of one's own."""
    return str(line._dash_pattern)


def dots_on(ax):
    """The dots of axes: place, value, and whether they are full."""
    found = [line for line in ax.get_lines() if line.get_gid() == "dot"]
    return {
        (*map(float, line.get_xydata()[0]), line.get_markerfacecolor() == line.get_markeredgecolor()) for line in found
    }


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


def test_second_derivative_is_drawn_exactly(activation):
    rule = activation.rule
    at = dict(zip(rule.symbols.values(), activation.parameters.values(), strict=True))
    xs, ys = points(activation, -4.1, 4.3, 2)
    for i in range(7, len(xs), 41):
        if np.isfinite(xs[i]):
            exact = float(value_at(rule.pieces(rule.orders(2)), xs[i], at))
            assert ys[i] == pytest.approx(exact, rel=1e-9, abs=1e-12)


# Figures ------------------------------------------------------------------------------------------------------


def test_each_entry_is_drawn_and_fits(activation):
    """Curves are the points of the function, every dot is drawn, and no text leaves the figure."""
    figure = nl.plot(activation, derivative=2)
    assert len(figure.axes) == 3
    low, high = figure.axes[0].get_xlim()
    for n, ax in enumerate(figure.axes):
        (line,) = drawn(ax)
        np.testing.assert_array_equal(line.get_xydata(), np.transpose(points(activation, low, high, n)))
        assert dots_on(ax) == {tuple(dot) for dot in dots(activation, low, high, n)}
    assert {x for x, _, full in dots_on(figure.axes[0]) if full} >= {
        k for k in activation.facts.kinks if low < k < high
    }
    figure.draw_without_rendering()
    for legend in figure.legends:
        box = legend.get_window_extent()
        assert 0 <= box.x0 < box.x1 <= figure.bbox.width
        assert 0 <= box.y0 < box.y1 <= figure.bbox.height


def test_figure_with_derivative_has_two_panels_and_a_legend():
    figure = nl.plot("relu", "gelu", nl.swish.bind(beta=2.0), derivative=True)
    left, right = figure.axes
    assert [len(drawn(ax)) for ax in (left, right)] == [3, 3]
    labels = [entry.get_text() for entry in figure.legends[0].get_texts()]
    assert [label.partition(":")[0] for label in labels] == ["relu", "gelu", "swish(beta=2.0)"]
    assert all("$" in label for label in labels)
    assert len({line.get_color() for line in drawn(left)}) == 3
    assert len({dashes(line) for line in drawn(left)}) == 3  # told apart without colour too


def test_six_lines_differ_in_colour_and_in_dashes_and_more_in_one_of_them():
    lines = drawn(nl.plot("relu", "gelu", "tanh", "sigmoid", "elu", "softplus", "mish", "silu").axes[0])
    assert len({line.get_color() for line in lines[:6]}) == len({dashes(line) for line in lines[:6]}) == 6
    assert len({(line.get_color(), dashes(line)) for line in lines}) == len(lines)


def test_a_family_has_a_line_for_each_value():
    values = [0.01, 0.1, 0.3]
    figure = nl.plot("leaky_relu", vary={"alpha": values})
    lines = drawn(figure.axes[0])
    assert [line.get_ydata()[0] for line in lines] == pytest.approx([-4 * v for v in values])
    legend = figure.legends[0]
    assert [entry.get_text() for entry in legend.get_texts()] == [f"negative_slope = {v}" for v in values]
    assert "negative" in legend.get_title().get_text()
    lightness = [np.mean(line.get_color()[:3]) for line in lines]
    assert lightness == sorted(lightness)  # in grey as well, the order is that of the values


def test_families_combine():
    given = {"min_val": [-1, -2], "max_val": [1, 2, 3]}
    lines = drawn(nl.plot("hard_tanh", vary=given).axes[0])
    ends = {(line.get_ydata()[0], line.get_ydata()[-1]) for line in lines}
    assert ends == {(low, high) for low in given["min_val"] for high in given["max_val"]}


def test_a_formula_is_an_activation():
    text = "x + sin(a*x)**2/a"
    figure = nl.plot(text, vary={"a": [0.5, 2]}, low=-3, high=3)
    for line, a in zip(drawn(figure.axes[0]), (0.5, 2), strict=True):
        x, y = line.get_data()
        np.testing.assert_allclose(y, nl.snake(x, a=a), rtol=1e-12, atol=1e-12)
    (line,) = drawn(nl.plot("tanh(x)").axes[0])
    np.testing.assert_allclose(line.get_ydata(), np.tanh(line.get_xdata()))


@pytest.mark.parametrize("order", [0, 1, 2])
def test_side_by_side_each_has_its_panel(order):
    given = ["relu", "gelu", "step", "hard_silu", "tanh"]
    figure = nl.plot(*given, derivative=order, side_by_side=True)
    assert [ax.get_title().partition("\n")[0] for ax in figure.axes] == given
    for ax in figure.axes:
        assert [line.get_gid() for line in drawn(ax)] == ["curve0", "curve1", "curve2"][: order + 1]
        assert len({dashes(line) for line in drawn(ax)}) == order + 1
    figure.draw_without_rendering()
    boxes = [ax.get_tightbbox() for ax in figure.axes]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_zones_are_shaded():
    def shades(figure):
        return [(p.get_gid(), p.get_x(), p.get_x() + p.get_width()) for p in figure.axes[0].patches]

    assert shades(nl.plot("relu")) == [("dead", -4, 0)]
    assert shades(nl.plot("relu", "hard_tanh")) == [("dead", -4, 0), ("dead", -4, -1), ("dead", 1, 4)]
    kinds = [kind for kind, _, _ in shades(nl.plot("sigmoid"))]
    assert kinds == ["saturated", "saturated"]  # what is shown of x goes on to where it saturates
    said = {text.get_text().partition(":")[0] for text in nl.plot("relu", derivative=True).legends[1].get_texts()}
    assert said == {"kink, or value at a jump", "limit, not taken", "dead"}
    assert len(nl.plot("gelu", low=-1, high=1).legends) == 1  # nothing is marked, nothing explained


def test_a_surrogate_is_said_to_be_one():
    given = [nl.spike, nl.spike.bind(surrogate="triangular")]
    figure = nl.plot(*given, derivative=True)
    assert "surrogate" in figure.axes[1].get_title()
    for activation, line in zip(given, drawn(figure.axes[1]), strict=True):
        x, y = line.get_data()
        np.testing.assert_allclose(y, activation.derivative(x), rtol=1e-12, atol=1e-12)
    ax = Figure().subplots()
    nl.plot(nl.spike, derivative=True, ax=ax)
    assert "surrogate" in ax.get_legend().get_texts()[1].get_text()


def test_given_axes_are_drawn_on():
    figure = Figure()
    ax = figure.subplots()
    assert nl.plot("tanh", derivative=True, ax=ax) is figure
    assert figure.axes == [ax]
    f, slope = drawn(ax)
    assert f.get_color() == slope.get_color()
    assert dashes(f) != dashes(slope)


def test_axes_are_drawn_on_again():
    ax = Figure().subplots()
    nl.plot("relu", ax=ax)
    nl.plot("tanh", ax=ax, low=-8, high=2)
    assert len({line.get_color() for line in drawn(ax)}) == 2
    assert ax.get_xlim() == (-8, 4)
    assert [text.get_text().partition(":")[0] for text in ax.get_legend().get_texts()] == ["relu", "tanh"]


def test_given_interval_is_shown():
    ax = nl.plot("relu", low=-1, high=20).axes[0]
    assert ax.get_xlim() == (-1, 20)


def test_a_style_of_the_user_s_does_not_break_the_text():
    with matplotlib.rc_context({"text.usetex": True}):  # LaTeX need not be there, and reads "leaky_relu" as an index
        figure = nl.plot("leaky_relu", vary={"negative_slope": [0.1, 0.3]})
    assert not any(text.get_usetex() for text in figure.legends[0].get_texts())


def test_a_notebook_shows_a_figure():
    assert nl.plot("relu")._repr_png_().startswith(b"\x89PNG")


def test_pyplot_is_left_alone():
    import matplotlib.pyplot as plt

    nl.plot("relu")
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("given", "settings", "error", "said"),
    [
        (["gelo"], {}, UnknownActivation, "did you mean 'gelu'"),
        (["softmax"], {}, DtypeError, "softmax"),
        (["geglu"], {}, DtypeError, re.escape("plot its gate, 'x*normal_cdf(x)'")),
        (["x*tahn(x)"], {}, FormulaError, "column 3: tahn"),
        ([], {}, ParameterError, "at least one"),
        (["relu"], {"low": 2, "high": 2}, ParameterError, "empty"),
        (["relu"], {"low": math.nan}, ParameterError, "nan"),
        (["relu"], {"derivative": 3}, ParameterError, "derivatives: 3"),
        (["relu"], {"vary": {"slope": [1]}}, ParameterError, "no parameter of that name: 'slope'"),
        (["x**2"], {"vary": {"a": [1]}}, ParameterError, "no parameter of that name in x"),
        (["softplus"], {"vary": {"beta": [1, -1]}}, ParameterError, "beta must be > 0: -1"),
        (["softplus"], {"vary": {"beta": []}}, ParameterError, "at least one"),
        (["softplus"], {"vary": {"beta": 2.0}}, ParameterError, "list of numbers"),
        (["leaky_relu"], {"vary": {"alpha": [math.inf]}}, ParameterError, "finite"),
        (["relu"], {"side_by_side": True, "ax": Figure().subplots()}, ParameterError, "side_by_side with ax"),
        (["relu"], {"depth": True, "derivative": True}, ParameterError, "leave derivative out"),
        (["relu"], {"depth": 0}, ParameterError, "layers of depth: 0"),
        (["relu"], {"depth": 10**6}, ParameterError, "from 1 to 1000"),
        (["relu"], {"depth": True, "gain": -1.0}, ParameterError, "gain of weights: -1.0"),
        (["relu"], {"gain": 1.0}, ParameterError, "gain without depth"),
        (["0*x"], {"depth": True}, ParameterError, "no gain"),
    ],
)
def test_bad_input_is_named(given, settings, error, said):
    with pytest.raises(error, match=said):
        nl.plot(*given, **settings)


def test_functions_of_an_axis_are_refused(vector_activation):
    with pytest.raises(DtypeError, match=vector_activation.name):
        nl.plot(vector_activation)


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
