"""Values and derivatives on NumPy, for every activation and dtype, against arithmetic of many digits."""

import math

import hypothesis.strategies as st
import ml_dtypes
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings

import nonlin as nl
from nonlin.errors import FormulaError, ParameterError
from nonlin.language.atoms import x
from nonlin.language.evaluate import exact
from nonlin.language.formula import Formula, value_at
from nonlin.language.limits import approach

HARD = [0.0, 1e-30, 1e-8, 1e-3, 0.5, 1.0, 1.278, 2.0, 2.4, 3.0, 4.97, 5.5, 6.0, 9.1, 13.0, 17.4, 20.0, 30.0, 80.0, 88.0]
HARD += [89.7, 104.0, 500.0, 1e4, 1e10, 1e19, 3e38]
HARD = sorted({*HARD, *(-p for p in HARD)})
LITTLE = st.lists(st.floats(-30, 30, width=32), min_size=1, max_size=20)


def truth(activation, orders, point, bits=200):
    """The derivative at a point by definition: difference quotients of the value, in the piece that holds there.

    Of a surrogate, which is the derivative by x, an order lower; by a parameter that moves the jump, minus that times
    how fast it moves it.
    """
    rule, bound = activation.rule, activation.bind(**activation.parameters)
    if rule.surrogate and any(orders[1:]):
        (edge,) = rule.pieces(rule.orders()).breaks
        speed = edge.diff([*rule.symbols.values()][orders.index(1) - 1])
        return -speed * truth(activation, rule.orders(1), point, bits)
    text = bound.formula
    if rule.surrogate and orders[0]:
        text, orders = bound.surrogate, (orders[0] - 1, *orders[1:])
    if not any(orders[1:]):  # with numbers for parameters, every kink has its place
        rule, orders = Formula(text, (), rule.kinks), orders[:1]
    parameters = rule.samples[0]
    if not any(orders):
        return value_at(rule.pieces(orders), point, parameters, bits)
    (order,) = {n for n in orders if n}
    index = orders.index(order)
    pieces = rule.pieces(rule.orders())
    sides = rule.pieces(orders).closed
    chosen = len(pieces.breaks)
    for i, (edge, side) in enumerate(zip(pieces.breaks, sides, strict=True)):
        at = exact(edge, parameters)
        if point < at or (point == at and side != "right"):
            chosen = i
            break
    mp = mpmath.MPContext()
    mp.prec = 60 * (order + 1) + 400
    symbol = [x, *rule.symbols.values()][index]
    start = {**parameters, x: point}

    def along(value):
        return exact(pieces.exprs[chosen], {**start, symbol: value}, mp.prec)

    step = mp.mpf(2) ** -150
    return mp.diff(along, mp.mpf(start[symbol]), order, h=step, relative=abs(point) > 1)


def near(got, want, ulps, dtype, slack):
    """Within so many ulp of the true value, subnormal and overflowing results and an absolute slack apart."""
    info = np.finfo(dtype)
    if not math.isfinite(want) or abs(want) > float(info.max):
        return not math.isfinite(got) or abs(got) >= float(info.max) * (1 - 1e-3)
    if abs(want) < float(info.tiny):
        return abs(got - want) <= 2 * float(info.smallest_subnormal) * ulps + slack
    return abs(got - want) <= ulps * float(np.spacing(np.array(abs(want), dtype))) + slack


ULPS = {np.float32: {0: 3, 1: 5, 2: 84}, np.float64: {0: 4, 1: 8, 2: 1024}}
# where f or f' passes through 0, digits cancel and the bound is absolute
SLACK = {np.float32: {0: 1e-14, 1: 1.2e-7, 2: 1e-6}, np.float64: {0: 4e-16, 1: 2.3e-16 * 4, 2: 1e-14}}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_value_and_derivatives_at_hard_points(activation, dtype, order):
    points = np.array([p for p in HARD if order < 2 or abs(p) < 1e4], dtype)
    got = activation.derivative(points, order=order)
    orders = activation.rule.orders(order)
    for point, value in zip(points.tolist(), got.tolist(), strict=True):
        want = float(truth(activation, orders, point))
        assert near(value, want, ULPS[dtype][order], dtype, SLACK[dtype][order]), (point, value, want)


@given(LITTLE)
@settings(max_examples=15, deadline=None)
def test_value_and_derivative_anywhere(activation, points):
    points = np.array(points, np.float32)
    for order in (0, 1):
        got = activation.derivative(points, order=order)
        orders = activation.rule.orders(order)
        for point, value in zip(points.tolist(), got.tolist(), strict=True):
            want = float(truth(activation, orders, point))
            assert near(value, want, ULPS[np.float32][order], np.float32, SLACK[np.float32][order]), (
                point,
                value,
                want,
            )


