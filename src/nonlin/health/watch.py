"""`nl.watch`: the health of a model while it trains."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from nonlin.errors import WatchError
from nonlin.health.findings import Finding, findings
from nonlin.health.record import Record
from nonlin.health.report import as_dict, as_text
from nonlin.health.revive import Revival, revive

EVERY = 25


class Health:
    """What is known of a model that is watched, or was: `findings` now, a report, and repair.

    A context manager: the model is watched inside. Nothing of the training changes: weights after any number of steps
    are the same, to the last bit, as without it.
    """

    def __init__(self, model: Any, optimizer: Any = None, *, every: int = EVERY):
        self.model, self.optimizer, self.every = model, optimizer, every
        self.record = Record()
        self._callbacks: list[Callable[[Health], None]] = []
        self._watcher: Any = None

    def __enter__(self) -> Health:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.stop()

    def start(self) -> Health:
        """Watch from now on, until `stop`."""
        from nonlin.health.torch import Watcher

        if self._watcher is None:
            self._watcher = Watcher(self.model, self.optimizer, self.every, self.record)
            self._watcher.changed = self.changed
            self._watcher.attach()
        return self

    def stop(self) -> None:
        """Take all hooks away; what has been seen stays."""
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.detach()

    def forward_begins(self) -> None:
        """A forward pass begins: for a trainer that calls a method of the model instead of the model itself."""
        if self._watcher is not None:
            self._watcher.begin()

    def forward_ends(self, output: Any = None) -> None:
        """It has ended, and gave this."""
        if self._watcher is not None:
            self._watcher.end(output)

    @property
    def step(self) -> int:
        """Steps of the optimizer that have been seen; without an optimizer, forward passes in training."""
        return max(self.record.steps, 0)

    @property
    def findings(self) -> list[Finding]:
        """What is wrong now, the heaviest first."""
        return findings(self.record)

    def report(self) -> str:
        """Layers and findings as text."""
        return as_text(self.record)

    def to_dict(self) -> dict[str, Any]:
        """Everything that has been seen, as JSON can hold it."""
        return as_dict(self.record)

    def to_html(self, path: str | Path) -> Path:
        """A page by itself: heat maps of layers x steps, units of the worst layers, findings. Returns its path."""
        from nonlin.health.page import write

        return write(self.record, Path(path))

    def log_to(self, logger: Any) -> Health:
        """Each sampled step's numbers go there as well: a TensorBoard SummaryWriter, a W&B run, the module mlflow."""
        from nonlin.health.loggers import log_to

        return self.on_sample(log_to(logger))

    def on_sample(self, callback: Callable[[Health], None]) -> Health:
        """Call it with this object after each sampled step."""
        self._callbacks.append(callback)
        return self

    def revive(self, *, dry_run: bool = False) -> Revival:
        """Starts the dead and dormant units of the findings anew; what it did, or would do.

        Incoming weights are drawn anew at the activation's gain, outgoing ones are 0, and a unit's mean contribution
        moves into the next bias, so that the loss stays what it is. The optimizer's state of them is 0. Call it between
        two steps. Raises WatchError where no layer can be revived, with the reason for each.
        """
        if self._watcher is not None:
            self._watcher.settle()
        return revive(self.model, self.optimizer, self.record, self.findings, dry_run=dry_run)

    def __repr__(self) -> str:
        return f"Health({self.step} steps, {self.record.sampled} sampled, {len(self.findings)} findings)"

    def changed(self) -> None:
        """A step has been looked at: calls what `on_sample` was given."""
        for callback in self._callbacks:
            callback(self)


def watch(model: Any, optimizer: Any = None, *, every: int = EVERY) -> Health:
    """Watch a PyTorch model's activations and gradients: dead, dormant, saturated units, vanishing, exploding, nan.

    >>> with nl.watch(model, optimizer) as health:    # doctest: +SKIP
    ...     train()
    ...     print(health.report())

    Every `every`-th step of the optimizer (without one: every forward pass in training) is looked at; in between the
    model runs as it is. Activations are seen however they are called. Raises WatchError for what is no model.
    """
    checked(every)
    if "torch" not in sys.modules:
        raise WatchError(f"not a torch.nn.Module: {type(model).__name__}: give the model that is trained")
    from nonlin.health.torch import check

    check(model, optimizer)
    return Health(model, optimizer, every=every)


def checked(every: int) -> int:
    """WatchError for what is no number of steps."""
    if isinstance(every, bool) or not isinstance(every, int) or every < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise WatchError(f"every: {every!r}: give 1, 2, ...: each how many steps to look")
    return every
