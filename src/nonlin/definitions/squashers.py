"""Squashers: bounded on both sides, or the logarithm of one that is."""

from functools import partial

from nonlin.definition import peer
from nonlin.definitions.entry import entry

_entry = partial(entry, family="squashers")

ENTRIES = (
    _entry("sigmoid", "1/(1 + exp(-x))", "Sigmoid", aliases=("logistic", "expit"),
           torch="Sigmoid", keras="sigmoid", jax="sigmoid", onnx="Sigmoid",
           reference="Verhulst 1838: Notice sur la loi que la population suit dans son accroissement"),
    _entry("hard_sigmoid", "min(max(x/6 + 1/2, 0), 1)", "HardSigmoid",
           torch="Hardsigmoid", keras="hard_sigmoid", jax="hard_sigmoid",
           onnx=peer("HardSigmoid", note="its default slope is 0.2 instead of 1/6"),
           reference="Courbariaux, Bengio, David 2015: BinaryConnect. NeurIPS; slope 1/6: Howard et al. 2019"),
    _entry("log_sigmoid", "-softplus(-x)", "LogSigmoid", aliases=("logsigmoid",),
           torch="LogSigmoid", keras="log_sigmoid", jax="log_sigmoid",
           reference="the logarithm of the sigmoid"),
    _entry("tanh", "tanh(x)", "Tanh", torch="Tanh", keras="tanh", jax="tanh", onnx="Tanh",
           reference="LeCun, Bottou, Orr, Mueller 1998: Efficient backprop"),
    _entry("hard_tanh", "min(max(x, min_val), max_val)", "HardTanh",
           parameters={"min_val": (-1.0, "<= max_val"), "max_val": 1.0}, aliases=("clip", "clamp"),
           torch=peer("Hardtanh", min_val=-1.0, max_val=1.0), keras="hard_tanh", jax="hard_tanh",
           onnx=peer("Clip", note="without limits unless they are given"),
           reference="Collobert 2004: Large scale machine learning. PhD thesis, Paris 6"),
    _entry("softsign", "x/(1 + abs(x))", "Softsign", torch="Softsign", keras="softsign",
           jax="soft_sign", onnx="Softsign",
           reference="Turian, Bergstra, Bengio 2009: Quadratic features and deep architectures for chunking. NAACL"),
    _entry("sparse_sigmoid", "min(max((x + 1)/2, 0), 1)", "SparseSigmoid",
           keras="sparse_sigmoid", jax="sparse_sigmoid",
           reference="Martins, Astudillo 2016: From softmax to sparsemax. ICML"),
    _entry("sine", "sin(x)", "Sine", aliases=("sin",), onnx="Sin",
           reference="Sitzmann, Martel, Bergman, Lindell, Wetzstein 2020: Implicit neural representations with "
                     "periodic activation functions. NeurIPS"),
)  # fmt: skip