def test_a_gradient_does_not_vanish_by_rounding(activation):
    points = np.array(HARD, np.float32)
    slopes = activation.derivative(points)
    for point, slope in zip(points.tolist(), slopes.tolist(), strict=True):
        if abs(truth(activation, activation.rule.orders(1), point)) > np.finfo(np.float32).tiny:
            assert slope != 0, point


def test_derivatives_by_parameters(activation):
    points = np.array([-7.0, -2.0, -0.4, 0.3, 1.7, 6.5])
    for name in activation.parameters:
        got = activation.derivative(points, wrt=name)
        for point, value in zip(points.tolist(), got.tolist(), strict=True):
            want = float(truth(activation, activation.rule.orders(1, name), point))
            assert value == pytest.approx(want, rel=1e-11, abs=1e-13), (name, point)


def test_the_side_at_a_kink_is_the_stated_one(activation):
    rule, parameters = activation.rule, activation.rule.samples[0]
    slopes = rule.pieces(rule.orders(1))
    for edge, left, right in zip(slopes.breaks, slopes.exprs, slopes.exprs[1:], strict=False):
        point = float(exact(edge, parameters))
        sides = [float(exact(e, {**parameters, x: point})) for e in (left, right)]
        chosen = {"smaller": min(sides, key=abs), "left": sides[0], "right": sides[1]}[rule.kinks]
        got = activation.derivative(np.float64(point))
        assert got == pytest.approx(chosen, abs=1e-12) or abs(got) == pytest.approx(abs(chosen), abs=1e-12)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_nan_goes_to_nan_and_infinity_to_the_limit(activation, order):
    got = activation.derivative(np.array([np.nan, -np.inf, np.inf]), order=order)
    assert np.isnan(got[0])
    pieces = activation.rule.pieces(activation.rule.orders(order))
    for value, expr, sign in ((got[1], pieces.exprs[0], "-"), (got[2], pieces.exprs[-1], "+")):
        limits = {approach(expr, activation.rule.samples[0], sign)}
        if not any(map(math.isnan, limits)):
            assert value == pytest.approx(limits.pop(), abs=1e-300)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16], ids=["float16", "bfloat16"])
def test_half_precision_is_float32_rounded_once(activation, dtype):
    every = np.arange(65536, dtype=np.uint16).view(dtype)
    with np.errstate(all="ignore"):
        got = activation(every)
        want = activation(every.astype(np.float32)).astype(dtype)
    assert got.dtype == every.dtype
    np.testing.assert_array_equal(got.view(np.uint16)[~np.isnan(want)], want.view(np.uint16)[~np.isnan(want)])
    assert np.isnan(got[np.isnan(want)]).all()


def test_kind_shape_and_layout(activation):
    base = np.linspace(-3, 3, 24, dtype=np.float32).reshape(2, 3, 4)
    want = activation(base)
    assert want.shape == base.shape and want.dtype == base.dtype
    np.testing.assert_array_equal(activation(base.T), want.T)
    np.testing.assert_array_equal(activation(base[:, ::2]), want[:, ::2])
    np.testing.assert_array_equal(activation(base[..., ::-1]), want[..., ::-1])
    assert activation(np.empty((0, 3))).shape == (0, 3)
    assert isinstance(activation(1.5), float)
    assert isinstance(activation(np.float32(1.5)), np.float32)
    assert activation(np.array(1.5, np.float32)).dtype == np.float32
    assert activation([1.5, -0.5]).shape == (2,)
    assert activation(base) is not base


def test_integers_become_float64_or_stay(activation):
    whole = np.arange(-4, 5)
    got = activation(whole)
    assert got.dtype in (np.float64, whole.dtype)
    np.testing.assert_array_equal(got, activation(whole.astype(float)))
    assert activation.derivative(whole).dtype == np.float64


def test_out_and_where(activation):
    points = np.linspace(-2, 2, 9)
    out = np.full(9, 7.0)
    mask = points > 0
    assert activation(points, out=out, where=mask) is out
    np.testing.assert_array_equal(out[mask], activation(points)[mask])
    assert (out[~mask] == 7).all()
    assert activation(points, dtype=np.float32).dtype == np.float32


def test_array_parameters_broadcast(activation):
    points = np.linspace(-2, 2, 5)
    for name, value in activation.parameters.items():
        values = np.array([value, value * 1.25]).reshape(2, 1)
        got = activation(points, **{name: values})
        assert got.shape == (2, 5)
        for row, v in zip(got, values.ravel(), strict=True):
            # at its defaults a function has a kernel of its own, where the parameters are constants
            np.testing.assert_array_max_ulp(row, activation(points, **{name: v}), maxulp=4)


