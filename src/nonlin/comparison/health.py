"""Why a network trained or did not: the share of its units that are dead, and how its gradient fades."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nonlin.activation import Activation
from nonlin.slopes import DELTA, EVIDENCE, RARELY, steepest

Array = np.ndarray[Any, Any]


def health(slopes: Sequence[Array], gradients: Sequence[float], activation: Activation) -> dict[str, Any]:
    """Dead units and gradient ratio of a network, as JSON.

    `slopes` are f'(z) of each layer in order, shape (observations, units); `gradients` are RMS(dL/dz) of each.
    A unit is dead where |f'(z)| > 1e-3 max|f'| in fewer than 1 % of its observations (Dohare et al. 2024 use 1 %
    too). The gradient ratio is that of the first layer over that of the last. None where there are fewer than
    300 observations, or no gradient.
    """
    dead = [_dead(np.abs(layer), steepest(activation)) for layer in slopes]
    known = [flags for flags in dead if flags is not None]
    ratio = gradients[0] / gradients[-1] if len(gradients) > 1 and gradients[-1] > 0 else None
    return {
        "dead_share": float(np.concatenate(known).mean()) if known else None,
        "dead_by_layer": [None if flags is None else float(flags.mean()) for flags in dead],
        "gradient_ratio": ratio if ratio is not None and np.isfinite(ratio) else None,
        "gradient_by_layer": [float(size) if np.isfinite(size) else None for size in gradients],
    }


def _dead(slopes: Array, largest: float) -> Array | None:
    if len(slopes) < EVIDENCE:
        return None
    # where a learned parameter makes it steeper, what is seen counts too
    return (slopes > DELTA * max(largest, float(slopes.max()))).mean(axis=0) < RARELY
