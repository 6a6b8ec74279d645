"""What a comparison runs on: any of the accepted inputs, made into train, validation and test parts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np

from nonlin.comparison.dates import with_dates
from nonlin.comparison.metrics import Metric, Task
from nonlin.comparison.named import said
from nonlin.comparison.tables import Encoder
from nonlin.errors import DataError

SPLIT_SEED = 0
SHARES = (0.6, 0.2, 0.2)  # train, validation, test
MOST_CLASSES = 20  # integers with more distinct values than this are a quantity, not classes

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Part:
    """Samples x (samples first, float32) and their targets y (class codes, or float64 in the target's units)."""

    x: Array
    y: Array


@dataclass(frozen=True)
class Data:
    """The three parts, the task read from y, and what the target's codes mean."""

    name: str
    task: Task
    train: Part
    validation: Part
    test: Part
    classes: tuple[str, ...]

    @property
    def outputs(self) -> int:
        """How many outputs a model needs: one a class, or a single number."""
        return len(self.classes) or 1

    @cached_property
    def target_scale(self) -> tuple[float, float]:
        """Mean and standard deviation of a numeric target in the training part: models learn it standardised."""
        return float(self.train.y.mean()), float(self.train.y.std())

    @property
    def imbalance(self) -> float:
        """How many samples the most frequent class of the training part has for one of the rarest; 1 for numbers."""
        counts = np.bincount(self.train.y) if self.classes else np.ones(1)
        return float(counts.max() / counts.min())

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What the plan records: sizes, and a hash of every number in every part."""
        digest = sha256()
        for part in (self.train, self.validation, self.test):
            for array in (part.x, part.y):
                digest.update(f"{array.dtype} {array.shape}".encode())
                digest.update(np.ascontiguousarray(array).tobytes())
        return {
            "name": self.name,
            "samples": [len(part.y) for part in (self.train, self.validation, self.test)],
            "features": list(self.train.x.shape[1:]),
            "classes": list(self.classes),
            "sha256": digest.hexdigest(),
        }


def prepare(data: Any, metric: Metric | None = None, name: str = "data", tabular: bool = True) -> Data:
    """Data from (X, y), from three pairs (train, validation, test), or from a function that gives either.

    X is an array or tensor (samples first) or a DataFrame, y has one target a sample. A single pair is split
    60 / 20 / 20 with a recorded seed, stratified by class. A DataFrame, and any X when `tabular`, is encoded by
    scikit-learn preprocessing fitted on the training part only. The task is the metric's, else read from y:
    strings, booleans, categories and integers of at most 20 distinct values are classes, the rest is regression.
    Raises DataError, naming what is wrong.
    """
    if isinstance(data, Data):
        return _suits(data, metric)
    if callable(data):
        try:
            data = data()
        except Exception as error:
            raise DataError(f"the function that gives the data raised {said(error)}: correct it") from error
        if isinstance(data, Data):
            return _suits(data, metric)
    pairs = _pairs(data)
    pairs = [(_features(x), _target(y)) for x, y in pairs]
    for x, y in pairs:
        if len(x) == 0:
            raise DataError(f"no samples: X has shape {tuple(x.shape)}: give data with rows")
        if len(x) != len(y):
            raise DataError(f"X and y differ in length: {len(x)} and {len(y)}: give one target a sample")
    every = np.concatenate([y for _, y in pairs])
    task = metric.task if metric else _task(every)
    classes, targets = _coded(task, [y for _, y in pairs], every)
    if len(pairs) == 1:
        (x, _), (y,) = pairs[0], targets
        parts = [(_rows(x, rows), y[rows]) for rows in _split(y, classes)]
    else:
        parts = [(x, y) for (x, _), y in zip(pairs, targets, strict=True)]
        _learnable(parts[0][1], classes)
    xs = _encoded([x for x, _ in parts], tabular)
    train, validation, test = (Part(x, y) for x, (_, y) in zip(xs, parts, strict=True))
    return Data(name, task, train, validation, test, classes)


def _suits(data: Data, metric: Metric | None) -> Data:
    if metric and metric.task != data.task:
        raise DataError(f"metric of {metric.task} for {data.task}: {metric.name!r}: choose another metric")
    return data


def _pairs(data: Any) -> list[tuple[Any, Any]]:
    wrong = "give (X, y), or ((X, y), (X, y), (X, y)) for train, validation and test, or a function giving either"
    if not isinstance(data, tuple | list):
        raise DataError(f"not data to compare on: {type(data).__name__}: {wrong}")
    if len(data) == 2:
        return [(data[0], data[1])]
    if len(data) == 3 and all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in data):
        return [(pair[0], pair[1]) for pair in data]
    raise DataError(f"not data to compare on: {len(data)} parts: {wrong}")


def _features(x: Any) -> Any:
    """A DataFrame as it is, anything else as a float32 array with at least two dimensions."""
    if hasattr(x, "iloc") and hasattr(x, "columns"):
        return with_dates(x)
    array = _array(x, "X")
    try:
        array = array.astype(np.float32)
    except (TypeError, ValueError):
        raise DataError(f"X is not numeric: dtype {array.dtype}: encode it, or give a DataFrame") from None
    return array[:, None] if array.ndim == 1 else array


def _target(y: Any) -> Array:
    array = _array(y, "y")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(f"y has shape {array.shape}: give one target a sample")
    missing = array != array if array.dtype.kind in "fO" else np.zeros(len(array), bool)
    if array.dtype.kind == "O":
        missing = missing.astype(bool) | np.array([value is None for value in array], bool)
    if missing.any():
        row = int(np.flatnonzero(missing)[0])
        raise DataError(f"missing target: {int(missing.sum())} rows, the first {row}: remove those rows")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise DataError(f"infinite target: row {int(np.flatnonzero(~np.isfinite(array))[0])}: remove that row")
    return array


def _array(values: Any, what: str) -> Array:
    if hasattr(values, "detach"):  # a torch tensor, without importing torch to ask
        values = values.detach().cpu()
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise DataError(f"{what} is not an array: {error}: give rows of equal length") from None
    if array.ndim == 0:
        raise DataError(f"{what} is not an array: {values!r}: give one row a sample")
    if array.dtype.kind in "cV":
        raise DataError(f"{what} is not real numbers: dtype {array.dtype}: give floats or integers")
    return array


def _task(y: Array) -> Task:
    if y.dtype.kind == "f":
        return "regression"
    if y.dtype.kind in "iu":
        return "classification" if len(np.unique(y)) <= MOST_CLASSES else "regression"
    return "classification"


def _coded(task: Task, targets: list[Array], every: Array) -> tuple[tuple[str, ...], list[Array]]:
    """The classes in order and each target as class codes; no classes and floats for regression."""
    if task == "regression":
        first = every[:1].tolist()[0]
        try:
            numbers = [y.astype(np.float64) for y in targets]
        except (TypeError, ValueError):
            raise DataError(f"target is not numeric: {first!r}: choose a metric of classification") from None
        if np.ptp(np.concatenate(numbers)) == 0:
            raise DataError(f"target has one value: {first!r}: there is nothing to predict")
        return (), numbers
    if every.dtype.kind == "O":
        targets, every = [y.astype(str) for y in targets], every.astype(str)
    labels, counts = np.unique(every, return_counts=True)
    if len(labels) == 1:
        raise DataError(f"target has one class: {labels[0].item()!r}: there is nothing to tell apart")
    if len(every) < 3 * len(labels):
        raise DataError(f"too few samples for {len(labels)} classes: {len(every)}: give at least 3 samples a class")
    if len(targets) == 1 and counts.min() < 3:
        rare = labels[counts.argmin()].item()
        raise DataError(
            f"class with fewer than 3 samples: {rare!r} has {counts.min()}: remove it or merge it with another"
        )
    return tuple(str(label) for label in labels), [np.searchsorted(labels, y) for y in targets]


def _learnable(y: Array, classes: tuple[str, ...]) -> None:
    absent = set(range(len(classes))) - set(np.unique(y).tolist()) if classes else set[int]()
    if absent:
        raise DataError(f"class that the training part lacks: {classes[min(absent)]!r}: give it samples there")


def _split(y: Array, classes: tuple[str, ...]) -> tuple[Array, Array, Array]:
    """Row numbers of the three parts. Every part has every class, which random parts of rare classes may lack."""
    if len(y) < 10:
        raise DataError(f"too few samples to split in three: {len(y)}: give at least 10")
    draw = np.random.default_rng(SPLIT_SEED)
    parts: tuple[list[int], list[int], list[int]] = ([], [], [])
    groups = [np.flatnonzero(y == code) for code in range(len(classes))] or [np.arange(len(y))]
    for group in groups:
        rows = draw.permutation(group)
        held = [max(1, round(share * len(rows))) for share in SHARES[1:]]
        first, second = len(rows) - sum(held), len(rows) - held[1]
        for part, chosen in zip(parts, (rows[:first], rows[first:second], rows[second:]), strict=True):
            part.extend(chosen.tolist())
    train, validation, test = (np.sort(np.array(part)) for part in parts)
    return train, validation, test


def _rows(x: Any, rows: Array) -> Any:
    return x.iloc[rows] if hasattr(x, "iloc") else x[rows]


def _encoded(xs: list[Any], tabular: bool) -> list[Array]:
    if all(isinstance(x, np.ndarray) for x in xs):
        if not tabular:
            for x in xs:
                if not np.isfinite(x).all():
                    raise DataError("X holds nan or infinity: give finite numbers, or a DataFrame to have them filled")
            return xs
        xs = [x.reshape(len(x), -1) for x in xs]
    return Encoder.fitted_on(xs[0]).applied(xs)
