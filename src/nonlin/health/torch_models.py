"""PyTorch: which models a script trains, found while it runs.

A model is the outermost module whose forward runs in training and that holds parameters of an optimizer. Hooks on all
modules look for it from an optimizer's making to its first step, and are gone after that.
"""

from __future__ import annotations

import gc
import os
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as modules
from torch.optim.optimizer import register_optimizer_step_post_hook

from nonlin.errors import WatchError
from nonlin.health.record import Record
from nonlin.health.torch import unwrapped
from nonlin.health.watch import Health, watch

_MOST = 20  # models that are watched; a search over settings makes one after the other
_STEPS = 100  # of other optimizers, after which one that has not stepped is waited for no longer


class Models:
    """The models found so far: `records` by name. Nothing here keeps a model alive that the script has let go."""

    def __init__(self, every: int, found: Callable[[str, Health], None]):
        self.every, self.found = every, found
        self.records: list[tuple[str, Record]] = []
        self.more = False  # whether there were models beyond the most
        self.process = os.getpid()
        self._watched: list[weakref.ref[Health]] = []
        self._waiting: Any = weakref.WeakSet()  # optimizers that have not stepped yet
        self._known: Any = weakref.WeakSet()
        self._handles: list[Any] = []
        self._depth = self._stepped = 0

    def made(self, optimizer: Any) -> None:
        """An optimizer was made: its model is looked for until its first step."""
        if os.getpid() != self.process:
            return
        self._waiting.add(optimizer)
        self._known.add(optimizer)
        self._stepped = 0
        if not self._handles:
            self._depth = 0
            self._handles = [
                modules.register_module_forward_pre_hook(self._before),
                modules.register_module_forward_hook(self._after, always_call=True),
                register_optimizer_step_post_hook(self._step),
            ]

    def stop(self) -> None:
        """Takes all hooks away, of the models too."""
        self._disarm()
        for reference in self._watched:
            if (health := reference()) is not None:
                health.stop()

    def _disarm(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _step(self, optimizer: Any, *_: Any) -> None:
        self._waiting.discard(optimizer)
        self._stepped += 1
        if not len(self._waiting) or self._stepped > _STEPS:
            self._waiting.clear()
            self._disarm()

    def _before(self, module: nn.Module, _: Any) -> None:
        if torch.compiler.is_compiling():
            return
        self._depth += 1
        if self._depth == 1 and module.training and torch.is_grad_enabled() and os.getpid() == self.process:
            self._root(module)

    def _after(self, *_: Any) -> None:
        if not torch.compiler.is_compiling():
            self._depth = max(self._depth - 1, 0)

    def _root(self, module: nn.Module) -> None:
        """Watches a module that is called by nothing else, where an optimizer trains it."""
        try:
            inner, _ = unwrapped(module)
        except WatchError:
            return
        inside = set(inner.modules())
        for reference in self._watched:
            if (health := reference()) is not None and inner in unwrapped(health.model)[0].modules():
                return
        optimizer = self._optimizer(inner)
        if optimizer is None:
            return
        for reference in [*self._watched]:  # a part of this one was called by itself before
            if (health := reference()) is not None and unwrapped(health.model)[0] in inside:
                health.stop()
                self._watched.remove(reference)
                self.records = [(name, record) for name, record in self.records if record is not health.record]
        if len(self.records) >= _MOST:
            self.more = True
            return
        if self._watched:
            gc.collect()  # hooks make a circle of a model that was let go: its memory is wanted now
        self._watch(module, inner, optimizer)

    def _watch(self, module: nn.Module, inner: nn.Module, optimizer: Any) -> None:
        health = watch(module, optimizer, every=self.every)
        kind = type(inner).__name__
        same = sum(name.partition(" ")[0] == kind for name, _ in self.records)
        name = f"{kind} {same + 1}" if same else kind
        self.records.append((name, health.record))
        self._watched.append(weakref.ref(health))
        self.found(name, health)
        health.start()
        if inner is module:  # its forward is running already, too late for a hook on it
            health.forward_begins()

    def _optimizer(self, model: nn.Module) -> Any:
        """The one that holds most of the model's parameters, None where none holds any."""
        own = {id(p): p.numel() for p in model.parameters() if not nn.parameter.is_lazy(p)}
        held = [
            (sum(own.get(id(p), 0) for group in optimizer.param_groups for p in group["params"]), i, optimizer)
            for i, optimizer in enumerate(self._known)
        ]
        most = max(held, default=(0, 0, None), key=lambda entry: entry[0])
        return most[2] if most[0] else None
