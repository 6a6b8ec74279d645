"""A forward whose calls of activations go to layers: what reaches the functions that no module can stand for.

The mode is entered inside the forward of the module that calls: so it holds in every thread, and where a checkpoint
computes the forward again in the backward pass. Each call makes its own, so no run disturbs another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nonlin.errors import SwapError
from nonlin.spelling import Call, Fixed
from nonlin.surgery.torch import Mode, grad_enabled, is_symbol, unseen
from nonlin.torch.recognition import read
from nonlin.vector import VectorActivation


@dataclass
class Rule:
    """Which call goes where: of this entry, with these parameters or (None) any, to a layer or a child of that name.

    Neither: the call is kept from the rules of the modules around this one. `fresh`: of the swap at work.
    """

    name: str
    fixed: Fixed | None
    layer: Any = None
    child: str = ""
    fresh: bool = True

    @property
    def keeps(self) -> bool:
        return self.layer is None and not self.child


class Rerouted:
    """The forward of a module, by `rules`; `inner` is what is called instead of its class's forward.

    `watch` is told of every call that a rule holds for, by a run that proves something.
    """

    def __init__(self, module: Any, inner: Any = None):
        self.module, self.inner = module, inner
        self.rules: list[Rule] = []
        self.watch: Any = None
        self.nested = False  # whether a module around this one is rerouted too

    @property
    def __wrapped__(self) -> Any:
        """What `inspect.signature` is to see."""
        return self.inner or type(self.module).forward.__get__(self.module)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if any(is_symbol(value) for value in (*args, *kwargs.values())):
            raise SwapError(
                "functions that a forward calls are replaced when it runs, which a symbolic trace does not: "
                "torch.fx: use torch.export, or write them as layers"
            )
        with Mode(self.handle):
            if self.inner is not None:
                return self.inner(*args, **kwargs)
            return type(self.module).forward(self.module, *args, **kwargs)

    def handle(self, function: Any, args: Any, kwargs: Any) -> Any:
        """The result of one of torch's functions, called in the forward."""
        call = read(function, args, kwargs)
        rule = None if call is None else self.rule(call)
        if call is None or rule is None:
            return function(*args, **kwargs)
        if self.watch is not None and not rule.keeps:
            self.watch(call)
        if not self.nested:
            return self.follow(rule, call)
        with unseen():  # by the rules of the modules around
            return function(*args, **kwargs) if rule.keeps else self.follow(rule, call)

    def rule(self, call: Call) -> Rule | None:
        for rule in self.rules:
            if rule.name == call.name and (rule.fixed is None or rule.fixed == call.fixed):
                return rule
        return None

    def follow(self, rule: Rule, call: Call) -> Any:
        layer, x = self.module._modules[rule.child] if rule.child else rule.layer, call.x
        if layer.training != self.module.training:
            layer.train(self.module.training)
        if call.given.get("dtype") is not None:
            x = x.to(call.given["dtype"])
        if call.inplace:
            return x.copy_(layer(x.clone() if grad_enabled() else x))
        if isinstance(getattr(layer, "activation", None), VectorActivation):
            axis = call.given.get("dim", -1)
            y = layer.activation(x, axis=(0 if x.dim() in (0, 1, 3) else 1) if axis is None else axis)
        else:
            y = layer(x)
        return y if call.given.get("out") is None else call.given["out"].copy_(y)
