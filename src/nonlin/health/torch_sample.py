"""PyTorch: one forward pass seen from inside.

A mode is handed every function that the forward calls. Tensors carry the names of the layers of weights that they come
from, through normalisation, dropout, sums and changes of shape, up to the activation that takes them.
"""

# torch has no public names for what a mode may switch off.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from nonlin.activation import Activation
from nonlin.health.torch_graph import Graph
from nonlin.health.torch_marks import Mark, Marks
from nonlin.health.torch_measured import Measured, Seen, rows
from nonlin.health.torch_ranks import Row
from nonlin.health.torch_whole import whole
from nonlin.own_calls import own_calls
from nonlin.torch.following import CONTRACTIONS, PRODUCTS, WEIGHTED
from nonlin.torch.known import called_plainly
from nonlin.torch.modules import Layer
from nonlin.torch.recognition import SPELLINGS
from nonlin.tree import leaves
from nonlin.vector import VectorActivation

_NONE = Mark()


class Sample(TorchFunctionMode):
    """Looks at the activations of one forward between `enter` and `leave`.

    At most `most` observations of each unit go to `measured`; `graph`, where there is one, follows where units go.
    """

    def __init__(
        self,
        model: nn.Module,
        owners: Mapping[int, str],
        measured: Measured,
        graph: Graph | None,
        step: int,
        most: int,
    ):
        super().__init__()
        self.model, self.owners, self.measured, self.graph = model, owners, measured, graph
        self.step, self.most = step, most
        self.found: dict[tuple[str, str], Seen] = {}
        self.marks = Marks()
        self.stack = ExitStack()
        self.entered = False
        self.failure: Exception | None = None
        self.inside = 0  # modules that are one activation as a whole

    def enter(self) -> None:
        """From now on, until `leave`."""
        for name, module in self.model.named_modules():
            activation = whole(module)
            if activation is not None:
                self._watch(module, activation)
            elif isinstance(module, WEIGHTED) and "weight" not in module._parameters:  # it is computed
                self.stack.callback(module.register_forward_hook(self._weighted(name)).remove)
        self.stack.enter_context(own_calls(self._own))
        self.stack.enter_context(self)
        self.entered = True

    def leave(self, output: Any = None) -> None:
        """Sees no more, but for gradients; `output` is what the model returns, used where no forward shows it."""
        if self.entered:
            if self.graph is not None:
                ends = (self.marks.get(t) for t in leaves(output) if isinstance(t, Tensor))
                self.graph.refuse(ends, "the model's output")
            self.entered = False
            self.stack.close()
        self.marks.clear()

    # What is called -------------------------------------------------------------------------------------------------

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.inside or self.failure is not None:
            return func(*args, **kwargs)
        if func in SPELLINGS:
            activation = called_plainly(func, args, kwargs)
            if activation is not None and not isinstance(activation, VectorActivation):
                x = args[0] if args else kwargs.get("input")
                return self._activated(activation, x, lambda: func(*args, **kwargs))
        given: list[tuple[Tensor, Mark | None]] = []  # before an in-place function changes what they are
        self._marked(args, given)
        if kwargs:
            self._marked(kwargs.values(), given)
        result = func(*args, **kwargs)
        self._safely(self._passed, func, args, kwargs, given, result)
        return result

    def _marked(self, values: Iterable[Any], given: list[tuple[Tensor, Mark | None]]) -> None:
        for value in values:
            if isinstance(value, Tensor):
                given.append((value, self.marks.get(value)))
            elif isinstance(value, list | tuple):
                self._marked(value, given)

    def _passed(
        self, func: Any, args: Any, kwargs: Any, given: Sequence[tuple[Tensor, Mark | None]], result: Any
    ) -> None:
        """A function that is no activation has made `result`."""
        owners, marks = self.owners, [mark for _, mark in given if mark is not None]
        owner = next((owners[id(g)] for g, _ in given if id(g) in owners and g.dim() > 1), None)
        if not marks and owner is None:
            return
        name = getattr(func, "__name__", "")
        results = [result] if isinstance(result, Tensor) else [t for t in leaves(result) if isinstance(t, Tensor)]
        graph = self.graph
        units = None if graph is None else graph.called(func, args, kwargs, given, owner, results)
        owner = owner or next((mark.weight for mark in marks if mark.weight), None)
        after = _NONE
        if owner is not None and all(id(g) in owners or (mark or _NONE).weight for g, mark in given):
            after = Mark(weight=owner)
        elif owner is not None or name in CONTRACTIONS:
            for mark in marks:
                _taken(mark)
            after = Mark((owner,) if owner is not None else ())
        else:
            gated = name in PRODUCTS and sum(g.dim() > 0 and type(g) is Tensor for g, _ in given) > 1
            sources = () if gated else tuple(dict.fromkeys(s for mark in marks for s in mark.sources))
            after = Mark(sources, tuple({id(a): a for mark in marks for a in mark.activations}.values()))
        for tensor in results:
            self.marks.set(tensor, Mark(after.sources, after.activations, after.weight, units))

    def _safely(self, look: Any, *given: Any) -> Any:
        """What fails in here must not reach the model: nothing more is looked at, and the watcher says why."""
        if self.failure is not None:
            return None
        try:
            with torch._C.DisableTorchFunction():
                return look(*given)
        except Exception as error:
            self.failure = error
            return None

    def _activated(self, activation: Activation, x: Any, call: Any) -> Any:
        """An activation takes x: it is measured before it may be overwritten."""
        observed = self._safely(self._before, activation, x)
        result = call()
        self._safely(self._after, observed, activation, result)
        return result

    def _own(self, activation: Any, x: Any, call: Any) -> Any:
        """One of this package's, called as a function."""
        if self.inside:
            return call()
        if isinstance(activation, VectorActivation):
            if self.graph is not None:
                self.graph.refuse([self._mark(x)], str(activation))
            return call()
        with torch._C.DisableTorchFunction():  # under a mode it would not come to its kernel
            return self._activated(activation, x, call)

    def _watch(self, module: nn.Module, activation: Activation) -> None:
        """A module whose whole forward is an activation."""
        off = torch._C.DisableTorchFunction if isinstance(module, Layer) else ExitStack
        open_: list[Any] = []

        def before(_module: Any, inputs: Any) -> None:
            observed = None if self.inside else self._safely(self._before, activation, inputs[0] if inputs else None)
            self.inside += 1
            guard = off()
            guard.__enter__()
            open_.append((guard, observed))

        def after(_module: Any, _inputs: Any, output: Any = None) -> None:
            guard, observed = open_.pop()
            guard.__exit__(None, None, None)
            self.inside -= 1
            if not self.inside:
                self._safely(self._after, observed, activation, output)

        self.stack.callback(module.register_forward_pre_hook(before).remove)
        self.stack.callback(module.register_forward_hook(after, always_call=True).remove)

    def _weighted(self, name: str) -> Any:
        def after(_module: Any, inputs: Any, output: Any) -> None:
            for tensor in leaves(inputs):
                if (mark := self._mark(tensor)) is not None:
                    _taken(mark)
            for tensor in leaves(output):
                if isinstance(tensor, Tensor):
                    mark = self.marks.get(tensor)
                    self.marks.set(tensor, Mark((name,), units=mark.units if mark is not None else None))

        return after

    # What is measured -----------------------------------------------------------------------------------------------

    def _mark(self, x: Any) -> Mark | None:
        return self.marks.get(x) if isinstance(x, Tensor) else None

    def _before(self, activation: Activation, x: Any) -> tuple[Mark, Seen | None, int, Any] | None:
        """What an activation takes is measured before it may be overwritten; None where nothing is known of it."""
        mark = self._mark(x)
        if mark is None:
            return None
        if not mark.sources or x.dim() < 2 or not x.is_floating_point():
            return mark, None, 0, None
        source = mark.sources[-1]
        module = self.model.get_submodule(source)
        key = source, str(activation)
        if key not in self.found:
            self.found[key] = Seen(source, activation, type(module).__name__, self.most, self.step)
        axis = _axis(module, x)
        with torch.no_grad():
            return mark, self.found[key], axis, self.found[key].takes(x, axis)

    def _after(self, observed: Any, activation: Activation, result: Any) -> None:
        if observed is None:
            return
        mark, seen, axis, z = observed
        units = None if self.graph is None else self.graph.activated(str(activation), mark, result)
        if not isinstance(result, Tensor):
            return
        if seen is not None:
            with torch.no_grad():
                self.measured.add(seen, z, result, axis)
        self.marks.set(result, Mark((), () if seen is None else (seen,), "", units))

    def first_bad(self) -> str:
        """The first layer of weights whose output was not finite, where an activation took it."""
        return next((s.source for s in self.found.values() if not all(map(math.isfinite, s.totals))), "")

    def rows(self) -> list[Row]:
        """What was seen of each activation."""
        return rows(self.found.values())


def _axis(module: nn.Module, x: Tensor) -> int:
    """The dimension of the units: of a convolution 1, else the last; the other one if its size alone is right."""
    first = 1 if isinstance(module, WEIGHTED[1:]) else x.dim() - 1
    wanted = getattr(module, "out_channels", None) or getattr(module, "out_features", None)
    second = x.dim() - 1 if first == 1 else 1
    return second if wanted is not None and x.shape[first] != wanted == x.shape[second] else first


def _taken(mark: Mark) -> None:
    for seen in mark.activations:
        seen.hidden = True
