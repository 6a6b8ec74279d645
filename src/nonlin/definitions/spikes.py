"""Thresholds: what a neuron that fires or not does to its input, and what training puts in place of its derivative.

The derivative of a step is 0 wherever it has one, so nothing in front of it would learn. A surrogate stands for it: a
bump around the threshold, the sharper the larger `alpha` is. At the default alpha each is 1 at the threshold. Those of
atan, sigmoid and triangular have the area 1, for they are slopes of smooth steps from 0 to 1; the fast sigmoid's is 1
at the threshold at every alpha.
"""

from collections.abc import Mapping
from functools import partial

from nonlin.definition import Definition
from nonlin.definitions.entry import entry

_entry = partial(entry, family="spikes")
_FIRES = "1 if x >= threshold else 0"
_SPELLINGS = {"slope": "alpha", "k": "alpha", "beta": "alpha"}


def _spike(
    name: str,
    layer: str,
    surrogate: str,
    alpha: float,
    reference: str,
    surrogates: Mapping[str, Definition | None] | None = None,
) -> Definition:
    return _entry(name, _FIRES, layer, parameters={"threshold": 0.0, "alpha": (alpha, "> 0")}, spellings=_SPELLINGS,
                  surrogate=surrogate, surrogates=surrogates or {}, reference=reference)  # fmt: skip


_CHOICES = {
    "atan": _spike(
        "spike_atan", "SpikeAtan", "alpha/2/(1 + (pi*alpha*(x - threshold)/2)**2)", 2.0,
        "Fang et al. 2021: Incorporating learnable membrane time constant to enhance "
        "learning of spiking neural networks. ICCV"),
    "sigmoid": _spike(
        "spike_sigmoid", "SpikeSigmoid", "alpha*sigmoid(alpha*(x - threshold))*sigmoid(-alpha*(x - threshold))", 4.0,
        "Zenke, Vogels 2021: The remarkable robustness of surrogate gradient learning for instilling complex function "
        "in spiking neural networks. Neural Computation 33(4)"),
    "triangular": _spike(
        "spike_triangular", "SpikeTriangular", "alpha*max(0, 1 - alpha*abs(x - threshold))", 1.0,
        "Esser et al. 2016: Convolutional networks for fast, energy-efficient neuromorphic computing. PNAS 113(41); "
        "Bellec et al. 2018: Long short-term memory and learning-to-learn in networks "
        "of spiking neurons. NeurIPS"),
    "straight_through": _entry(
        "spike_straight_through", _FIRES, "SpikeStraightThrough", parameters={"threshold": 0.0}, surrogate="1",
        reference="Bengio, Leonard, Courville 2013: Estimating or propagating gradients through stochastic neurons "
                  "for conditional computation. arXiv 1308.3432"),
}  # fmt: skip

ENTRIES = (
    _entry("step", _FIRES, "Step", parameters={"threshold": 0.0}, aliases=("heaviside", "binary_step"),
           reference="McCulloch, Pitts 1943: A logical calculus of the ideas immanent in nervous activity"),
    _spike("spike", "Spike", "1/(1 + alpha*abs(x - threshold))**2", 25.0,
           "Zenke, Ganguli 2018: SuperSpike: Supervised learning in multilayer spiking neural networks. Neural "
           "Computation 30(6)", surrogates={"fast_sigmoid": None, **_CHOICES}),
    *_CHOICES.values(),
)  # fmt: skip
