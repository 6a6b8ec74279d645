"""The formula for people: it says the same as the formula, and is text that its reader can parse."""

import math
import re
import warnings

import numpy as np
import pytest
from matplotlib.mathtext import MathTextParser

import nonlin as nl
from nonlin.language.latex import latex, mathtext, text

ORDERS = [0, 1, 2]


def balanced(tex):
    depth = 0
    for sign in re.findall(r"(?<!\\)[{}]", tex):
        depth += 1 if sign == "{" else -1
        if depth < 0:
            return False
    return depth == 0


@pytest.mark.parametrize("order", ORDERS)
def test_latex_is_well_formed(activation, order):
    tex = latex(activation.rule, activation.fixed, order)
    assert balanced(tex)
    assert tex.count(r"\begin{cases}") == tex.count(r"\end{cases}")
    assert tex.count(r"\left") == tex.count(r"\right")
    assert "_" not in tex.replace(r"\_", "")  # a bare underscore would start an index


@pytest.mark.parametrize("order", ORDERS)
def test_mathtext_is_drawn(activation, order):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a missing glyph warns
        MathTextParser("path").parse(f"${mathtext(activation.rule, activation.fixed, order)}$")


SPECIALS = {
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "sign": np.sign,
    "max": np.maximum,
    "min": np.minimum,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "cosh": np.cosh,
    "pi": np.pi,
    "sigmoid": lambda u: 1 / (1 + np.exp(-u)),
    "normal_cdf": lambda u: math.erfc(-u / math.sqrt(2)) / 2,
    "normal_pdf": lambda u: np.exp(-u * u / 2) / math.sqrt(2 * math.pi),
}


@pytest.mark.parametrize("order", ORDERS)
def test_text_has_the_value_of_the_derivative(activation, order):
    # The text is Python's own syntax. 1e-4 because it shows constants of six digits.
    rule = activation.rule
    code = compile(text(rule, activation.fixed, order), "formula", "eval")
    for x in (-2.7, -1.3, -0.2, 0.3, 1.7, 3.1):
        value = eval(code, {**SPECIALS, **activation.parameters, "x": x})
        assert value == pytest.approx(float(rule.at_default(rule.orders(order), x)), rel=1e-4, abs=1e-5)


def test_bound_parameters_are_put_in():
    assert text(nl.swish.rule, {"beta": 1.5}) == "x*sigmoid(3*x/2)"
    assert nl.get("elu(alpha=0.3)").latex == r"\begin{cases} 0.3 \, e^{x} - 0.3 & x \leq 0 \\ x & x > 0 \end{cases}"


@pytest.mark.parametrize(
    ("name", "tex"),
    [
        ("relu", r"\begin{cases} 0 & x \leq 0 \\ x & x > 0 \end{cases}"),
        ("relu6", r"\begin{cases} 0 & x \leq 0 \\ x & 0 < x \leq 6 \\ 6 & x > 6 \end{cases}"),
        ("step", r"\begin{cases} 0 & x < \mathrm{threshold} \\ 1 & x \geq \mathrm{threshold} \end{cases}"),
        ("gelu", r"x \, \Phi\left(x\right)"),
        ("sigmoid", r"\frac{1}{e^{- x} + 1}"),
    ],
)
def test_latex(name, tex):
    assert nl.get(name).latex == tex
