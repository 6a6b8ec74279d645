"""Keras: one training run, by Keras' own loop, and what is measured on it."""

from __future__ import annotations

import math
import random
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from time import perf_counter
from typing import Any

import keras
import numpy as np

from nonlin.activation import Activation
from nonlin.comparison.data import Data, Part
from nonlin.comparison.epochs import best_epoch
from nonlin.comparison.health import health
from nonlin.comparison.keras_models import KerasMaker, inner_layers, outputs, recorded
from nonlin.comparison.metrics import Metric
from nonlin.comparison.plan import Trial
from nonlin.comparison.store import Checkpoint
from nonlin.errors import DataError

PROBED = 4  # samples that a model is tried on before the plan
SAMPLE = 2048  # training samples that health is measured on


@dataclass
class KerasTrainer:
    """Trains one trial at a time with `Model.fit`, Adam and batches in the order of the trial's seed.

    Seeded are Python's, NumPy's and the engine's generators, so that weights and dropout are the same for every
    activation. Not measured, hence absent from the outcome: the gradient ratio and the memory of a step.
    """

    data: Data
    metric: Metric
    activations: dict[str, Activation]
    maker: KerasMaker
    epochs: int
    batch_size: int
    device: str = "cpu"

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
        """What one trial gives, as JSON: as for PyTorch. A trial that is stopped begins anew."""
        activation = self.activations[trial.activation]
        with _seeded(trial.seed):
            model, layers = self.maker(activation)
            outcome = self._trained(model, trial)
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
            given = outputs(model, x).shape
            # By kind and shape: Keras counts the layers of a process in their names, and the next process otherwise.
            layers = [f"{type(one).__name__} {[tuple(w.shape) for w in one.weights]}" for one in inner_layers(model)]
        expected = (len(x), self.data.outputs)
        if given != expected and not (self.data.outputs == 1 and given == expected[:1]):
            raise DataError(f"output shape of the model: {given}: {len(x)} samples need {expected}")
        return "\n".join(layers)

    def _trained(self, model: Any, trial: Trial) -> dict[str, Any]:
        x, y = self.data.train.x, self._target()
        model.compile(optimizer=keras.optimizers.Adam(trial.learning_rate), loss=self._loss(model))
        order = np.random.default_rng(trial.seed)
        curves: dict[str, list[float]] = {"validation": [], "test": [], "loss": [], "seconds": []}
        diverged = None
        for epoch in range(1, self.epochs + 1):
            rows = order.permutation(len(x))
            started = perf_counter()
            loss = model.fit(x[rows], y[rows], batch_size=self.batch_size, shuffle=False, verbose=0).history["loss"][-1]
            curves["seconds"].append(perf_counter() - started)
            scores = {part: self._score(model, part) for part in ("validation", "test")}
            if not (math.isfinite(loss) and all(map(math.isfinite, scores.values()))):
                diverged = epoch
                break
            curves["loss"].append(float(loss))
            for part, score in scores.items():
                curves[part].append(score)
        return {**best_epoch(curves, diverged), "diverged": diverged, "curves": curves}

    def _score(self, model: Any, part: str) -> float:
        """The metric on a part; nan where the outputs are not finite."""
        truth: Part = getattr(self.data, part)
        output = model.predict(truth.x, batch_size=max(self.batch_size, 256), verbose=0)
        if not np.isfinite(output).all():
            return math.nan
        if self.data.task == "classification":
            return self.metric.of(truth.y, output.argmax(-1))
        mean, deviation = self.data.target_scale
        return self.metric.of(truth.y, output.reshape(-1).astype(np.float64) * deviation + mean)

    def _target(self) -> Any:
        if self.data.task == "classification":
            return self.data.train.y.astype(np.int32)
        mean, deviation = self.data.target_scale
        return ((self.data.train.y - mean) / (deviation or 1.0)).astype(np.float32)[:, None]

    def _loss(self, model: Any) -> Any:
        if self.data.task == "regression":
            return "mse"
        given = outputs(model, self.data.train.x[:PROBED])
        probabilities = bool((given >= 0).all() and np.allclose(given.sum(-1), 1, atol=1e-3))
        return keras.losses.SparseCategoricalCrossentropy(from_logits=not probabilities)


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
    """Every generator that Keras draws from starts at the seed; the caller's of Python and NumPy come back."""
    python, numpys = random.getstate(), np.random.get_state()
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpys)


def trainer(
    make_model: Any,
    data: Data,
    metric: Metric,
    activations: dict[str, Activation],
    baseline: Activation,
    init: str,
    epochs: int,
    batch_size: int,
) -> KerasTrainer:
    """What trains the user's model. Raises DataError where it cannot be used."""
    with _seeded(0):
        maker = KerasMaker(make_model, init, baseline, data.train.x[:PROBED])
    return KerasTrainer(data, metric, activations, maker, epochs, batch_size)
