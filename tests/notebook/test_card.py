"""The card of an activation in a notebook: in a real kernel, and what it shows is the function."""

import re
from html.parser import HTMLParser

import nbformat
import numpy as np
from nbclient import NotebookClient

import nonlin as nl


class Well(HTMLParser):
    """Fails on a tag that is not closed."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def numbers(path):
    return np.array([[float(n) for n in pair] for pair in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path)])


def test_a_notebook_shows_it():
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        nbformat.v4.new_code_cell(text) for text in ("import nonlin as nl\nnl.gelu.bind()", "nl.plot('gelu')")
    ]
    NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    data = notebook.cells[0].outputs[0]["data"]
    assert data["text/html"] == nl.gelu._repr_html_()
    assert data["text/latex"] == rf"$\displaystyle {nl.gelu.latex}$"
    assert data["text/plain"] == repr(nl.gelu)
    assert "image/png" in notebook.cells[1].outputs[0]["data"]


def test_the_curves_are_the_function_and_its_derivative(activation):
    page = activation._repr_html_()
    parser = Well()
    parser.feed(page)
    assert not parser.open
    low, high = (float(n) for n in re.search(r"x from ([-\d.]+) to ([-\d.]+)<", page).groups())
    axes, *curves = re.findall(r'<path d="([^"]+)"', page)
    zero = float(re.search(r"M0 (-?[\d.]+)H", axes)[1])
    f, slope = map(numbers, curves)
    x = low + f[:, 0] / 280 * (high - low)
    clear = (f[:, 1] > 1) & (f[:, 1] < 149) & np.all(np.abs(x[:, None] - [*activation.facts.kinks, 1e9]) > 0.2, axis=1)
    heights, values = zero - f[clear, 1], activation(x[clear])
    # one scale for all of it: pixels of a unit of y
    largest = np.abs(values).argmax()
    scale = heights[largest] / values[largest]
    np.testing.assert_allclose(heights, scale * values, atol=1.5)
    assert len(slope) > 100
    assert f"{activation.facts.gain:.4g}" in page


def test_what_has_no_curve_says_so(vector_activation):
    page = vector_activation._repr_html_()
    assert vector_activation.name in page and "<svg" not in page
    assert "inf" in nl.swish.bind(beta=float("inf"))._repr_html_()


def test_text_is_escaped():
    own = nl.define("own_card", "x if x < 1 else 1", reference="<script>alert(1)</script>")
    page = own._repr_html_()
    assert "<script" not in page and "x &lt; 1" in page
