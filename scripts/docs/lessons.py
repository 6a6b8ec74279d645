"""The figures of the guide, each from the functions themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

import nonlin as nl
from nonlin.explore.look import COLOURS

BLUE, ORANGE, GREY = *COLOURS[:2], "0.6"


def panels(count: int = 2, height: float = 3.2) -> tuple[Figure, Any]:
    figure = Figure(figsize=(4.4 * count, height), layout="constrained")
    axes = figure.subplots(1, count, squeeze=False)[0]
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def xor() -> Figure:
    """A weighted sum over the plane, and the two ReLUs of the page."""
    figure, axes = panels(height=3.6)
    a, b = np.meshgrid(np.linspace(-0.25, 1.25, 301), np.linspace(-0.25, 1.25, 301))
    values = {"a weighted sum: (a + b)/2": (a + b) / 2, "relu(a + b) - 2 relu(a + b - 1)": two_relus(a, b)}
    for ax, (title, value) in zip(axes, values.items(), strict=True):
        shown = ax.contourf(a, b, value, levels=np.linspace(-0.5, 1.25, 15), cmap="PuOr", extend="both")
        ax.contour(a, b, value, levels=[0.5], colors="black", linewidths=1.2)
        for x in (0, 1):
            for y in (0, 1):
                ax.plot(x, y, "o" if x != y else "s", color="white", markeredgecolor="black", markersize=9)
        ax.set(title=title, xlabel="a", ylabel="b", xticks=[0, 1], yticks=[0, 1], aspect="equal")
    figure.colorbar(shown, ax=axes, ticks=[-0.5, 0, 0.5, 1], shrink=0.8)
    return figure


def two_relus(a: Any, b: Any) -> Any:
    return nl.relu(a + b) - 2 * nl.relu(a + b - 1)


def pieces() -> Figure:
    """A sine met by sums of ReLUs, and a tent of two ReLUs applied again and again."""
    figure, (left, right) = panels()
    x = np.linspace(0, 2 * np.pi, 601)
    left.plot(x, np.sin(x), color=GREY, linewidth=4, label="sine")
    for n, colour in ((4, ORANGE), (8, BLUE)):
        knots = np.linspace(0, 2 * np.pi, n + 1)
        bends = np.diff(np.diff(np.sin(knots)) / np.diff(knots), prepend=0)
        left.plot(x, nl.relu(x[:, None] - knots[:-1]) @ bends, color=colour, label=f"{n} ReLUs")
    left.legend(frameon=False)
    left.set(title="more units: more bends", xlabel="$x$")
    y = x = np.linspace(0, 1, 1025)
    for layers, colour in ((1, ORANGE), (3, BLUE)):
        for _ in range(layers if layers == 1 else 2):
            y = 2 * nl.relu(y) - 4 * nl.relu(y - 0.5)
        right.plot(x, y, color=colour, label=f"{layers} layer{'s' if layers > 1 else ''}, {2**layers} pieces")
    right.legend(frameon=False, loc="lower center")
    right.set(title="more layers: bends multiply", xlabel="$x$", ylim=(-0.3, 1.05))
    return figure


def spike() -> Figure:
    """The voltage of the page's neuron at a constant current, and its firing rate beside ReLU."""
    figure, (left, right) = panels()
    for current, colour in ((1.5, BLUE), (0.9, ORANGE)):
        t, v = voltage(current)
        left.plot(t, v, color=colour, label=f"current {current}")
    left.axhline(1, color=GREY, linestyle="--", linewidth=1)
    left.text(100, 1.02, "threshold", ha="right", color="0.4")
    left.legend(frameon=False, loc="upper left", ncols=2)
    left.set(title="voltage", xlabel="ms", ylim=(0, 1.35))
    current = np.linspace(0, 3, 600)
    above = nl.relu(current - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(current > 1, 1000 / (REST + TAU * np.log(current / above)), 0)
    right.plot(current, rate, color=BLUE, label="spikes a second")
    right.plot(current, 50 * above, color=ORANGE, linestyle="--", label="50 relu(current - 1)")
    right.legend(frameon=False)
    right.set(title="firing rate", xlabel="current")
    return figure


TAU, REST = 20.0, 2.0  # ms


def voltage(current: float, duration: float = 100.0, dt: float = 0.02) -> tuple[Any, Any]:
    times, values, v, wait = np.arange(0, duration, dt), list[float](), 0.0, 0.0
    for _ in times:
        if wait > 0:
            wait -= dt
        else:
            v += dt / TAU * (current - v)
        values.append(v)
        if nl.step(v, threshold=1.0):
            v, wait = 0.0, REST
    return times, values


def softmax() -> Figure:
    """The probabilities of the page's logits at three temperatures."""
    figure, axes = panels(3, 2.6)
    logits = np.array([2.0, 1.0, 0.1])
    for ax, temperature in zip(axes, (0.25, 1.0, 4.0), strict=True):
        bars = ax.bar(["2.0", "1.0", "0.1"], nl.softmax(logits / temperature), color=BLUE)
        ax.bar_label(bars, fmt="%.3f")
        ax.set(title=f"temperature {temperature:g}", ylim=(0, 1.1), xlabel="logit")
    axes[0].set_ylabel("probability")
    return figure
