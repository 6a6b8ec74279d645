"""PyTorch: what watches a model's own forward and backward passes, and changes nothing in them.

On a sampled step a mode sees every function that the forward calls, modules' and others, and follows which layer of
weights a tensor comes from. In between, one short hook a layer remembers, without keeping it alive, what went through
it, so that a nan is traced to where it began.
"""

# torch has no public names for whether a mode is at work and for what switches it off.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from nonlin.errors import WatchError
from nonlin.health.goes_on import warned
from nonlin.health.paths import merge
from nonlin.health.record import Bad, Record
from nonlin.health.torch_ranks import is_parallel, of_all_ranks
from nonlin.health.torch_sample import Sample

WEIGHTED = (nn.Linear, nn.modules.conv._ConvNd, nn.Bilinear, nn.Embedding, nn.RNNBase, nn.MultiheadAttention)
# Observations of each unit in a sampled step: a few, where the next such step is near; more would tell no more of a
# share of 1 %.
_LEAST, _MOST = 256, 1024
_ENTRIES = 4096  # of a weight, which tell how large its update is


def unwrapped(model: Any) -> tuple[nn.Module, str]:
    """The module whose forward is the user's code, and what to say of what was around it."""
    note = ""
    if isinstance(model, nn.parallel.DistributedDataParallel | nn.DataParallel):
        model = model.module
    if hasattr(model, "_orig_mod"):
        note = (
            "the model is compiled: what it computes inside is not seen; watch it before torch.compile and train "
            "the uncompiled one for some steps"
        )
        model = model._orig_mod
    if not isinstance(model, nn.Module):
        raise WatchError(f"not a torch.nn.Module: {type(model).__name__}: give the model that is trained")
    return model, note


