"""PyTorch: one forward pass seen from inside, and the gradients of its activations' inputs.

A mode is handed every function that the forward calls. Tensors carry the names of the layers of weights that they come
from, through normalisation, dropout, sums and changes of shape, up to the activation that takes them. Of what it takes
a part of the observations is measured, on the tensor's own device; all that leaves it is copied at once.
"""

# torch has no public names for what a mode may switch off.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakIdKeyDictionary

from nonlin.activation import Activation
from nonlin.health.measures import WIDE, around, sums
from nonlin.health.torch_graph import Graph
from nonlin.health.torch_ranks import Row
from nonlin.health.torch_units import rows_of, slope, whole
from nonlin.own_calls import own_calls
from nonlin.slopes import steepest
from nonlin.torch.following import CONTRACTIONS, PRODUCTS, WEIGHTED
from nonlin.torch.known import called
from nonlin.torch.modules import Layer
from nonlin.torch.recognition import SPELLINGS
from nonlin.vector import VectorActivation


@dataclass
class Seen:
    """An activation that a forward has called on the output of one layer of weights."""

    source: str
    activation: Activation
    kind: str
    hidden: bool = False  # whether a layer of weights takes what it returns
    sums: list[Tensor] = field(default_factory=list[Tensor])
    observations: int = 0
    finite: list[Tensor] = field(default_factory=list[Tensor])
    squares: list[Tensor] = field(default_factory=list[Tensor])  # mean (dL/dz)^2 of each call


@dataclass(frozen=True)
class _Trail:
    """What a tensor comes from: layers of weights, the last one last, and activations."""

    sources: tuple[str, ...] = ()
    activations: tuple[Seen, ...] = ()
    weight: str = ""  # the layer whose weight it is, transposed or so


