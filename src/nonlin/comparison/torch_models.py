"""PyTorch: the models that are compared, each made afresh under the seed of its trial."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from nonlin.activation import Activation
from nonlin.comparison.builders import Source, built_by, replaced, takes_activation
from nonlin.comparison.named import said
from nonlin.errors import DataError, NonlinError, SwapError
from nonlin.registry import get
from nonlin.surgery import activations, swap
from nonlin.torch import init_, layer
from nonlin.torch.following import followers

DEPTH, WIDTH = 10, 64
CHANNELS = (16, 32)

Init = Literal["gain", "model"]


class TorchSource(Source):
    """Calling it gives a fresh module of PyTorch."""

    def __call__(self) -> nn.Module:
        # The draws of the model's weights must not depend on what a layer draws for itself.
        with torch.random.fork_rng(devices=[]):
            fresh = layer(self.activation)
        self.layers.append(fresh)
        return fresh


class Maker(Protocol):
    """Gives a fresh model with an activation, under torch's seed, and the layers of the activation in it."""

    @property
    def weights(self) -> str:
        """How the weights are drawn, as the plan says it."""
        ...

    def __call__(self, activation: Activation) -> tuple[nn.Module, list[Any]]: ...


@dataclass(frozen=True)
class DefaultModel:
    """Ten hidden layers of 64 units: deep enough that activations differ (with two, all train alike).

    For images (channels, height, width): two convolutions of 3 x 3 with 16 and 32 channels, each followed by the
    activation and a pooling of 2 x 2, then a hidden layer of 64.

    Weights are standard-normal draws, the same for every activation under one seed, times gain/sqrt(fan_in),
    where the gain is that of the function whose output the layer takes; biases are 0.
    """

    shape: tuple[int, ...]
    outputs: int
    weights = "standard-normal draws, the same for every activation under one seed, times gain/sqrt(fan-in)"

    def __call__(self, activation: Activation) -> tuple[nn.Module, list[Any]]:
        source = TorchSource(activation)
        stack = self._image(source) if len(self.shape) == 3 else self._flat(source)
        gain = 1.0  # the first layer takes the features, not an activation's output
        for module in stack:
            if isinstance(module, nn.Linear | nn.Conv2d):
                with torch.no_grad():
                    module.weight.normal_().mul_(gain / math.sqrt(module.weight[0].numel()))
                    assert module.bias is not None
                    module.bias.zero_()
                gain = source.gain
        return nn.Sequential(*stack), source.layers

    def _flat(self, source: TorchSource) -> list[nn.Module]:
        stack: list[nn.Module] = []
        width = math.prod(self.shape)
        for _ in range(DEPTH):
            stack += [nn.Linear(width, WIDTH), source()]
            width = WIDTH
        return [*stack, nn.Linear(width, self.outputs)]

    def _image(self, source: TorchSource) -> list[nn.Module]:
        stack: list[nn.Module] = []
        channels, height, width = self.shape
        for wider in CHANNELS:
            stack += [nn.Conv2d(channels, wider, 3, padding=1), source(), nn.MaxPool2d(2)]
            channels, height, width = wider, height // 2, width // 2
        flat = channels * height * width
        return [*stack, nn.Flatten(), nn.Linear(flat, WIDTH), source(), nn.Linear(WIDTH, self.outputs)]


@dataclass
class BuilderOf:
    """The user's function that takes the activation. With init "gain" the weights of each layer that the activation
    follows are multiplied by gain(f) / gain(baseline): the baseline keeps the builder's own initialisation."""

    make: Callable[[Any], Any]
    init: Init
    baseline: Activation
    example: Tensor
    followed: list[str] = field(init=False)

    def __post_init__(self) -> None:
        model, layers = self._built(self.baseline)
        if not layers:
            raise DataError("make_model never calls its argument: put activation() where the activation belongs")
        if not _reached(model, layers, self.example):
            instead = _instead(model, self.example)
            raise DataError(f"make_model ignores the activation: the model never calls it{instead}: "
                            "put activation() where the activation belongs")  # fmt: skip
        found = followers(model, self.example) if self.init == "gain" else {}
        self.followed = [name for name, after in found.items() if after == [self.baseline]]

    @property
    def weights(self) -> str:
        if not self.followed:
            return "as make_model initialises them, under one seed for all activations"
        return (f"as make_model initialises them, under one seed for all activations; those before the activation "
                f"({', '.join(self.followed)}) times gain/gain of {self.baseline}")  # fmt: skip

    def __call__(self, activation: Activation) -> tuple[nn.Module, list[Any]]:
        model, layers = self._built(activation)
        _scale(model, dict.fromkeys(self.followed, self.baseline.facts.gain), activation)
        return model, layers

    def _built(self, activation: Activation) -> tuple[nn.Module, list[Any]]:
        source = TorchSource(activation)
        return _checked(built_by(self.make, source)), source.layers


