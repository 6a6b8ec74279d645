"""PyTorch: where the units of each layer of weights go in one forward, and whether they stay apart on the way.

A unit's place in a tensor is followed through the few functions that are known to keep units apart and a constant
unit constant. Anything else that takes the units, a sum, a product, a norm over them, an unknown function, the model's
output, refuses their layer by name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from nonlin.health.paths import Path
from nonlin.health.torch_marks import Mark, Units

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

Given = Sequence[tuple[Tensor, Mark | None]]  # what a function takes, and what is known of it


class Graph:
    """Follows units through one forward; `paths` is what it has seen."""

    def __init__(self, owners: Any):
        self.owners = owners  # id of a parameter -> name of its module
        self.paths: dict[str, Path] = {}

    def path(self, name: str) -> Path:
        return self.paths.setdefault(name, Path())

    def refuse(self, marks: Iterable[Mark | None], why: str) -> None:
        """The layers whose units these are."""
        for mark in marks:
            if mark is not None and mark.units is not None:
                which = "its units" if mark.units.activation else "its output before the activation"
                self.path(mark.units.source).refuse(f"{why} takes {which}")
                mark.units = None

    def activated(self, activation: str, mark: Mark, result: Any) -> Units | None:
        """The units in what an activation has returned."""
        units = mark.units
        if units is None:
            return None
        if units.activation or units.spread != 1 or not isinstance(result, Tensor):
            self.refuse([mark], f"{activation} after {units.activation or 'a change of shape'}")
            return None
        self.path(units.source).activations.add(activation)
        return replace(units, activation=activation)

    def called(
        self, func: Any, args: Any, kwargs: Any, given: Given, owner: str | None, results: Sequence[Tensor]
    ) -> Units | None:
        """The units in the only result of a function of torch; `owner` is the module of a matrix among what it took."""
        try:
            return self._called(func, args, kwargs, given, owner, results)
        except Exception as error:  # the model's forward goes on
            self.refuse([mark for _, mark in given], f"a call that failed here ({type(error).__name__}: {error})")
            return None

    def _called(
        self, func: Any, args: Any, kwargs: Any, given: Given, owner: str | None, results: Sequence[Tensor]
    ) -> Units | None:
        name = getattr(func, "__name__", str(func))
        carried = [(t, mark) for t, mark in given if mark is not None and mark.units is not None]
        if not (results or name == "__setitem__") or not (carried or owner is not None):
            return None
        x = args[0] if args else kwargs.get("input")
        alone = len(results) == 1 and all(t is x for t, _ in carried)
        mark = carried[0][1] if alone and carried else None
        if owner is not None:
            if alone and id(x) not in self.owners and name in _CONTRACTIONS:
                return self._weighted(owner, _CONTRACTIONS[name], x, mark, results[0])
            self.path(owner).refuse(f"{_taker(name)} takes its weights")
            self.refuse([mark for _, mark in carried], f"{_taker(name)} in {owner or 'the model'}")
            return None
        after = None
        if mark is not None and mark.units is not None:
            after = self._after(func, name, x, mark.units, args, kwargs, given, results[0])
        if after is None:
            self.refuse([mark for _, mark in carried], _taker(name))
        return after

    def _weighted(self, owner: str, inner: int, x: Tensor, mark: Mark | None, result: Tensor) -> Units:
        units = mark.units if mark is not None else None
        path = self.path(owner)
        path.takes.add(units.source if units is not None and units.activation else "")
        if mark is not None and units is not None:
            if not units.activation:
                self.refuse([mark], f"{owner}, with no activation between,")
            elif units.axis != x.dim() - 1 - inner:
                self.refuse([mark], f"{owner}, along another dimension,")
            else:
                self.path(units.source).consumers.add((owner, units.spread))
        axis = result.dim() - 1 - inner
        return Units(owner, axis, result.shape[axis])

    def _after(
        self, func: Any, name: str, x: Tensor, units: Units, args: Any, kwargs: Any, given: Given, result: Tensor
    ) -> Units | None:
        """Where the units of x, the first argument, are now; None where that is not known."""
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
            norm = next((self.owners[id(t)] for t, _ in given if id(t) in self.owners), None)
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
