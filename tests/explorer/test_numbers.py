"""The page computes what NumPy computes: f, f' and f'' of every entry, and of formulas that it reads itself."""

import math

import numpy as np
import pytest

import nonlin as nl
from nonlin.errors import FormulaError
from nonlin.language.atoms import x
from nonlin.language.curve import curve
from nonlin.language.evaluate import on_grid
from nonlin.language.grammar import parse
from nonlin.signal import variance_map
from nonlin.vector import VectorActivation

GRID = np.concatenate([np.linspace(-30, 30, 601), np.linspace(-3.17, 3.19, 333), [-700.0, -88.5, 88.5, 700.0]])
ELEMENTWISE = [a for a in nl.catalog.values() if not isinstance(a, VectorActivation)]
BOUND = [
    *("swish(beta=1.702)", "leaky_relu(negative_slope=0.3)", "hard_tanh(min_val=-0.3, max_val=2.7)", "celu(alpha=1.7)"),
    *("soft_shrink(threshold=0.3)", "softplus(beta=3.3)", "squareplus(b=0.3)", "snake(a=0.5)", "step(threshold=1)"),
    *(
        "rrelu(lower=0.1, upper=0.2)",
        "elu(alpha=2.5)",
        "threshold(threshold=1, value=-2)",
        "prelu(negative_slope=-0.5)",
    ),
]
VALUES = """([spec, grid]) => {
    const curve = fromSpec(spec);
    return [0, 1, 2].map((order) => grid.map((x) => String(curve.at(x, order))));
}"""


def in_page(page, spec, grid=GRID):
    return np.array(page.evaluate(VALUES, [spec, grid.tolist()]), dtype=np.float64)


def agree(got, want, tails=True):
    """Within 1e-12 of the value, in the tails too; near its zeros, where sums cancel, within rounding of its terms."""
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=4e-15)
    small = (np.abs(want) < 1e-5) & (np.abs(want) > 1e-290) & (np.abs(GRID) > 8)
    if tails:
        np.testing.assert_allclose(got[small], want[small], rtol=1e-12)


def oscillates(activation):
    return "within" in activation.facts.method["kinks"]


def derivative(activation, order):
    with np.errstate(over="ignore"):
        return activation.derivative(GRID, order=order)


@pytest.fixture(scope="module")
def shared(browser, address):
    page = browser.new_page()
    page.goto(address)
    yield page
    page.close()


@pytest.mark.parametrize("activation", [*ELEMENTWISE, *map(nl.get, BOUND)], ids=str)
def test_entries_have_numpy_s_values_and_derivatives(shared, activation):
    for order, got in enumerate(in_page(shared, str(activation))):
        agree(got, derivative(activation, order), not oscillates(activation))


@pytest.mark.parametrize("activation", ELEMENTWISE, ids=str)
def test_formulas_that_the_page_reads_have_too(shared, activation):
    # The formula with its parameters put in; at a kink the page takes the smaller slope, an entry may say otherwise.
    formula = activation.bind(**activation.parameters).formula
    kinks = np.isin(GRID, [float(b) for b in curve(activation.rule, activation.parameters.values()).breaks])
    for order, got in enumerate(in_page(shared, formula)):
        if order and activation.surrogate:  # which is not of the formula
            break
        want = derivative(activation, order)
        agree(np.where(kinks, want, got), want, not oscillates(activation))


@pytest.mark.parametrize("activation", [a for a in nl.catalog.values() if isinstance(a, VectorActivation)], ids=str)
def test_functions_of_an_axis(shared, activation):
    values = np.array([2.0, -1.0, 0.5, 1.9, 2.0, -3.0])
    if activation.definition.gate:
        halves = np.concatenate([np.ones_like(GRID), GRID])
        agree(in_page(shared, activation.name)[0], activation(halves))
    else:
        got = shared.evaluate(f"(v) => AXIS_FUNCTIONS[{activation.definition.along_axis!r}](v)", values.tolist())
        np.testing.assert_allclose(got, activation(values), rtol=1e-12)


@pytest.mark.parametrize(
    "formula",
    [
        *("x*tanh(exp(x))", "abs(sin(x))*exp(-x**2)", "max(0, x, x**2/4) - min(1, x)", "1 if -1 < x <= 2 else x**3"),
        *("x if not (x > 1 or x < -1) else 0.5*x", "sign(x)*sqrt(abs(x))", "erf(x/2) + erfc(3*x)", "atan(2**-1*x)"),
        *("log(1 + x**2)", "sqrt(x**2 + 4) + x", "x - tanh(x)", "1 - 2*sigmoid(x)", "-x**2 - -x", "0x10 + 1_0.5e-1*x"),
        *("cosh(x/9)/(1 + cosh(x/9))", "(exp(x/3) - exp(-x/3))/2", "normal_pdf(x)*x**3", "(1 + exp(-2*x))**-2"),
        *("sinh(x)/cosh(x)", "exp(x)/(1 + exp(x))", "log1p(exp(x))", "tan(x/30)", "pi*x", "expm1(x/20)"),
    ],
)
def test_any_formula(shared, formula):
    expr = parse(formula, {})
    for order, got in enumerate(in_page(shared, formula)):
        with np.errstate(all="ignore"):
            want = on_grid(expr.diff(x, order) if order else expr, {x: GRID})
        clear = np.isfinite(want) & (GRID != 0) & (np.abs(want) < 1e200)
        np.testing.assert_allclose(got[clear], want[clear], rtol=1e-11, atol=1e-14)