def test_bind_spec_and_pickle_round_trips(activation):
    import pickle

    bound = activation.bind(**{k: v * 1.5 for k, v in activation.parameters.items()})
    for each in (activation, bound):
        assert nl.get(str(each)) == each
        assert pickle.loads(pickle.dumps(each)) == each
        assert hash(pickle.loads(pickle.dumps(each))) == hash(each)
    points = np.linspace(-2, 2, 9)
    np.testing.assert_array_equal(bound(points), activation(points, **bound.parameters))
    again = nl.define(f"again_{activation.name}", bound.formula, surrogate=bound.surrogate)
    kinks = [float(exact(b, bound.rule.samples[0])) for b in bound.rule.pieces(bound.rule.orders()).breaks]
    for point, a, b in zip(points, again(points), bound(points), strict=True):
        assert a == pytest.approx(b, rel=1e-14, abs=1e-15) or point in kinks


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_factor_that_has_vanished_wins_over_an_infinite_one(dtype):
    bump = nl.define("bump", "x*sigmoid(x) + x*exp(-x*x)")
    infinite = np.array([-np.inf, np.inf], dtype)
    assert bump(infinite).tolist() == [0.0, np.inf]
    assert bump.derivative(infinite).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("activation", [a for a in nl.catalog.values() if a.surrogate], ids=str)
def test_a_derivative_is_the_surrogate_where_there_is_one(activation):
    bound = activation.bind(**activation.parameters)
    slope = nl.define(f"slope_of_{activation.name}", bound.surrogate)
    points = np.linspace(-5, 5, 101)
    for order in (1, 2, 3):
        np.testing.assert_allclose(bound.derivative(points, order=order), slope.derivative(points, order=order - 1),
                                   rtol=1e-13, atol=1e-13)  # fmt: skip


def test_a_surrogate_is_chosen_by_name():
    points = np.array([-0.3, 0.0, 0.2])
    for name in nl.spike.definition.surrogates:
        chosen = nl.get(f"spike(surrogate={name})")
        np.testing.assert_array_equal(nl.spike.derivative(points, surrogate=name), chosen.derivative(points))
        np.testing.assert_array_equal(nl.spike(points, surrogate=name, threshold=0.2), [0.0, 0.0, 1.0])
        assert nl.get(str(chosen)) == chosen == nl.spike.bind(surrogate=name)
        assert chosen.derivative(0.0) == 1  # at the threshold, where alpha is at its default
    assert str(nl.spike.bind(threshold=1, surrogate="atan", alpha=3)) == "spike_atan(threshold=1.0, alpha=3.0)"
    with pytest.raises(ParameterError, match="surrogate of spike: 'tent': give 'fast_sigmoid' or 'atan' or"):
        nl.spike(points, surrogate="tent")
    with pytest.raises(ParameterError, match="relu has no surrogates to choose from: 'atan'"):
        nl.relu.bind(surrogate="atan")


def test_a_parameter_moves_the_jump_or_does_not():
    gated = nl.define("gated", "a if b*x >= c else 0", surrogate="1/(1 + (x - c/b)**2)", a=2.0, b=4.0, c=3.0,
                      constraints={"b": "> 0"})  # fmt: skip
    points = np.array([0.5, 0.75, 1.5])
    slope = 1 / (1 + (points - 0.75) ** 2)
    np.testing.assert_allclose(gated.derivative(points), slope)
    np.testing.assert_allclose(gated.derivative(points, wrt="a"), [0, 1, 1])
    np.testing.assert_allclose(gated.derivative(points, wrt="b"), slope * 3 / 16)
    np.testing.assert_allclose(gated.derivative(points, wrt="c"), -slope / 4)


def test_a_surrogate_has_kernels_of_its_own():
    """Of two functions of the same text, one without a surrogate: neither takes the other's compiled derivative."""
    far = np.array([1e4, 1e6, 1e9])
    wave = nl.define("wave_slope", "max(0, x)", surrogate="1 + sin(x)")
    np.testing.assert_allclose(wave.derivative(far), 1 + np.sin(far), rtol=1e-12)
    np.testing.assert_array_equal(nl.relu.derivative(far), 1.0)
    assert nl.define("wave_slope", "max(0, x)").derivative(-1.0) == 0


def test_a_surrogate_that_is_no_formula_is_refused():
    with pytest.raises(FormulaError, match="y"):
        nl.define("bad_slope", "1 if x >= 0 else 0", surrogate="y*x")
