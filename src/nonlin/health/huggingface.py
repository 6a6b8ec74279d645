"""The callback for transformers' Trainer."""

from __future__ import annotations

from typing import Any

from transformers.trainer_callback import TrainerCallback

from nonlin.health.trainers import Watching
from nonlin.health.watch import watch


class HuggingFace(Watching, TrainerCallback):
    """Watches what a Trainer trains: `Trainer(..., callbacks=[nonlin.callbacks.HuggingFace(every=25)])`."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        optimizer = given.get("optimizer")
        # accelerate's wrapper has no hooks; it calls the optimizer inside
        optimizer = getattr(optimizer, "optimizer", optimizer)
        self._begins(lambda: watch(given["model"], optimizer, every=self.every).start())

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        self._ends(write=state.is_world_process_zero)
