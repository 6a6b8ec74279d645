"""Facts of single activations against numbers that were derived by other means: by hand, or by mpmath."""

import math

import mpmath
import pytest

import nonlin as nl

INF = math.inf


def mean_square(f):
    """1/sqrt(E f(z)^2) by mpmath's own quadrature of a function written here."""
    with mpmath.workdps(30):
        edges = [-30, -8, -3, -1, 0, 1, 3, 8, 30]
        return float(1 / mpmath.sqrt(mpmath.quad(lambda z: f(z) ** 2 * mpmath.npdf(z), edges)))


GAINS = {
    "linear": 1,
    "relu": math.sqrt(2),
    "leaky_relu(negative_slope=0.2)": math.sqrt(2 / 1.04),  # (1 + a^2)/2
    "squared_relu": math.sqrt(2 / 3),  # E z^4 / 2 = 3/2
    "exponential": math.exp(-1),  # E exp(2z) = e^2
    "sine": math.sqrt(2 / (1 - math.exp(-2))),  # E sin^2 = (1 - E cos 2z)/2
    "step": math.sqrt(2),
    "squareplus(b=4)": 1 / math.sqrt(1.5),  # (E 2z^2 + 4)/4, the odd part vanishes
    "tanh": mean_square(mpmath.tanh),
    "sigmoid": mean_square(lambda z: 1 / (1 + mpmath.exp(-z))),
    "gelu": mean_square(lambda z: z * mpmath.ncdf(z)),
    "swish(beta=3)": mean_square(lambda z: z / (1 + mpmath.exp(-3 * z))),
    "mish": mean_square(lambda z: z * mpmath.tanh(mpmath.log1p(mpmath.exp(z)))),
    "elu": mean_square(lambda z: z if z > 0 else mpmath.expm1(z)),
    "softsign": mean_square(lambda z: z / (1 + abs(z))),
}


@pytest.mark.parametrize("spec", GAINS)
def test_gain(spec):
    assert nl.get(spec).facts.gain == pytest.approx(GAINS[spec], rel=1e-12)


def test_selu_keeps_mean_and_variance():
    # What its constants were solved for: a fixed point at mean 0 and variance 1.
    facts = nl.selu.facts
    assert facts.mean == pytest.approx(0, abs=1e-12)
    assert facts.second_moment == pytest.approx(1, rel=1e-12)
    assert facts.zero_centred


SILU_TURN = float(-1 - mpmath.lambertw(mpmath.exp(-1)))
RANGES = {
    "linear": (-INF, INF),
    "relu": (0, INF),
    "relu6": (0, 6),
    "elu(alpha=2)": (-2, INF),
    "sigmoid": (0, 1),
    "log_sigmoid": (-INF, 0),
    "tanh": (-1, 1),
    "hard_tanh(min_val=-2, max_val=3)": (-2, 3),
    "silu": (SILU_TURN + 1, INF),  # x s(x) at its minimum is x + 1
    "swish(beta=2)": ((SILU_TURN + 1) / 2, INF),
    "hard_silu": (-3 / 8, INF),
    "sine": (-1, 1),
    "snake": (-INF, INF),
    "step": (0, 1),
    "threshold(threshold=1, value=20)": (1, INF),
}


@pytest.mark.parametrize("spec", RANGES)
def test_range(spec):
    assert nl.get(spec).facts.range == pytest.approx(RANGES[spec], abs=1e-14)


STEEPEST = {
    "relu": 1,
    "leaky_relu(negative_slope=-3)": 3,
    "sigmoid": 1 / 4,
    "tanh": 1,
    "hard_sigmoid": 1 / 6,
    "hard_silu": 3 / 2,
    # gelu'' = (2 - x^2) pdf(x)
    "gelu": float(mpmath.ncdf(mpmath.sqrt(2)) + mpmath.sqrt(2) * mpmath.npdf(mpmath.sqrt(2))),
    "selu": 1.0507009873554804934 * 1.6732632423543772848,
    "snake(a=5)": 2,
    "squared_relu": INF,
    "exponential": INF,
    "step": INF,
    "hard_shrink": INF,
}


