"""When a unit passes no gradient on: what the health of a model that trains and a comparison's table both go by."""

from __future__ import annotations

from functools import cache

import numpy as np

from nonlin.activation import Activation

# A slope below it passes no gradient that matters. Of max|f'|.
DELTA = 1e-3
GRID = np.linspace(-8.0, 8.0, 3201)  # where pre-activations live
RARELY = 0.01  # of the observations: Dohare et al. 2024 (Nature 632), SageMaker Debugger call a unit dead below 1 % too
EVIDENCE = 300  # observations: 0 of n shows that p < 3/n only


@cache
def steepest(activation: Activation) -> float:
    """max|f'| where pre-activations live."""
    slopes = np.abs(np.asarray(activation.derivative(GRID)))
    return float(slopes[np.isfinite(slopes)].max(initial=0.0))
