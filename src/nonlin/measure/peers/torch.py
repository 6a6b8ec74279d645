"""PyTorch: its own functions, the same through torch.compile, and nonlin's on tensors."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

import torch
from torch.nn import functional

from nonlin.activation import Activation
from nonlin.measure.peers.library import Call, Function, Library, named, spelled


class Torch(Library):
    """torch's own function, eager."""

    name, module = "torch", "torch"

    def use_threads(self, count: int) -> None:
        torch.set_num_threads(count)

    def function(self, activation: Activation) -> Function | None:
        """The function from tensor to tensor."""
        return own_function(activation)

    def value(self, activation: Activation) -> Function | None:
        function = self.function(activation)
        return None if function is None else lambda x: function(torch.from_numpy(x)).detach().numpy()

    def derivative(self, activation: Activation) -> Function | None:
        function = self.function(activation)
        if function is None:
            return None

        def derivative(x: Any) -> Any:
            point = torch.from_numpy(x).requires_grad_()
            result = function(point)
            return torch.autograd.grad(result, point, torch.ones_like(result))[0].numpy()

        return derivative

    def forward(self, activation: Activation, x: Any) -> Call | None:
        function = self.function(activation)
        return None if function is None else partial(function, _tensor(x))

    def forward_backward(self, activation: Activation, x: Any, gradient: Any) -> Call | None:
        function = self.function(activation)
        if function is None:
            return None
        point, given = _tensor(x).requires_grad_(), _tensor(gradient)

        def call() -> None:
            point.grad = None
            function(point).backward(given)

        return call


class TorchCompile(Torch):
    """torch's own function through torch.compile, for each shape anew."""

    name = "torch.compile"

    def function(self, activation: Activation) -> Function | None:
        function = own_function(activation)
        if function is None:
            return None
        # Dynamo compiles one piece of code for a few functions and shapes only, and here each is measured by itself.
        torch.compiler.reset()
        return torch.compile(lambda x: function(x), dynamic=False, fullgraph=True)


class NonlinTorch(Torch):
    """nonlin on tensors."""

    name, ours = "nonlin torch", True

    def function(self, activation: Activation) -> Function | None:
        return activation


def _tensor(x: Any) -> Any:
    """A tensor in memory of torch's own, which is aligned as NumPy's is not."""
    return torch.from_numpy(x).clone()


def own_function(activation: Activation) -> Function | None:
    """torch's function of an activation; its module in evaluation mode where the function wants more than x."""
    found = named(activation, "torch")
    if found is None:
        return None
    layer = getattr(torch.nn, found.names[0])
    given = spelled(activation, found, inspect.signature(layer).parameters)
    if given is None:
        return None
    function = _functional(found.names[0])
    if function is not None:
        call = partial(function, **given) if given else function
        try:
            call(torch.zeros(1))
            return call
        except TypeError:  # the weight of a layer that learns its slope
            pass
    return layer(**given).eval()


def _functional(layer: str) -> Function | None:
    """The function beside a layer, in `torch` where it is there too: those of `functional` add a call around it."""
    for place in (torch, functional):
        for name in dir(place):
            if name.replace("_", "") == layer.lower() and not name.startswith("_") and not name.endswith("_"):
                return getattr(place, name)
    return None