REFUSED = [
    *(
        "x**x",
        "9**9**9",
        "foo(x)",
        "1 + foo(x)",
        "x.real",
        "x + lambda: 1",
        "x if x else 1",
        "x > 0",
        "1/0",
        "x/(x - x)",
    ),
    *(
        "log(-1)",
        "sqrt(-1)",
        "log(0)",
        "(" * 300 + "x" + ")" * 300,
        "1e999",
        "0*1e-999",
        "x := 3",
        "max()",
        "exp(x, x)",
    ),
    *("exp(u=x)", "max(*x)", "[x]", "x y", "relu(x)", "'text'", "True", "1j", "((x**32)**32)", "x\0", "exp", "{x}"),
    *("exp(exp(exp(1000)))", "__import__('os').system('true')", "x if x is 3 else 2", "10**-400", "x @ x", "", "01*x"),
    *(
        "x if x > 0",
        "x +",
        "-" * 900 + "x",
        "x" * 1001,
        "constructor(x)",
        "1__0*x",
        "0**0*x",
        "x**33",
        "(x",
        "max(x,, 1)",
    ),
]


@pytest.mark.parametrize("text", REFUSED, ids=lambda t: t[:30])
def test_what_the_language_refuses_the_page_refuses_at_the_same_column(shared, text):
    with pytest.raises(FormulaError) as refusal:
        parse(text, {})
    found = shared.evaluate(
        """(text) => {
            try { read(text); return null; }
            catch (error) { return error instanceof FormulaError ? [error.message, error.column] : String(error); }
        }""",
        text,
    )
    assert isinstance(found, list), found
    meaning = found[0].partition(" at column")[0]
    if meaning in str(refusal.value) and not meaning.startswith("not "):  # where the syntax ends is told differently
        assert found[1] == refusal.value.column


@pytest.mark.parametrize("activation", ELEMENTWISE, ids=str)
def test_facts_computed_in_the_page_are_those_of_the_catalogue(shared, activation):
    # A formula of one's own, the same function: nothing of the catalogue's facts is used for it.
    formula, facts = activation.bind(**activation.parameters).formula, activation.facts
    rows = dict(r[:2] for r in shared.evaluate("(text) => factsOf(fromFormula(text, {}))", formula))
    known = dict(r[:2] for r in shared.evaluate("(name) => factsOf(fromSpec(name))", activation.name))
    told_of_the_slope = ("E f'(z)^2", "saturates") if facts.surrogate else ()  # it is not of the formula
    for label in {"gain", "E f(z)^2", "E f'(z)^2", "steepest slope"}.difference(told_of_the_slope):
        assert float(rows[label]) == pytest.approx(float(known[label]), rel=1e-3), label
    for label in {"monotonic", "saturates", "kinks"}.difference(told_of_the_slope):
        if not oscillates(activation):
            assert rows[label] == known[label], label
    low, high = (
        math.inf if v == "inf" else -math.inf if v == "-inf" else float(v) for v in rows["range"].split(" to ")
    )
    assert (low, high) == pytest.approx(facts.range, rel=1e-3, abs=1e-9)


@pytest.mark.parametrize("activation", ELEMENTWISE[1:], ids=str)
def test_a_layer_changes_the_variance_as_theory_says(shared, activation):
    if not math.isfinite(activation.facts.gain):
        return
    theory = variance_map(activation.rule, tuple(activation.parameters.values()))
    settings = {"gain": theory.gain, "scale": 1.3, "layers": 3}
    found = shared.evaluate("([name, s]) => propagated(fromSpec(name), s)", [activation.name, settings])
    want = 1.69
    for got in found["variance"]:
        assert got == pytest.approx(want, rel=1e-6)
        want = theory(want)


def test_halves_are_numpy_s(shared):
    import ml_dtypes

    values = np.concatenate([np.geomspace(1e-46, 1e5, 4001), -np.geomspace(1e-9, 7e4, 3000), [65519.9, 65520.0, 3e38]])
    for name, dtype in (("float16", np.float16), ("bfloat16", ml_dtypes.bfloat16)):
        with np.errstate(over="ignore"):
            want = values.astype(np.float32).astype(dtype).astype(np.float64)
        got = shared.evaluate(f"(v) => v.map((x) => String(rounded(Math.fround(x), HALVES.{name})))", values.tolist())
        np.testing.assert_array_equal(np.array(got, dtype=float), want)


def test_the_neuron_fires_as_often_as_its_equation_says(shared):
    for current, tau, rest in ((0.9, 20, 2), (1.0, 20, 2), (1.5, 20, 2), (3.7, 7, 0)):
        found = shared.evaluate(
            "([i, tau, rest]) => [firingRate(i, {tau, rest}), voltage(i, {tau, rest}, 400).spikes]",
            [current, tau, rest],
        )
        # Euler's steps of tau dv/dt = I - v
        v, wait, spikes, dt = 0.0, 0.0, [], 1e-3
        for step in range(int(400 / dt)):
            if wait > 0:
                wait -= dt
                continue
            v += dt * (current - v) / tau
            if v >= 1:
                spikes.append(step * dt)
                v, wait = 0.0, float(rest)
        np.testing.assert_allclose(found[1], spikes, atol=0.15)
        assert found[0] == pytest.approx(1000 / np.diff(spikes).mean() if spikes else 0, rel=1e-3)
