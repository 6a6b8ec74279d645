"""The atoms over a namespace of arrays, for the targets whose own functions lose digits or vanish too soon.

`m` is the namespace: `jax.numpy`, `keras.ops`, CuPy or anything else with NumPy's names for exp, expm1, log1p,
tanh, sqrt, floor, where, minimum, maximum, abs. Each function says why it keeps its digits. A `root_` function
is the square root of an atom that vanishes at one end: `underflow.py` multiplies by it twice, because XLA and
TensorFlow flush subnormal numbers to 0 and exp(-88) is one in float32.
"""

from __future__ import annotations

import math
from typing import Any

_ROOT_2PI = math.sqrt(2 * math.pi)

# (1 + t) R(t) with Mills' ratio R(t) = (1 - normal_cdf(t))/normal_pdf(t), in q = (t - 5)/(t + 5), the highest
# power first: interpolated at 25 Chebyshev nodes with 80 digits, which leaves an error of 1e-17 for every t >= 0.
MILLS = (
    6.163047198655167e-11,
    -9.545215884456858e-10,
    -1.0770966817867951e-09,
    1.1020770424653135e-08,
    1.006273629203449e-08,
    -7.755689282319666e-08,
    -6.735246707235891e-08,
    4.919558007942762e-07,
    3.2194150125726876e-07,
    -3.2772513658038686e-06,
    -1.7721527238693433e-07,
    2.270959149359291e-05,
    -2.480546663097941e-05,
    -0.0001343742704194541,
    0.0004570438205116078,
    1.9530636365484052e-05,
    -0.004201290311078416,
    0.016348231281331425,
    -0.03802659218771832,
    0.061505045840161206,
    -0.06617760077899582,
    0.02507217930163978,
    0.07778159886873558,
    -0.22948753825211318,
    1.1568486282918946,
)

# The Taylor coefficients of (u - tanh(u))/u^3 in u^2, the last first; 12 of them give 1e-19 at u = 1/4.
TANH_GAP = (
    -58870668456604 / 3698160658676859375,
    113927491862 / 2900518163668125,
    -18888466084 / 194896477400625,
    443861162 / 1856156927625,
    -6404582 / 10854718875,
    929569 / 638512875,
    -21844 / 6081075,
    1382 / 155925,
    -62 / 2835,
    17 / 315,
    -2 / 15,
    1 / 3,
)


def _polynomial(coefficients: tuple[float, ...], q: Any) -> Any:
    result: Any = coefficients[0]
    for c in coefficients[1:]:
        result = result * q + c
    return result


def sigmoid(m: Any, u: Any) -> Any:
    """exp(-|u|) never overflows, and both branches keep the small side exact."""
    e = m.exp(-m.abs(u))
    return m.where(u < 0.0, e, 1.0) / (1.0 + e)


def root_sigmoid(m: Any, u: Any) -> Any:
    """From -40 on 1 + exp(u) is 1."""
    return m.where(u < -40.0, m.exp(0.5 * u), m.sqrt(sigmoid(m, u)))


def softplus(m: Any, u: Any) -> Any:
    """max(u, 0) + log1p(exp(-|u|)); the maximum as a select, which carries nan on every target."""
    return m.where(u > 0.0, u, 0.0) + m.log1p(m.exp(-m.abs(u)))


def root_softplus(m: Any, u: Any) -> Any:
    """From -40 on log1p(exp(u)) is exp(u)."""
    return m.where(u < -40.0, m.exp(0.5 * u), m.sqrt(softplus(m, u)))


def sech(m: Any, u: Any) -> Any:
    """2e/(1 + e^2) with e = exp(-|u|), whose square is sech^2 with every digit and without a subnormal between."""
    e = m.exp(-m.abs(u))
    return 2.0 * e / (1.0 + e * e)


def sech2(m: Any, u: Any) -> Any:
    s = sech(m, u)
    return s * s


