"""The callback for Lightning's Trainer."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from nonlin.health.trainers import Watching
from nonlin.health.watch import watch

# One library under two names: the one that the program has loaded, else the newer one.
_NAMES = ("lightning.pytorch", "pytorch_lightning")


def _library() -> Any:
    loaded = [name for name in _NAMES if name in sys.modules]
    try:
        return import_module((loaded or _NAMES)[0])
    except ModuleNotFoundError:
        return import_module(_NAMES[1])


class Lightning(Watching, _library().Callback):
    """Watches what `trainer.fit` trains: `Trainer(callbacks=[nonlin.callbacks.Lightning(every=25)])`.

    A training step counts as the forward pass, whatever of the module it calls. Of several optimizers the first one's
    steps count.
    """

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        self._begins(lambda: watch(pl_module, next(iter(trainer.optimizers), None), every=self.every).start())
        if self.health is not None and len(trainer.optimizers) > 1:
            self.health.record.note(f"{len(trainer.optimizers)} optimizers: steps are those of the first")

    def on_train_batch_start(self, *_: Any) -> None:
        if self.health is not None:
            self.health.forward_begins()

    def on_before_backward(self, trainer: Any, pl_module: Any, loss: Any) -> None:
        if self.health is not None:
            self.health.forward_ends(loss)

    def on_train_batch_end(self, *_: Any) -> None:
        if self.health is not None:
            self.health.forward_ends()  # of a step that gave no loss

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        self._ends(write=trainer.is_global_zero)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        self._ends(write=trainer.is_global_zero)