@dataclass
class Swapped:
    """A model that has activations already, or a function that builds one: `swap` puts the activation in.

    Replaced is every activation that is used inside; gates and outputs stay. With init "gain" the weights of a
    finished model are drawn anew (its modules' own `reset_parameters`, then He's rule with the gain of the activation
    that follows); those of a builder are kept. Either way they are multiplied by gain(f) / gain of what f replaces.
    With init "model" a finished model goes on from the weights that it has, under every seed.
    """

    given: Any
    init: Init
    example: Tensor
    replaced: list[str] = field(init=False)
    followed: dict[str, float] = field(init=False)
    left: list[str] = field(init=False)

    def __post_init__(self) -> None:
        model = self._fresh()
        try:
            places = activations(model, self.example)
        except NonlinError as error:
            raise DataError(f"no activation can be put into the model: {error}") from error
        inside = [p for p in places if p.name and not {"gate", "output", "along an axis"} & set(p.note.split(", "))]
        self.replaced = replaced(place.spec for place in inside)
        found = followers(model, self.example) if self.init == "gain" else {}
        single = {name: after[0] for name, after in found.items() if len(after) == 1}
        self.followed = {name: f.facts.gain for name, f in single.items() if str(f) in self.replaced}
        change = self._swapped(model, TorchSource(get(self.replaced[0])))
        self.left = [f"{place.spec or place.name} at {place.where or 'the model'}" for place in change.left]

    @property
    def weights(self) -> str:
        kept = f"; left as they are: {', '.join(self.left)}" if self.left else ""
        put = f"the activation in place of {', '.join(self.replaced)}, proved by a run{kept}"
        if self.init == "model":
            return f"as they are in the model, under every seed; {put}" if self._finished else f"the model's own; {put}"
        drawn = "drawn anew by He's rule" if self._finished else "the model's own, under one seed for all activations"
        return f"{drawn}, with the gain of the activation in {len(self.followed)} layers; {put}"

    def __call__(self, activation: Activation) -> tuple[nn.Module, list[Any]]:
        model, source = self._fresh(), TorchSource(activation)
        self._swapped(model, source)
        _scale(model, self.followed, activation)
        return model, source.layers

    @property
    def _finished(self) -> bool:
        return isinstance(self.given, nn.Module)

    def _fresh(self) -> nn.Module:
        if not self._finished:
            return _checked(built_by(self.given))
        model = copy.deepcopy(self.given)
        if self.init == "gain":
            for module in model.modules():
                reset = getattr(module, "reset_parameters", None)
                if callable(reset):
                    reset()
            init_(model, self.example)
        return _checked(model)

    def _swapped(self, model: nn.Module, source: TorchSource) -> Any:
        try:
            return swap(model, dict.fromkeys(self.replaced, source), example_inputs=self.example)
        except SwapError as error:
            raise DataError(f"{source} cannot be put into the model: {error}") from error


def maker_of(make_model: Any, init: Init, baseline: Activation, example: Tensor, outputs: int) -> Maker:
    """What builds the models of a comparison: the default model for None. Raises DataError for what is none."""
    if make_model is None:
        return DefaultModel(tuple(example.shape[1:]), outputs)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if isinstance(make_model, nn.Module) or not takes_activation(make_model):
            return Swapped(make_model, init, example)
        return BuilderOf(make_model, init, baseline, example)


def _checked(model: Any) -> nn.Module:
    if not isinstance(model, nn.Module):
        raise DataError(f"make_model gives no torch.nn.Module: {type(model).__name__}: return the model")
    if not any(p.requires_grad for p in model.parameters()):
        raise DataError(f"model without parameters to train: {type(model).__name__}: check make_model")
    return model


def _reached(model: nn.Module, layers: list[Any], example: Tensor) -> bool:
    """Whether a run calls one of the layers."""
    calls: list[Any] = []
    hooks = [one.register_forward_pre_hook(lambda *_: calls.append(1)) for one in layers]
    try:
        run(model, example)
    finally:
        for hook in hooks:
            hook.remove()
    return bool(calls)


def run(model: nn.Module, example: Tensor) -> Tensor:
    """The outputs for an example, in evaluation. Raises DataError where the model does not run."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            return model(example)
    except NonlinError:
        raise
    except Exception as error:
        raise DataError(f"the model does not run on samples of shape {tuple(example.shape)}: {said(error)}: "
                        "check the shapes of model and data") from error  # fmt: skip
    finally:
        model.train(training)


def _instead(model: nn.Module, example: Tensor) -> str:
    """What the model calls in its place, as the probe of `swap` sees it."""
    try:
        places = activations(model, example)
    except NonlinError:
        return ""
    called = [f"{place.spec or place.name} at {place.where or 'the model'}" for place in places if place.calls]
    return f", but {', '.join(called)}" if called else ""


def _scale(model: nn.Module, followed: dict[str, float], activation: Activation) -> None:
    """Weights times gain(f) over the gain that they were drawn for; tied ones once."""
    done: set[int] = set()
    for name, gain in followed.items():
        weight = model.get_submodule(name).weight
        if isinstance(weight, nn.Parameter) and id(weight) not in done:  # else it is computed from others
            done.add(id(weight))
            with torch.no_grad():
                weight.mul_(activation.facts.gain / gain)