def tanh_gap(m: Any, u: Any) -> Any:
    """u - tanh(u), by its series near 0, where the difference cancels."""
    v = m.where(m.abs(u) > 0.25, 0.0, u * u)
    return m.where(m.abs(u) > 0.25, u - m.tanh(u), u * v * _polynomial(TANH_GAP, v))


def _gauss(m: Any, u: Any, scale: float) -> Any:
    """exp(-scale u^2): u is cut so that h^2 is exact, since the rounding of u^2 would cost u^2 ulp."""
    t = m.where(m.abs(u) < 60.0, m.abs(u), m.where(u == u, 60.0, u))
    h = m.floor(128.0 * t) / 128.0
    return m.exp(-scale * (h * h)) * m.exp(-scale * ((t - h) * (t + h)))


def normal_pdf(m: Any, u: Any) -> Any:
    return _gauss(m, u, 0.5) / _ROOT_2PI


def root_normal_pdf(m: Any, u: Any) -> Any:
    return _gauss(m, u, 0.25) / math.sqrt(_ROOT_2PI)


def _mills(m: Any, t: Any) -> Any:
    """Mills' ratio for t >= 0; from 60 on the density beside it is 0 anyway."""
    t = m.where(t < 60.0, t, m.where(t == t, 60.0, t))
    return _polynomial(MILLS, (t - 5.0) / (t + 5.0)) / (1.0 + t)


def normal_cdf(m: Any, u: Any) -> Any:
    """The tail as density times Mills' ratio, to full relative accuracy, where erfc of a rounded u/sqrt(2) is not."""
    tail = normal_pdf(m, u) * _mills(m, m.abs(u))
    return m.where(u > 0.0, 1.0 - tail, tail)


def root_normal_cdf(m: Any, u: Any) -> Any:
    tail = root_normal_pdf(m, u) * m.sqrt(_mills(m, m.abs(u)))
    return m.where(u > 0.0, m.sqrt(1.0 - tail * tail), tail)


def erfc(m: Any, u: Any) -> Any:
    """2 (1 - normal_cdf(sqrt(2) u)), with u^2 itself in the exponential: sqrt(2) u would be rounded."""
    tail = _gauss(m, u, 1.0) * _mills(m, math.sqrt(2) * m.abs(u)) * (2.0 / _ROOT_2PI)
    return m.where(u < 0.0, 2.0 - tail, tail)


def sign(m: Any, u: Any) -> Any:
    return m.where(u > 0.0, 1.0, m.where(u < 0.0, -1.0, u))


def hypot(m: Any, u: Any, v: Any) -> Any:
    """The larger one outside the root, so that its square cannot overflow; v is never 0."""
    big = m.maximum(m.abs(u), m.abs(v))
    ratio = m.minimum(m.abs(u), m.abs(v)) / big
    return m.where(big == math.inf, big, big * m.sqrt(1.0 + ratio * ratio))


def hypot_sum(m: Any, u: Any, v: Any) -> Any:
    h = hypot(m, u, v)
    return m.where(u < 0.0, v * (v / (h + m.abs(u))), u + h)


def hypot_slope(m: Any, u: Any, v: Any) -> Any:
    h = hypot(m, u, v)
    return m.where(u < 0.0, (v / h) * (v / (h + m.abs(u))), 1.0 + u / h)


def product(m: Any, root: Any, rest: Any, scale: Any = 1.0) -> Any:
    """root^2 rest, in an order that passes through no subnormal; a root that is 0 wins over a rest that is infinite."""
    return m.where(root == 0.0, 0.0 * root, root * (root * scale * rest))


def scale(m: Any, root: Any) -> Any:
    """A power of two for a sum whose terms have such small roots that they could be subnormal."""
    return m.where(root < 1e-12, 2.0**64, m.where(root == root, 1.0, root))  # root inside: it has the right dtype


def root_small(m: Any, f: Any, root: Any) -> Any:
    """The root of f(y) where f(y) is y once y is small, and `root` is the root of y."""
    return m.where(f < 1e-18, root, m.sqrt(f))