class Sample(TorchFunctionMode):
    """Measures the activations of one forward between `enter` and `leave`."""

    def __init__(self, model: nn.Module, owners: Mapping[int, str], most: int):
        super().__init__()
        self.model, self.owners, self.most = model, owners, most
        self.found: dict[tuple[str, str], Seen] = {}
        self.trails: Any = WeakIdKeyDictionary()
        self.graph = Graph(owners)
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
            elif isinstance(module, WEIGHTED) and id(module.weight) not in self.owners:  # it is computed
                self.stack.callback(module.register_forward_hook(self._weighted(name)).remove)
        self.stack.enter_context(own_calls(self._own))
        self.stack.enter_context(self)
        self.entered = True

    def leave(self, output: Any = None) -> None:
        """Sees no more, but for gradients; `output` is what the model returns."""
        if self.entered:
            self.graph.returned(output)
            self.entered = False
            self.stack.close()
        self.trails = WeakIdKeyDictionary()
        self.graph.units = WeakIdKeyDictionary()

    # What is called -------------------------------------------------------------------------------------------------

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.inside:
            return func(*args, **kwargs)
        if func in SPELLINGS:
            activation = called(func, args, kwargs)
            if activation is not None and not isinstance(activation, VectorActivation):
                x = args[0] if args else kwargs.get("input")
                return self._activated(activation, x, lambda: func(*args, **kwargs))
        given = list(_tensors(args)) + list(_tensors(kwargs.values()))
        trails = [t for g in given if (t := self.trails.get(g)) is not None]
        result = func(*args, **kwargs)
        self._safely(self._passed, func, args, kwargs, given, trails, result)
        return result

    def _passed(
        self, func: Any, args: Any, kwargs: Any, given: list[Tensor], trails: list[_Trail], result: Any
    ) -> None:
        """A function that is no activation has made `result`."""
        name = getattr(func, "__name__", "")
        owner = next((self.owners[id(g)] for g in given if g.dim() > 1 and id(g) in self.owners), None)
        self.graph.called(func, args, kwargs, given, owner, result)
        if not trails and owner is None:
            return
        owner = owner or next((t.weight for t in trails if t.weight), None)
        if owner is not None and all(id(g) in self.owners or self._is_weight(g) for g in given):
            after = _Trail(weight=owner)
        elif owner is not None or name in CONTRACTIONS:
            for trail in trails:
                _taken(trail)
            after = _Trail((owner,) if owner is not None else ())
        else:
            gated = name in PRODUCTS and sum(g.dim() > 0 and type(g) is Tensor for g in given) > 1
            sources = () if gated else tuple(dict.fromkeys(s for t in trails for s in t.sources))
            after = _Trail(sources, tuple({id(a): a for t in trails for a in t.activations}.values()))
        for tensor in _tensors((result,)):
            self.trails[tensor] = after

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

    def _is_weight(self, tensor: Tensor) -> bool:
        trail = self.trails.get(tensor)
        return trail is not None and bool(trail.weight)

    def _activated(self, activation: Activation, x: Any, call: Any) -> Any:
        """An activation takes x: it is measured before it may be overwritten."""
        observed = self._safely(self._before, activation, x)
        result = call()
        self._safely(self.graph.activated, str(activation), x, result)
        self._safely(self._after, observed, result)
        return result

    def _own(self, activation: Any, x: Any, call: Any) -> Any:
        """One of this package's, called as a function."""
        if self.inside:
            return call()
        if isinstance(activation, VectorActivation):
            self.graph.refuse([x], str(activation))
            return call()
        with torch._C.DisableTorchFunction():  # under a mode it would not come to its kernel
            return self._activated(activation, x, call)

    def _watch(self, module: nn.Module, activation: Activation) -> None:
        """A module whose whole forward is an activation."""
        off = torch._C.DisableTorchFunction if isinstance(module, Layer) else ExitStack
        open_: list[Any] = []

        def before(_module: Any, inputs: Any) -> None:
            x = inputs[0] if inputs and isinstance(inputs[0], Tensor) else None
            observed = None if self.inside else self._safely(self._before, activation, x)
            self.inside += 1
            guard = off()
            guard.__enter__()
            open_.append((guard, observed, x))

        def after(_module: Any, _inputs: Any, output: Any = None) -> None:
            guard, observed, x = open_.pop()
            guard.__exit__(None, None, None)
            self.inside -= 1
            if not self.inside:
                self._safely(self.graph.activated, str(activation), x, output)
                self._safely(self._after, observed, output)

        self.stack.callback(module.register_forward_pre_hook(before).remove)
        self.stack.callback(module.register_forward_hook(after, always_call=True).remove)

    def _weighted(self, name: str) -> Any:
        def after(_module: Any, inputs: Any, output: Any) -> None:
            for tensor in _tensors(inputs):
                if (trail := self.trails.get(tensor)) is not None:
                    _taken(trail)
            for tensor in _tensors((output,)):
                self.trails[tensor] = _Trail((name,))

        return after

    # What is measured -----------------------------------------------------------------------------------------------

    def _seen(self, activation: Activation, x: Tensor) -> Seen | None:
        trail = self.trails.get(x)
        if trail is None or not trail.sources or x.dim() < 2:
            return None
        source = trail.sources[-1]
        key = source, str(activation)
        if key not in self.found:
            self.found[key] = Seen(source, activation, type(self._module(source)).__name__)
        return self.found[key]

    def _before(self, activation: Activation, x: Any) -> tuple[Seen, Tensor, Tensor, int] | None:
        """What an activation takes is measured before it may be overwritten; None where no layer is known for it."""
        seen = self._seen(activation, x) if isinstance(x, Tensor) and x.is_floating_point() else None
        if seen is None:
            return None
        axis = self._units(seen.source, x)
        with torch.no_grad():
            z = rows_of(x.detach(), axis, self.most)
            slopes = slope(activation, z)
            reached = slope(activation, around(z, _steps(z.device, z.dtype))).abs().amax(0)
            seen.finite.append(torch.isfinite(x.detach().sum(dtype=torch.float32)))
        if x.requires_grad:
            x.register_hook(lambda grad: seen.squares.append(rows_of(grad.detach(), axis, self.most).square().mean()))
        return seen, slopes, reached, axis

    def _after(self, observed: Any, result: Any) -> None:
        if observed is None or not isinstance(result, Tensor):
            return
        seen, slopes, reached, axis = observed
        with torch.no_grad():
            outputs = rows_of(result.detach(), axis, self.most)
            rows = sums(slopes, outputs, steepest(seen.activation))
            seen.sums.append(torch.stack([row.to(outputs.dtype) for row in (*rows, reached)]))
        seen.observations += len(outputs)
        self.trails[result] = _Trail((), (seen,))

    def _units(self, source: str, x: Tensor) -> int:
        """The dimension of the units: of a convolution 1, else the last; the other one if its size alone is right."""
        module = self._module(source)
        first = 1 if isinstance(module, WEIGHTED[1:]) else x.dim() - 1
        wanted = getattr(module, "out_channels", None) or getattr(module, "out_features", None)
        second = x.dim() - 1 if first == 1 else 1
        return second if wanted is not None and x.shape[first] != wanted == x.shape[second] else first

    def _module(self, name: str) -> nn.Module | None:
        return self.model.get_submodule(name)

    def first_bad(self) -> str:
        """The first layer of weights whose output was not finite, where an activation took it."""
        return next((s.source for s in self.found.values() if not all(map(bool, s.finite))), "")

    def rows(self) -> list[Row]:
        """Of each activation the sums of `measures.sums` and the steepest slope around its units, RMS(dL/dz), and
        whether all was finite."""
        found = [s for s in self.found.values() if s.sums and len({t.shape for t in s.sums}) == 1]
        if not found:
            return []
        tables = [torch.cat([(t := torch.stack(s.sums))[:, :-1].sum(0), t[:, -1:].amax(0)]) for s in found]
        extra = [
            torch.stack([torch.stack(s.finite).all().float(), _mean(s.squares, t.device)])
            for s, t in zip(found, tables, strict=True)
        ]
        flat = torch.cat([t.flatten().to(tables[0].device) for t in (*tables, *extra)]).cpu().numpy().astype(np.float64)
        parts = np.split(flat, np.cumsum([t.numel() for t in (*tables, *extra)])[:-1])
        return [
            Row(
                *(s.source, s.activation, s.kind, s.hidden, s.observations),
                sums=part.reshape(tuple(table.shape)),
                gradient=float(more[1]) ** 0.5 if s.squares else None,
                finite=bool(more[0]),
            )
            for s, table, part, more in zip(found, tables, parts, parts[len(found) :], strict=False)
        ]


@cache
def _steps(device: Any, dtype: torch.dtype) -> Tensor:
    return torch.arange(-WIDE, WIDE + 1, device=device, dtype=dtype).unsqueeze(1)


def _mean(squares: list[Tensor], device: Any) -> Tensor:
    return torch.stack(squares).mean() if squares else torch.zeros((), device=device)


def _taken(trail: _Trail) -> None:
    for seen in trail.activations:
        seen.hidden = True


def _tensors(values: Any) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)
