"""The callback for Keras' `fit`, on each of its engines: a fixed probe batch, measured after every epoch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from nonlin.errors import WatchError
from nonlin.health.goes_on import warned
from nonlin.health.keras_gradient import ENGINES
from nonlin.health.keras_probe import Probe, Seen
from nonlin.health.measures import WIDE, around, outputs, slopes
from nonlin.health.record import Bad, Record
from nonlin.health.trainers import Watching
from nonlin.health.watch import Health
from nonlin.slopes import EVIDENCE, steepest

_PLACES = np.arange(-WIDE, WIDE + 1.0)[:, None]
_ROWS = 8192  # observations of a unit that are looked at


class Keras(Watching, keras.callbacks.Callback):
    """Watches what `fit` trains: `model.fit(x, y, callbacks=[nonlin.callbacks.Keras(x_probe, y_probe)])`.

    After each epoch the probe goes through the model as in inference; units are judged by two epochs or more, until
    300 observations have been seen. With `y_probe` the loss's gradients are measured too, for a model of one loss.
    Steps are batches.
    """

    def __init__(self, x_probe: Any, y_probe: Any = None, *, report: str | Path | None = None, logger: Any = None):
        super().__init__(report=report, logger=logger)
        if any(part is None for part in keras.tree.flatten(x_probe)):
            raise WatchError(f"x_probe: {x_probe!r}: give a batch of the model's inputs")
        self.x_probe, self.y_probe = x_probe, y_probe
        self._probe: Probe | None = None
        self._failed = False

    def on_train_begin(self, logs: Any = None) -> None:
        self._begins(lambda: Health(self.model))
        self._probe, self._failed = None, False

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.health is not None:
            self.health.record.steps += 1

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.health is None or self._failed:
            return
        try:
            self._look(self.health.record)
            self.health.changed()
        except Exception as error:
            self._failed = True
            self.health.record.note(warned(f"watching stopped at step {self.health.step}", error))

    def on_train_end(self, logs: Any = None) -> None:
        self._ends()

    def _look(self, record: Record) -> None:
        if self._probe is None:
            self._probe = Probe(self.model)
        x = keras.tree.map_structure(keras.ops.convert_to_tensor, self.x_probe)
        found = self._probe.seen(x)
        loss = self._loss(record)
        if loss is not None:
            self._probe.differentiate(x, loss)
        for name in sorted(self._probe.unknown):
            record.note(f"{name}: its activation is none of the catalogue's: not measured")
        measured = [seen for seen in found if seen.hidden or seen.gradients]
        for seen in measured:
            _write_units(seen, record)
        for seen in reversed(measured):  # the way that a nan goes backwards
            _write_gradient(seen, record)
        record.sampled += 1

    def _loss(self, record: Record) -> Callable[[Any], Any] | None:
        """Of the prediction for the probe; None, saying why in the record, where it can't be told."""
        why = ""
        if self.y_probe is None:
            why = "give Keras(x_probe, y_probe)"
        elif keras.config.backend() not in ENGINES:
            why = f"the engine {keras.config.backend()} has none"
        elif self.model.loss is None or isinstance(self.model.loss, dict | list | tuple):
            why = "the model has not one loss"
        if why:
            record.note(f"no gradients: {why}")
            return None
        function, y = keras.losses.get(self.model.loss), keras.ops.convert_to_tensor(self.y_probe)
        return lambda prediction: keras.ops.mean(function(y, prediction))


def _write_units(seen: Seen, record: Record) -> None:
    """One sample of a layer goes into the record."""
    layer = record.layer(seen.source, seen.activation, seen.kind)
    z, h = (_rows(values, seen.axis) for values in (seen.inputs, seen.outputs))
    finite = bool(np.isfinite(z).all() and np.isfinite(h).all())
    if not finite and not record.bad:
        record.bad.append(Bad(seen.source, record.steps, "values"))
    if finite and seen.hidden:
        slope = seen.activation.derivative
        reached = np.abs(slope(around(z, _PLACES))).max(0)
        layer.seen(record.steps, len(z), np.stack([*slopes(slope(z), steepest(seen.activation)), *outputs(h), reached]))
        if 2 * len(z) < EVIDENCE:
            record.note(f"the probe gives {len(z)} observations of a unit: {EVIDENCE} would be more certain")


def _write_gradient(seen: Seen, record: Record) -> None:
    if seen.gradients:
        size = float(np.sqrt(np.mean([np.mean(np.square(g, dtype=np.float64)) for g in seen.gradients])))
        record.layer(seen.source, seen.activation, seen.kind).differentiated(record.steps, size)
        if not np.isfinite(size) and not record.bad:
            record.bad.append(Bad(seen.source, record.steps, "gradient"))


def _rows(values: list[Any], axis: int) -> Any:
    """Observations in rows, units in columns."""
    rows = np.concatenate([np.moveaxis(v, axis, -1).reshape(-1, v.shape[axis]) for v in values])
    return rows[:: 1 + len(rows) // _ROWS].astype(np.float64)
