"""The measures of a layer's units, as pure functions of its pre-activations: sums that add up over batches.

They are written in operators that NumPy, PyTorch and JAX arrays share, so that one definition holds for all. A unit is
one feature: a column of a matrix whose rows are observations (samples; of a convolution, samples and positions).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nonlin.slopes import DELTA

FLAT = 1e-2  # of max|f'|
WIDE = 6  # standard deviations: beyond them is 1/36 of any distribution at most (Chebyshev), 1e-9 of a normal one
DORMANT = (0.0, 0.025, 0.1)  # Sokar et al. 2023 (ICML): tau of ReDo


class Slopes(NamedTuple):
    """Of each unit: how often its slope counts, and how often it is not flat."""

    active: Any
    steep: Any


class Outputs(NamedTuple):
    """Of each unit: sum of |h|, of |h - mean h|, of h."""

    magnitude: Any
    centred: Any
    total: Any


def around(z: Any, steps: Any) -> Any:
    """Of (..., observations, units) the places where a unit could come: mean + k standard deviations, k in `steps`.

    `steps` is -WIDE ... WIDE, an array of z's library with a dimension of 1 for each of z's others.
    """
    observations = z.shape[-2]
    mean = z.sum(-2) / observations
    apart = z - mean[..., None, :]
    width = ((apart * apart).sum(-2) / observations) ** 0.5
    return mean + steps * width


def slopes(slope: Any, steepest: float) -> Slopes:
    """What an (..., observations, units) array of f'(z) comes to; `steepest` is max|f'|."""
    size = abs(slope)
    return Slopes(_count(size > DELTA * steepest), _count(size > FLAT * steepest))


def outputs(h: Any) -> Outputs:
    """What an (..., observations, units) array of h = f(z) comes to."""
    total = h.sum(-2)
    return Outputs(abs(h).sum(-2), abs(h - total[..., None, :] / h.shape[-2]).sum(-2), total)


def _count(which: Any) -> Any:
    """NumPy adds truth values up as int64 unless told, which takes ten times as long as in a byte."""
    if not isinstance(which, np.ndarray):
        return which.sum(-2)
    narrow = np.uint8 if which.shape[-2] < 256 else np.int32
    return np.add.reduce(which.view(np.uint8), -2, dtype=narrow).astype(np.int32)


def at_most(count: Any, observations: int) -> Any:
    """The upper 95 % limit of a share of which `count` of `observations` were seen: 3/n for none of n.

    Source: Wilson, Hilferty 1931, of the chi-square quantile that is Garwood's limit of a Poisson count.
    """
    k = np.asarray(count, float) + 1
    limit = k * (1 - 1 / (9 * k) + 1.6449 / (3 * np.sqrt(k))) ** 3
    return np.minimum(limit / max(observations, 1), 1.0)


def dormancy(mean_size: Any) -> Any:
    """ReDo's score: mean|h| of each unit over its mean over the layer."""
    return mean_size / (mean_size.mean() + 1e-9)
