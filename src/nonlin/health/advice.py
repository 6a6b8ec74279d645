"""Finding -> cause -> remedy -> the line of code, each with its source."""

from __future__ import annotations

from typing import NamedTuple


class _Advice(NamedTuple):
    cause: str
    remedy: str
    code: str
    source: str


_REDO = "Sokar et al. 2023, The dormant neuron phenomenon, ICML"
_DOHARE = "Dohare et al. 2024, Loss of plasticity in deep continual learning, Nature 632"
_TABLE = {
    "dead": _Advice(
        "the slope is 0 on all data, so the unit learns no more: mostly a step that was too large",
        "lower the learning rate, take an activation with a slope everywhere, or revive the units",
        'health.revive()  or  nl.swap(model, {{"{activation}": "leaky_relu"}})',
        _DOHARE,
    ),
    "dormant": _Advice(
        "the units hardly change with the input, so that the layer is narrower than it looks",
        "revive them; in continual learning do so regularly",
        "health.revive()",
        _REDO,
    ),
    "saturated": _Advice(
        "the pre-activations are so large that the function is flat there",
        "scale the weights to the activation's gain, normalise the inputs, or lower the learning rate",
        "nl.torch.init_(model, example_inputs)",
        "Glorot, Bengio 2010, AISTATS; Gulcehre et al. 2016, arXiv 1603.00391",
    ),
    "vanishing": _Advice(
        "each layer multiplies the gradient by less than 1, so the first ones do not learn",
        "take an activation with a slope near 1, weights scaled to its gain, normalisation or residual connections",
        'nl.swap(model, {{"{activation}": "gelu"}}); nl.torch.init_(model, example_inputs)',
        "Hochreiter 1991; Glorot, Bengio 2010, AISTATS",
    ),
    "exploding": _Advice(
        "each layer multiplies the gradient by more than 1, so that a step overshoots in the first ones",
        "scale the weights to the activation's gain, clip the gradient, or lower the learning rate",
        "nl.torch.init_(model, example_inputs)  or  torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)",
        "Pascanu, Mikolov, Bengio 2013, ICML; He et al. 2015, ICCV",
    ),
    "nonfinite": _Advice(
        "a nan or an infinity began in the {where} here",
        "look at this layer's input at this step; lower the learning rate; under AMP, see what overflows in float16",
        "torch.autograd.set_detect_anomaly(True)",
        "IEEE 754: nan goes to everything that is computed from it",
    ),
}


def advice(kind: str, layer: str, activation: str, where: str = "values") -> tuple[str, str]:
    """The text of the advice, and the source of the definition."""
    row = _TABLE[kind]
    words = {"layer": layer, "activation": activation, "where": where}
    return "; ".join(part.format(**words) for part in (row.cause, row.remedy, row.code)), row.source


def code_of(kind: str, activation: str) -> str:
    """The line of code at the end of the advice."""
    return _TABLE[kind].code.format(activation=activation)
