"""PyTorch: what watches a model's own forward and backward passes, and changes nothing in them.

On a sampled step a mode sees every function that the forward calls, modules' and others, and follows which layer of
weights a tensor comes from. In between there is one hook after the model, which sees whether what it returns is finite,
and one after the optimizer's step, which counts.
"""

# torch has no public names for whether a mode is at work and for what switches it off.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from nonlin.errors import WatchError
from nonlin.health.goes_on import warned
from nonlin.health.paths import merge
from nonlin.health.record import Bad, Record
from nonlin.health.torch_graph import Graph
from nonlin.health.torch_measured import Measured
from nonlin.health.torch_ranks import Row, Sums, is_parallel, of_all_ranks
from nonlin.health.torch_sample import Sample
from nonlin.health.torch_trace import finite, is_bad, origin
from nonlin.health.torch_updates import Updates, weight

# Observations of each unit in a sampled step. Two windows of the most tell a share of 1 %; once the first steps have
# shown what was wrong from the start, a window may take a few steps, the more the nearer they are.
_MOST, _FIRST, _LATER, _LEAST = 256, 8, 64, 32
_FOLLOWED = 4  # of so many sampled steps one is where it is seen where units go


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
        self._follow = 0  # sampled steps before it is seen again where units go
        self._sample: Sample | None = None
        self._measured = Measured()
        self._updates = Updates(self.model)
        self._handles: list[Any] = []
        self._before: Any = None  # the hook before the model, there where the next forward is looked at
        self.changed: Callable[[], None] | None = None  # called after each sampled step
        self._inside = 0  # forward passes of the model that are open, one in another

    # Its hooks ------------------------------------------------------------------------------------------------------

    def attach(self) -> None:
        add = self._handles.append
        add(self.model.register_forward_hook(self._guarded(self._end), always_call=True))
        if self.optimizer is not None:
            add(self.optimizer.register_step_post_hook(self._guarded(self._after_step)))
        self._expect()

    def detach(self) -> None:
        """Takes all hooks away; what has not been written down yet is."""
        self._guarded(self.settle)()
        self._remove()

    def _remove(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        if self._before is not None:
            self._before.remove()
            self._before = None

    def _expect(self) -> None:
        """A hook before the model's forward, where that is to be looked at, and none where not."""
        due = self.optimizer is None or self.step - self._sampled_at >= self.every
        if due and self._before is None:
            begin = self._guarded(self._begin)
            self._before = self.model.register_forward_pre_hook(begin, prepend=True, with_kwargs=True)
        elif self._before is not None and not due:
            self._before.remove()
            self._before = None

    def settle(self) -> None:
        """What has been sampled is written down."""
        self._updates.forget()
        self._finish()
        self._write(self._measured.sums())

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
        self._measured = Measured()
        self._remove()
        self.record.note(warned(f"watching stopped at step {self.step}", error))

    # Forward --------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """A forward pass begins, of a model that is not called itself."""
        if self._handles:  # else it has stopped
            self._guarded(self._begin)(self.model)

    def end(self, output: Any) -> None:
        """It has ended, and gave this."""
        if self._handles:
            self._guarded(self._end)(self.model, (), output)

    def _begin(self, module: Any, *_: Any) -> None:
        if module is not self.model:  # a copy of the model has its hooks as well
            return
        if self._inside:
            self._inside += 1
            return
        if not (module.training and torch.is_grad_enabled()):
            return
        if self.optimizer is None:
            self._finish()
            self.step += 1
        if self.step - self._sampled_at < self.every:
            return
        self._finish()
        self._inside = 1
        self._sampled_at = self.step
        graph = None
        self._follow -= 1
        if self._follow < 0:
            graph, self._follow = Graph(self.owners), max(_FOLLOWED, 25 // self.every)
        most = _MOST if self.record.sampled < _FIRST else min(_LATER, _LEAST * self.every)
        self._sample = Sample(self.model, self.owners, self._measured, graph, max(self.step, 0), most)
        self._sample.enter()

    def _end(self, module: Any, _inputs: Any, output: Any = None) -> None:
        if module is not self.model:
            return
        if self._inside:
            self._inside -= 1
            if self._inside:
                return
            self._looked(output)
        elif not (module.training and torch.is_grad_enabled()):
            return
        if not self.record.bad and is_bad(output):
            seen = self._sample.first_bad() if self._sample is not None else ""
            self._bad(seen or origin(self.model, output, self.owners), "values")

    def _looked(self, output: Any) -> None:
        sample = self._sample
        if sample is not None:
            sample.leave(output)
            if sample.failure is not None:
                raise sample.failure
            if self.optimizer is not None:
                self._updates.remember({seen.source for seen in sample.found.values()})

    def _bad(self, layer: str, where: str) -> None:
        self.record.bad.append(Bad(layer, max(self.step, 0), where))

    # The optimizer's step -------------------------------------------------------------------------------------------

    def _after_step(self, *_: Any) -> None:
        if self._sample is not None:
            self._finish(together=True)
            for name, ratio in self._updates.ratios().items():
                self.record.updated(name, self.step, ratio)
            self._tell()
        self.step += 1
        self.record.steps = self.step
        self._expect()

    def _finish(self, together: bool = False) -> None:
        """What is known of a sampled step after it is written down; of its units, where they are enough for that."""
        sample, self._sample = self._sample, None
        self.record.steps = max(self.record.steps, self.step)
        if sample is None:
            return
        sample.leave()
        if sample.graph is not None:
            merge(self.record.paths, sample.graph.paths)
        self.record.sampled += 1
        rows, sums = sample.rows(), list[Sums]()
        if together and self.parallel:
            rows, sums = of_all_ranks(rows, self._measured.sums())
        elif self._measured.enough():
            sums = self._measured.sums()
        known = len(self.record.layers)
        self._told(rows, together)
        self._write(sums)
        if len(self.record.layers) != known:  # the model is not what it was
            self._follow = 0
        if not together:
            self._tell()

    def _told(self, rows: list[Row], together: bool) -> None:
        step, began = max(self._sampled_at, 0), ""
        for row in rows:
            layer = self.record.layer(row.source, row.activation, row.kind)
            if not row.finite and not self.record.bad:
                self._bad(row.source, "values")
            if row.gradient is None:
                continue
            if math.isfinite(row.gradient):
                layer.differentiated(step, row.gradient)
            elif not (together and self._skipped(row.source)):
                layer.differentiated(step, row.gradient)
                began = row.source  # the backward pass comes to the last of them first
        if began and not self.record.bad:
            self._bad(began, "gradient")

    def _write(self, sums: list[Sums]) -> None:
        for of in sums:
            layer = self.record.layer(of.source, of.activation, of.kind)
            layer.seen(of.last, of.observations, of.values, of.first)

    def _tell(self) -> None:
        if self.changed is not None:
            self.changed()

    def _skipped(self, name: str) -> bool:
        """Whether a scaler of gradients has left out the step that a gradient with an infinity was for."""
        if float(getattr(self.optimizer, "found_inf", 0.0)):  # to a fused optimizer a scaler says it so
            return True
        own = weight(self.model, name)  # else it has called the optimizer after another backward pass
        return own is not None and own.grad is not None and finite(own.grad)


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
