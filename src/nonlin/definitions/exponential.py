"""Rectifiers with an exponential or a square root in them, and the soft ramps."""

from functools import partial

from nonlin.definition import peer
from nonlin.definitions.entry import entry

_entry = partial(entry, family="exponential")

ENTRIES = (
    _entry("elu", "x if x > 0 else alpha*expm1(x)", "ELU", parameters={"alpha": 1.0}, kinks="left", learned=("alpha",),
           torch=peer("ELU", alpha=1.0), keras=peer("elu", alpha=1.0), jax=peer("elu", alpha=1.0),
           onnx=peer("Elu", alpha=1.0),
           reference="Clevert, Unterthiner, Hochreiter 2016: Fast and accurate deep network learning by ELUs. ICLR"),
    _entry("celu", "x if x > 0 else alpha*expm1(x/alpha)", "CELU", parameters={"alpha": (1.0, "!= 0")}, kinks="left",
           same_as="elu", torch=peer("CELU", alpha=1.0), keras=peer("celu", alpha=1.0), jax=peer("celu", alpha=1.0),
           onnx=peer("Celu", alpha=1.0),
           reference="Barron 2017: Continuously differentiable exponential linear units. arXiv 1704.07483"),
    _entry("selu",
           "1.0507009873554804934193349852946*(x if x > 0 else 1.6732632423543772848170429916717*expm1(x))",
           "SELU", kinks="left", torch="SELU", keras="selu", jax="selu",
           onnx=peer("Selu", note="its constants are the float32 ones"),
           reference="Klambauer, Unterthiner, Mayr, Hochreiter 2017: Self-normalizing neural networks. NeurIPS"),
    _entry("exponential", "exp(x)", "Exponential", aliases=("exp",), keras="exponential", onnx="Exp",
           reference="the exponential function"),
    _entry("softplus", "softplus(beta*x)/beta", "Softplus", parameters={"beta": (1.0, "> 0")},
           aliases=("soft_plus",),
           torch=peer("Softplus", beta=1.0, note="linear from beta*x = 20 on"), keras="softplus", jax="softplus",
           onnx="Softplus",
           reference="Dugas, Bengio, Belisle, Nadeau, Garcia 2000: Incorporating second-order functional knowledge. "
                     "NeurIPS"),
    _entry("squareplus", "(x + sqrt(x**2 + b))/2", "Squareplus", parameters={"b": (4.0, "> 0")},
           keras=peer("squareplus", b=4.0), jax=peer("squareplus", b=4.0),
           reference="Barron 2021: Squareplus: a softplus-like algebraic rectifier. arXiv 2112.11687"),
    _entry("sparse_plus", "0 if x <= -1 else ((x + 1)**2/4 if x < 1 else x)", "SparsePlus",
           keras="sparse_plus", jax="sparse_plus",
           reference="Martins, Astudillo 2016: From softmax to sparsemax. ICML"),
)  # fmt: skip
