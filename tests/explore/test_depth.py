"""The signal in depth: the theory is what a wide network does, and the figure shows the theory."""

import math

import numpy as np
import pytest
from matplotlib.figure import Figure

import nonlin as nl
from nonlin.signal import propagated, variance_map

WIDTH, LAYERS, NETWORKS = 1000, 8, 6


def measured(activation, gain, rng):
    """Variance and gradient of one random network of that many units a layer, as `propagated` gives them."""
    h = rng.standard_normal(WIDTH)
    h /= math.sqrt(np.mean(h**2))
    signal, layers = [np.mean(h**2)], []
    for _ in range(LAYERS):
        weights = rng.standard_normal((WIDTH, WIDTH)) * gain / math.sqrt(WIDTH)
        layers.append((weights, activation.derivative(h)))
        h = weights @ activation(h)
        signal.append(np.mean(h**2))
    back = rng.standard_normal(WIDTH)
    gradient = [np.linalg.norm(back)]
    for weights, slope in reversed(layers):
        back = slope * (weights.T @ back)
        gradient.append(np.linalg.norm(back))
    return np.array([signal, [norm / gradient[0] for norm in reversed(gradient)]])


@pytest.mark.parametrize(("name", "gain"), [("relu", 1.0), ("tanh", 1.5), ("sigmoid", 2.0), ("gelu", 1.4)])
def test_it_is_what_a_wide_network_does(name, gain):
    activation = nl.get(name)
    theory = propagated(activation.rule, tuple(activation.parameters.values()), LAYERS, gain)
    rng = np.random.default_rng(0)
    signal, gradient = np.mean([measured(activation, gain, rng) for _ in range(NETWORKS)], axis=0)
    np.testing.assert_allclose(signal, theory.variance, rtol=0.15)
    np.testing.assert_allclose(gradient, theory.gradient, rtol=0.15)


def test_matched_gain_keeps_the_variance(activation):
    rule, values = activation.rule, tuple(activation.parameters.values())
    theory = propagated(rule, values, 30, activation.facts.gain)
    assert theory.variance == pytest.approx([1.0] * 31, abs=1e-9)
    factor = activation.facts.gain**2 * activation.facts.derivative_second_moment
    assert theory.gradient[0] == pytest.approx(factor**15, rel=1e-3)


def test_it_is_the_variance_map(activation):
    rule, values = activation.rule, tuple(activation.parameters.values())
    theory = propagated(rule, values, 3, activation.facts.gain, 0.7)
    v = variance_map(rule, values)
    assert theory.variance == pytest.approx([0.7, v(0.7), v(v(0.7)), v(v(v(0.7)))], rel=1e-9)


@pytest.mark.parametrize("gain", [1e-3, 1e3])
def test_far_from_1_it_ends_in_0_or_infinity(gain):
    theory = propagated(nl.squared_relu.rule, (), 200, gain)
    assert theory.variance[-1] == (0 if gain < 1 else math.inf)


def test_the_figure_shows_it():
    given = ["relu", "tanh", "sigmoid", "squared_relu"]
    figure = nl.plot(*given, depth=20)
    for n, ax in enumerate(figure.axes):
        for name, line in zip(given, [k for k in ax.get_lines() if k.get_gid() == "depth"], strict=True):
            activation = nl.get(name)
            theory = propagated(activation.rule, (), 20, activation.facts.gain)
            np.testing.assert_allclose(line.get_ydata(), theory[n])
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[0] == "relu, gain 1.414: signal stays, gradient stays (\u00d71 at the input)"
    assert "gradient vanishes" in labels[2]
    assert "signal cannot stay: it vanishes or explodes" in labels[3]
    figure.draw_without_rendering()
    box = figure.legends[0].get_window_extent()
    assert 0 <= box.x0 < box.x1 <= figure.bbox.width


def test_each_entry_is_drawn(activation):
    figure = nl.plot(activation, depth=10)
    figure.draw_without_rendering()
    for ax in figure.axes:
        assert all(np.all(np.asarray(line.get_ydata()) > 0) for line in ax.get_lines())


def test_the_gain_is_the_user_s():
    ax = nl.plot("relu", depth=10, gain=1.0).axes[0]
    (line,) = [line for line in ax.get_lines() if line.get_gid() == "depth"]
    np.testing.assert_allclose(line.get_ydata(), 0.5 ** np.arange(11))


def test_a_family_in_depth():
    figure = nl.plot("leaky_relu", vary={"negative_slope": [0.1, 0.5]}, depth=10)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert [label.partition(", gain")[0] for label in labels] == [f"leaky_relu(negative_slope={v})" for v in (0.1, 0.5)]


def test_given_axes_hold_both():
    figure = Figure()
    ax = figure.subplots()
    assert nl.plot("relu", "tanh", depth=10, ax=ax) is figure
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["relu: variance", "relu: gradient", "tanh: variance", "tanh: gradient"]
