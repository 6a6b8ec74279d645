"""PyTorch: where the units of each layer of weights go in one forward, and whether they stay apart on the way.

A unit's place in a tensor is followed through the few functions that are known to keep units apart and a constant
unit constant. Anything else that takes the units, a sum, a product, a norm over them, an unknown function, the model's
output, refuses their layer by name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from nonlin.health.paths import Path
from nonlin.tree import leaves

_SAME = {
    *("dropout", "dropout1d", "dropout2d", "dropout3d", "feature_dropout"),
    *("to", "type", "type_as", "float", "double", "half", "bfloat16", "cpu", "cuda"),
    *("clone", "contiguous", "detach", "requires_grad_", "retain_grad"),
}
_RESHAPES = {"flatten", "reshape", "view", "squeeze", "unsqueeze", "unflatten", "ravel"}
_MOVES = {"permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "t"}
_MEANS = {"mean", "amax"}
_POOL = re.compile(r"(?:adaptive_)?(?:max|avg)_pool([123])d")
_CONTRACTIONS = {"linear": 0, "conv1d": 1, "conv2d": 2, "conv3d": 3}  # dimensions after that of the units
_WHY = {
    "sum": {"add", "__add__", "__radd__", "add_", "__iadd__", "sub", "__sub__", "__rsub__", "sub_", "__isub__"},
    "product": {"mul", "__mul__", "__rmul__", "mul_", "__imul__", "div", "__truediv__", "multiply"},
    "concatenation": {"cat", "concat", "concatenate", "stack", "hstack", "vstack"},
    "normalisation": {"batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm", "local_response_norm"},
}


@dataclass(frozen=True)
class Units:
    """Where `count` units of the layer `source` lie: along `axis`, each `spread` times in a row.

    `activation` is what they have gone through, "" before it.
    """

    source: str
    axis: int
    count: int
    spread: int = 1
    activation: str = ""


class Graph:
    """Follows units through one forward; `paths` is what it has seen."""

    def __init__(self, owners: Any):
        self.owners = owners  # id of a parameter -> name of its module
        self.paths: dict[str, Path] = {}
        self.units: Any = WeakIdKeyDictionary()

    def path(self, name: str) -> Path:
        return self.paths.setdefault(name, Path())

    def refuse(self, tensors: Any, why: str) -> None:
        """The layers whose units these are."""
        for tensor in tensors:
            units = self.units.pop(tensor, None) if isinstance(tensor, Tensor) else None
            if units is not None:
                which = "its units" if units.activation else "its output before the activation"
                self.path(units.source).refuse(f"{why} takes {which}")

    def returned(self, output: Any) -> None:
        """What the model returns is used where no forward shows it."""
        self.refuse(leaves(output), "the model's output")

    def activated(self, activation: str, x: Any, result: Any) -> None:
        """An activation was called: after it, for x may be overwritten."""
        units = self.units.get(x) if isinstance(x, Tensor) else None
        if units is None:
            return
        if units.activation or units.spread != 1 or not isinstance(result, Tensor):
            self.refuse([x], f"{activation} after {units.activation or 'a change of shape'}")
            return
        self.path(units.source).activations.add(activation)
        self.units[result] = replace(units, activation=activation)

    def called(
        self, func: Any, args: Any, kwargs: Any, given: Sequence[Tensor], owner: str | None, result: Any
    ) -> None:
        """A function of torch was called on `given`; `owner` is the module of a matrix among them."""
        try:
            self._called(func, args, kwargs, given, owner, result)
        except Exception as error:  # the model's forward goes on
            self.refuse([*given, *leaves(result)], f"a call that failed here ({type(error).__name__}: {error})")

    def _called(
        self, func: Any, args: Any, kwargs: Any, given: Sequence[Tensor], owner: str | None, result: Any
    ) -> None:
        name = getattr(func, "__name__", str(func))
        carried = [t for t in given if t in self.units]
        results = [t for t in leaves(result) if isinstance(t, Tensor)]
        if not (results or name == "__setitem__") or not (carried or owner is not None):
            return
        x = args[0] if args else kwargs.get("input")
        alone = len(results) == 1 and all(t is x for t in carried)
        if owner is not None:
            self._weighted(name, owner, x, carried, results, alone)
            return
        after = self._after(func, name, args, kwargs, given, results[0]) if alone else None
        if after is None:
            self.refuse([*carried, *results], _taker(name))
        else:
            self.units[results[0]] = after

    def _weighted(
        self, name: str, owner: str, x: Any, carried: list[Tensor], results: list[Tensor], alone: bool
    ) -> None:
        path, inner = self.path(owner), _CONTRACTIONS.get(name)
        if inner is None or not alone or id(x) in self.owners:
            path.refuse(f"{_taker(name)} takes its weights")
            self.refuse([*carried, *results], f"{_taker(name)} in {owner or 'the model'}")
            return
        units = self.units.get(x)
        path.takes.add(units.source if units is not None and units.activation else "")
        if units is not None:
            if not units.activation:
                self.refuse([x], f"{owner}, with no activation between,")
            elif units.axis != x.dim() - 1 - inner:
                self.refuse([x], f"{owner}, along another dimension,")
            else:
                self.path(units.source).consumers.add((owner, units.spread))
        axis = results[0].dim() - 1 - inner
        self.units[results[0]] = Units(owner, axis, results[0].shape[axis])

    def _after(self, func: Any, name: str, args: Any, kwargs: Any, given: Any, result: Tensor) -> Units | None:
        """Where the units of the first argument are now; None where that is not known."""
        x = args[0] if args else kwargs["input"]
        units: Units = self.units[x]
        pool = _POOL.fullmatch(name)
        if name in _SAME or (name == "pad" and _padding(args, kwargs) != "constant"):
            return units if result.shape[units.axis] == x.shape[units.axis] else None
        if pool is not None:
            return units if units.axis < x.dim() - int(pool[1]) else None
        if name in _RESHAPES:
            return _reshaped(units, x.shape, result.shape)
        if name in _MOVES:
            probe = torch.empty_strided(x.shape, [1 << i for i in range(x.dim())], device="meta")
            moved = func(probe, *args[1:], **{k: v for k, v in kwargs.items() if k != "input"})
            return replace(units, axis=moved.stride().index(1 << units.axis))
        if name in _MEANS:
            return _averaged(units, x.dim(), args, kwargs)
        if name == "batch_norm" and not units.activation and units.axis == 1:
            norm = next((self.owners[id(t)] for t in given if id(t) in self.owners), None)
            if norm is not None:
                self.path(norm).takes.add(units.source)
                self.path(units.source).norms.add(norm)
                return units
        return None


def _taker(name: str) -> str:
    if name == "__get__":
        return "an attribute"
    return next((f"a {kind} ({name})" for kind, names in _WHY.items() if name in names), f"the function {name}")


def _padding(args: Any, kwargs: Any) -> str:
    return kwargs.get("mode", args[2] if len(args) > 2 else "constant")


def _reshaped(units: Units, old: Sequence[int], new: Sequence[int]) -> Units | None:
    """In row-major order a unit is where (place // stretch) % count says; one new dimension has to say the same."""
    stretch = units.spread * math.prod(old[units.axis + 1 :])
    for axis, size in enumerate(new):
        inner = math.prod(new[axis + 1 :])
        if inner and stretch % inner == 0 and size == units.count * (stretch // inner):
            return replace(units, axis=axis, spread=stretch // inner)
    return None


def _averaged(units: Units, dims: int, args: Any, kwargs: Any) -> Units | None:
    over = kwargs.get("dim", args[1] if len(args) > 1 else None)
    if over is None:
        return None
    gone = {d % dims for d in ([over] if isinstance(over, int) else over)}
    if units.axis in gone:
        return None
    keeps = kwargs.get("keepdim", args[2] if len(args) > 2 else False)
    return units if keeps else replace(units, axis=units.axis - sum(d < units.axis for d in gone))