@pytest.mark.parametrize("spec", STEEPEST)
def test_steepest_slope(spec):
    assert nl.get(spec).facts.lipschitz == pytest.approx(STEEPEST[spec], rel=1e-14)


KINKS = {
    "relu": (0,),
    "elu": (),  # f' is continuous for alpha = 1 only
    "elu(alpha=2)": (0,),
    "celu(alpha=2)": (),
    "selu": (0,),
    "relu6": (0, 6),
    "squared_relu": (),
    "sparse_plus": (),
    "hard_silu": (-3, 3),
    "hard_mish": (-2,),  # at 0 both slopes are 1
    "softsign": (),
    "hard_shrink(threshold=1.5)": (-1.5, 1.5),
    "soft_shrink": (-0.5, 0.5),
    "step(threshold=2)": (2,),
    "tanh": (),
}


@pytest.mark.parametrize("spec", KINKS)
def test_kinks(spec):
    assert nl.get(spec).facts.kinks == KINKS[spec]


ZEROS = {
    "linear": ((0,), ()),
    "relu": ((0,), ((-INF, 0),)),
    "step": ((), ((-INF, 0),)),  # step(0) is 1
    "hard_silu": ((-3, 0), ((-INF, -3),)),
    "hard_shrink": ((-0.5, 0.5), ((-0.5, 0.5),)),
    "gelu": ((0,), ()),
    "sigmoid": ((), ()),
    "exponential": ((), ()),  # though it underflows to 0
    "squareplus": ((), ()),
}


@pytest.mark.parametrize("spec", ZEROS)
def test_zeros(spec):
    facts = nl.get(spec).facts
    assert (facts.zeros, facts.zero_intervals) == ZEROS[spec]


# saturates, monotonic, zero-centred, self-gated
WORDS = {
    "linear": ("", True, True, False),
    "relu": ("left", True, False, False),
    "relu6": ("both", True, False, False),
    "log_sigmoid": ("right", True, False, False),
    "sigmoid": ("both", True, False, False),
    "tanh": ("both", True, True, False),
    "softsign": ("both", True, True, False),  # x/(1 + |x|) is x times a factor, but one that opens nowhere
    "elu": ("left", True, False, False),
    "gelu": ("left", False, False, True),
    "hard_silu": ("left", False, False, True),
    "mish": ("left", False, False, True),
    "swish(beta=0)": ("", True, True, False),  # x/2
    "sine": ("", False, True, False),
    "snake": ("", True, False, False),
    "leaky_relu(negative_slope=-1)": ("", False, False, False),
    "threshold(threshold=0, value=20)": ("left", False, False, False),
    "step": ("both", True, False, False),
}


@pytest.mark.parametrize("spec", WORDS)
def test_words(spec):
    facts = nl.get(spec).facts
    assert (facts.saturates, facts.monotonic, facts.zero_centred, facts.self_gated) == WORDS[spec]


def test_turning_point():
    (falling, rising) = nl.silu.facts.pieces
    assert falling.high == rising.low == pytest.approx(SILU_TURN, rel=1e-15)
    assert (falling.direction, rising.direction) == ("falling", "rising")


@pytest.mark.parametrize(
    ("spec", "cost"), [("linear", (0, 0, 0)), ("relu", (0, 1, 0)), ("silu", (3, 0, 1)), ("hard_tanh", (0, 2, 0))]
)
def test_cost(spec, cost):
    assert nl.get(spec).facts.cost == cost


@pytest.mark.parametrize("spec", ["relu", "hard_silu", "soft_shrink(threshold=2)", "squared_relu", "step"])
def test_piecewise_polynomials_are_exact(spec):
    method = nl.get(spec).facts.method
    assert set(method.values()) == {"exact"}


def test_method_names_the_window():
    assert nl.sine.facts.method["zeros"].startswith("numerical, within [-12.57, 12.57]")
    assert nl.sine.facts.zeros == pytest.approx([k * math.pi for k in range(-3, 4)], abs=1e-14)
