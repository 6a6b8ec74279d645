"""Keras: one training run, by Keras' own loop, and what is measured on it."""

from __future__ import annotations

import math
import random
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from time import perf_counter
from typing import Any

import keras
import numpy as np

from nonlin.activation import Activation
from nonlin.comparison.epochs import best_epoch
from nonlin.comparison.health import health
from nonlin.comparison.keras_models import KerasMaker, inner_layers, outputs, recorded
from nonlin.comparison.keras_snapshot import KerasSnapshots
from nonlin.comparison.keras_swapped import maker_of
from nonlin.comparison.plan import Trial
from nonlin.comparison.setting import PROBED, SAMPLE, Setting
from nonlin.comparison.store import Checkpoint


@dataclass
class KerasTrainer(Setting):
    """Trains one trial at a time with `Model.fit`, Adam and batches in the order of the trial's seed.

    Seeded are Python's, NumPy's and the engine's generators, so that weights and dropout are the same for every
    activation. Not measured, hence absent from the outcome: the gradient ratio and the memory of a step.
    """

    maker: KerasMaker

    @property
    def frameworks(self) -> tuple[str, ...]:
        """What trains, as packages."""
        engine = keras.backend.backend()
        builds = ("tensorflow", "tensorflow-cpu") if engine == "tensorflow" else (engine,)  # of one library
        return ("keras", *(name for name in builds if _is_installed(name)))

    @property
    def weights(self) -> str:
        """How the weights are drawn."""
        return self.maker.weights

    def __call__(self, trial: Trial, checkpoint: Checkpoint | None = None) -> dict[str, Any]:
        """What one trial gives, as JSON, and how it goes on from a checkpoint: as for PyTorch."""
        activation = self.activations[trial.activation]
        with _seeded(trial.seed):
            model, layers = self.maker(activation)
            outcome = self._trained(model, trial, checkpoint)
            if outcome["diverged"] is None:
                with recorded(layers) as seen:
                    outputs(model, self.data.train.x[:SAMPLE])
                slopes = [_slopes(layer, z) for layer, z in seen]
                outcome |= health(slopes, [], activation)
        return outcome

    def probed(self, name: str) -> str:
        """Build a model and run one batch through it before anything is planned; gives the model as text."""
        with _seeded(0):
            model, _ = self.maker(self.activations[name])
            x = self.data.train.x[:PROBED]
            self.check_outputs(outputs(model, x).shape, len(x))
            # By kind and shape: Keras counts the layers of a process in their names, and the next process otherwise.
            layers = [f"{type(one).__name__} {[tuple(w.shape) for w in one.weights]}" for one in inner_layers(model)]
        return "\n".join(layers)

    def _trained(self, model: Any, trial: Trial, checkpoint: Checkpoint | None) -> dict[str, Any]:
        x, y = self.data.train.x, self._target()
        model.compile(optimizer=keras.optimizers.Adam(trial.learning_rate), loss=self._loss(model))
        order = np.random.default_rng(trial.seed)
        train = partial(model.fit, batch_size=self.batch_size, shuffle=False, verbose=0)
        first = x[: self.batch_size], y[: self.batch_size]
        kept = KerasSnapshots(checkpoint, model, partial(train, *first)) if checkpoint else None
        curves: dict[str, list[float]] = {"validation": [], "test": [], "loss": [], "seconds": []}
        curves |= (kept.resume() if kept else None) or {}
        diverged = None
        for epoch in range(1, self.epochs + 1):
            rows = order.permutation(len(x))
            if epoch <= len(curves["loss"]):
                continue
            started = perf_counter()
            loss = train(x[rows], y[rows]).history["loss"][-1]
            curves["seconds"].append(perf_counter() - started)
            scores = {part: self._score(model, part) for part in ("validation", "test")}
            if not (math.isfinite(loss) and all(map(math.isfinite, scores.values()))):
                diverged = epoch
                break
            curves["loss"].append(float(loss))
            for part, score in scores.items():
                curves[part].append(score)
            if kept and epoch < self.epochs:
                kept.keep(curves)
        return {**best_epoch(curves, diverged), "diverged": diverged, "curves": curves}

    def _score(self, model: Any, part: str) -> float:
        x = getattr(self.data, part).x
        return self.score(model.predict(x, batch_size=max(self.batch_size, 256), verbose=0), part)

    def _target(self) -> Any:
        y = self.targets("train")
        return y.astype(np.int32) if self.data.task == "classification" else y.astype(np.float32)[:, None]

    def _loss(self, model: Any) -> Any:
        if self.data.task == "regression":
            return "mse"
        given = outputs(model, self.data.train.x[:PROBED])
        probabilities = bool((given >= 0).all() and np.allclose(given.sum(-1), 1, atol=1e-3))
        return keras.losses.SparseCategoricalCrossentropy(from_logits=not probabilities)


def trainer(make_model: Any, init: str, baseline: Activation, setting: dict[str, Any]) -> KerasTrainer:
    """What trains the user's model. Raises DataError where it cannot be used."""
    with _seeded(0):
        maker = maker_of(make_model, init, baseline, setting["data"].train.x[:PROBED])
    return KerasTrainer(**setting, maker=maker)


def _slopes(layer: Any, z: Any) -> Any:
    """f'(z), (observations, units), at the parameters that the layer has learned."""
    values: dict[str, Any] = {
        **layer.activation.parameters,
        **{name: np.asarray(keras.ops.convert_to_numpy(w)) for name, w in layer.learned_weights.items()},
    }
    slope = np.abs(Activation(layer.activation.definition).derivative(z, **values))
    channels_first = z.ndim > 3 and keras.config.image_data_format() == "channels_first"
    units_last = np.moveaxis(slope, 1, -1) if channels_first else slope
    return units_last.reshape(-1, units_last.shape[-1])


def _is_installed(package: str) -> bool:
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False


@contextmanager
def _seeded(seed: int) -> Generator[None]:
    """Every generator that Keras draws from starts at the seed; the caller's come back."""
    python, numpys = random.getstate(), np.random.get_state()
    with _engine(seed):
        keras.utils.set_random_seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpys)


def _engine(seed: int) -> AbstractContextManager[None]:
    if keras.backend.backend() != "torch":
        return nullcontext()
    from nonlin.comparison.torch_seeded import seeded

    return seeded(seed)
