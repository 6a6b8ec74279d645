"""Rectifiers: the identity on one side, something flatter on the other."""

from functools import partial

from nonlin.definition import Noise, peer
from nonlin.definitions.entry import entry

_entry = partial(entry, family="rectifiers")

ENTRIES = (
    _entry("linear", "x", "Linear", aliases=("none",), torch="Identity", keras="linear", jax="identity",
           onnx="Identity", reference="the identity: a layer without an activation"),
    _entry("relu", "max(0, x)", "ReLU", aliases=("rectifier", "ramp"),
           torch="ReLU", keras="relu", jax="relu", onnx="Relu",
           reference="Nair, Hinton 2010: Rectified linear units improve restricted Boltzmann machines. ICML"),
    _entry("leaky_relu", "x if x > 0 else negative_slope*x", "LeakyReLU", parameters={"negative_slope": 0.01},
           spellings={"alpha": "negative_slope"}, kinks="left", aliases=("lrelu",),
           torch=peer("LeakyReLU", negative_slope=0.01),
           keras=peer("leaky_relu", negative_slope=0.2, note="the layer keras.layers.LeakyReLU takes 0.3"),
           jax=peer("leaky_relu", negative_slope=0.01), onnx=peer("LeakyRelu", negative_slope=0.01),
           reference="Maas, Hannun, Ng 2013: Rectifier nonlinearities improve neural network acoustic models. ICML"),
    _entry("prelu", "x if x > 0 else negative_slope*x", "PReLU", parameters={"negative_slope": 0.25},
           spellings={"alpha": "negative_slope", "weight": "negative_slope", "slope": "negative_slope"}, kinks="left",
           learned=("negative_slope",), always_learned=True, same_as="leaky_relu(negative_slope=0.25)",
           torch=peer("PReLU", negative_slope=0.25),
           keras=peer("PReLU", note="a layer; its slopes start at 0, one for each feature"),
           onnx=peer("PRelu", note="the slope is an input"),
           reference="He, Zhang, Ren, Sun 2015: Delving deep into rectifiers. ICCV"),
    _entry("rrelu", "x if x > 0 else (lower + upper)/2*x", "RReLU",
           parameters={"lower": (1 / 8, "<= upper"), "upper": 1 / 3}, kinks="left",
           noise=Noise("slope", "lower", "upper", "x if x > 0 else slope*x"),
           torch=peer("RReLU", lower=1 / 8, upper=1 / 3),
           reference="Xu, Wang, Chen, Li 2015: Empirical evaluation of rectified activations. arXiv 1505.00853"),
    _entry("relu6", "min(max(0, x), 6)", "ReLU6", torch="ReLU6", keras="relu6", jax="relu6",
           reference="Krizhevsky 2010: Convolutional deep belief networks on CIFAR-10"),
    _entry("squared_relu", "max(0, x)**2", "SquaredReLU", aliases=("relu2", "relu_squared"),
           reference="So et al. 2021: Primer: searching for efficient transformers. NeurIPS"),
    _entry("threshold", "x if x > threshold else value", "Threshold", parameters={"threshold": 0.0, "value": 0.0},
           spellings={"default_value": "value"}, same_as="relu",
           torch=peer("Threshold", note="both arguments must be given"),
           keras=peer("threshold", note="both arguments must be given"),
           onnx=peer("ThresholdedRelu", threshold=1.0, value=0.0, note="its alpha is the threshold"),
           reference="Konda, Memisevic, Krueger 2014: Zero-bias autoencoders. arXiv 1402.3337"),
)  # fmt: skip