class Watcher:
    """The hooks of one model and its optimizer; `record` is what they write to."""

    def __init__(self, model: Any, optimizer: Any, every: int, record: Record):
        self.model, note = unwrapped(model)
        self.optimizer, self.every, self.record = optimizer, every, record
        self.parallel = is_parallel(model)
        if note:
            record.note(note)
        self.names = {module: name for name, module in self.model.named_modules()}
        self.owners = {id(p): self.names[m] for m in self.names for p in m.parameters(recurse=False)}
        self.step = -1 if optimizer is None else 0
        self._sampled_at = -every
        self._sample: Sample | None = None
        self._passed: list[tuple[str, Any, Any]] = []
        self._handles: list[Any] = []
        self._before: dict[str, Tensor] = {}
        self.changed: Callable[[], None] | None = None  # called after each sampled step
        self._inside = 0  # forward passes of the model that are open, one in another

    # Its hooks ------------------------------------------------------------------------------------------------------

    def attach(self) -> None:
        add = self._handles.append
        add(self.model.register_forward_pre_hook(self._guarded(self._begin), prepend=True, with_kwargs=True))
        add(self.model.register_forward_hook(self._guarded(self._end), always_call=True))
        for module, name in self.names.items():
            if isinstance(module, WEIGHTED):
                add(module.register_forward_hook(self._passing(name)))
        if self.optimizer is not None:
            add(self.optimizer.register_step_pre_hook(self._guarded(self._before_step)))
            add(self.optimizer.register_step_post_hook(self._guarded(self._after_step)))

    def detach(self) -> None:
        """Takes all hooks away; what has not been written down yet is."""
        self._finish()
        self._remove()

    def _remove(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def settle(self) -> None:
        """What has been sampled is written down."""
        self._finish()

    def _guarded(self, hook: Callable[..., None]) -> Callable[..., None]:
        """A failure in here is said, and training goes on without it."""

        def guarded(*given: Any) -> None:
            if torch.compiler.is_compiling():
                return
            try:
                hook(*given)
            except Exception as error:
                self._failed(error)

        return guarded

    def _failed(self, error: Exception) -> None:
        if self._sample is not None:
            self._sample.leave()
            self._sample = None
        self._remove()
        self.record.note(warned(f"watching stopped at step {self.step}", error))

    def _passing(self, name: str) -> Callable[..., None]:
        passed, kept = self._passed, weakref.ref

        def passing(_module: Any, inputs: Any, output: Any) -> None:
            if self._inside and inputs and type(inputs[0]) is Tensor and isinstance(output, Tensor):
                passed.append((name, kept(inputs[0]), kept(output)))

        return passing

    # Forward --------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """A forward pass begins, of a model that is not called itself."""
        if self._handles:  # else it has stopped
            self._guarded(self._begin)(self.model)

    def end(self) -> None:
        """It has ended."""
        if self._handles:
            self._guarded(self._end)(self.model, ())

    def _begin(self, module: Any, *_: Any) -> None:
        if module is not self.model:  # a copy of the model has its hooks as well
            return
        if self._inside:
            self._inside += 1
            return
        if not (module.training and torch.is_grad_enabled()):
            return
        self._inside = 1
        if self.optimizer is None:
            self._finish()
            self.step += 1
        if self.step - self._sampled_at >= self.every:
            self._finish()
            self._sampled_at = self.step
            self._sample = Sample(self.model, self.owners, min(_MOST, _LEAST * self.every))
            self._sample.enter()
        elif self._sample is not None and self.optimizer is None:
            self._finish()

    def _end(self, module: Any, _inputs: Any, output: Any = None) -> None:
        if not self._inside or module is not self.model:
            return
        self._inside -= 1
        if self._inside:
            return
        if self._sample is not None:
            self._sample.leave(output)
            if self._sample.failure is not None:
                raise self._sample.failure
        self._trace(output)
        self._passed.clear()

    def _trace(self, output: Any) -> None:
        """Where a nan in the output began: on a CPU at every step, since the check waits for a GPU."""
        last = self._passed[-1][2]() if self._passed else None
        last = output if isinstance(output, Tensor) else last
        if last is None or not last.is_cpu or self.record.bad or _finite(last):
            return
        seen = self._sample.first_bad() if self._sample is not None else ""
        if seen:  # it knows weights that no module was called for as well
            self._bad(seen, "values")
            return
        for i, (name, before, after) in enumerate(self._passed):
            if (x := before()) is not None and x.is_floating_point() and not _finite(x):
                self._bad(self._passed[i - 1][0] if i else name, "values")
                return
            if (y := after()) is not None and not _finite(y):
                self._bad(name, "values")
                return
        self._bad(self._passed[-1][0] if self._passed else "", "values")

    def _bad(self, layer: str, where: str) -> None:
        self.record.bad.append(Bad(layer, max(self.step, 0), where))

    # The optimizer's step -------------------------------------------------------------------------------------------

    def _before_step(self, _optimizer: Any, args: Any, kwargs: Any) -> None:
        if any(map(callable, (*args[1:], *kwargs.values()))):  # the forward is in there, in a closure
            if self._sample is not None or self.step - self._sampled_at >= self.every:
                self._keep({layer.name for layer in self.record.ordered})
        elif self._sample is not None:
            self._keep({seen.source for seen in self._sample.found.values()})
            self._finish(together=True)

    def _keep(self, names: set[str]) -> None:
        weights = {name: self._weight(name) for name in names}
        self._before = {name: _entries(w).clone() for name, w in weights.items() if w is not None}

    def _after_step(self, *_: Any) -> None:
        self._finish(together=True)
        if self._before:
            for name, old in self._before.items():
                new = self._weight(name)
                if new is not None and (now := _entries(new)).shape == old.shape:
                    ratio = float((now - old).norm() / (old.norm() + 1e-30))
                    for layer in self.record.ordered:
                        if layer.name == name:
                            layer.updates.append((self.step, ratio))
            self._before = {}
            if self.changed is not None:
                self.changed()
        self.step += 1
        self.record.steps = self.step

    def _weight(self, name: str) -> Tensor | None:
        try:
            weight = getattr(self.model.get_submodule(name), "weight", None)
        except AttributeError:
            return None
        return weight if isinstance(weight, Tensor) and weight.dim() > 1 else None

    def _finish(self, together: bool = False) -> None:
        sample, self._sample = self._sample, None
        self.record.steps = max(self.record.steps, self.step)
        if sample is None:
            return
        sample.leave()
        merge(self.record.paths, sample.graph.paths)
        self.record.sampled += 1
        step = max(self._sampled_at, 0)
        began = ""
        rows = of_all_ranks(sample.rows()) if together and self.parallel else sample.rows()
        for row in rows:
            layer = self.record.layer(row.source, row.activation, row.kind)
            if not row.finite and not self.record.bad:
                self._bad(row.source, "values")
            if row.finite and row.hidden:
                layer.seen(step, row.observations, row.sums)
            if row.gradient is not None:
                layer.gradients.append((step, row.gradient))
                if not math.isfinite(row.gradient):
                    began = row.source  # the backward pass comes to the last of them first
        if began and not self.record.bad:
            self._bad(began, "gradient")
        if self.changed is not None and not self._before:  # else after the step, with its updates
            self.changed()


def _entries(weight: Tensor) -> Tensor:
    """Some entries of a weight, spread over it."""
    flat = weight.detach().reshape(-1)
    return flat[:: max(1, flat.numel() // _ENTRIES)]


def _finite(x: Tensor) -> bool:
    x = x.detach()
    return bool(torch.isfinite(x.sum(dtype=torch.float32))) or bool(torch.isfinite(x).all())


def check(model: Any, optimizer: Any) -> None:
    """WatchError for what is no model, or an optimizer of another one."""
    inner, _ = unwrapped(model)
    if optimizer is None:
        return
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise WatchError(f"not a torch.optim.Optimizer: {type(optimizer).__name__}: give the one that trains the model")
    known = {id(p) for p in inner.parameters()}
    if not any(id(p) in known for group in optimizer.param_groups for p in group["params"]):
        raise WatchError("optimizer without a parameter of the model: give the one that trains it")
