"""Numbers of each sampled step to TensorBoard, Weights & Biases and MLflow."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

from nonlin.errors import WatchError
from nonlin.health.goes_on import warned
from nonlin.health.record import Layer, Record

Write = Callable[[dict[str, float], int], Any]
_STEP = "nonlin/step"
_TAKES = "a TensorBoard SummaryWriter (add_scalar), a W&B run (log, define_metric), or the module mlflow"
_UNUSUAL = re.compile(r"[^\w\-./ :]")  # MLflow takes no other letters in a name


def log_to(logger: Any) -> Callable[[Any], None]:
    """What to call with a Health after each sampled step.

    Names are nonlin/dead/LAYER, saturated, dormant, gradient, update, and nonlin/findings. Shares come when a window
    of observations is full. A number that is not finite has no place on an axis: it is left out, and nonlin/nonfinite
    counts them. A failure is said once, as a warning, and training goes on without this logger.
    """
    write = _writer(logger)
    failed = False

    def log(health: Any) -> None:
        nonlocal failed
        if failed:
            return
        try:
            write(numbers(health.record, len(health.findings)), health.record.steps)
        except Exception as error:
            failed = True
            health.record.note(warned(f"nothing more goes to {type(logger).__name__}", error))

    return log


def _writer(logger: Any) -> Write:
    def has(*names: str) -> bool:
        return not isinstance(logger, type) and all(callable(getattr(logger, name, None)) for name in names)

    if isinstance(logger, ModuleType) and logger.__name__ == "mlflow":
        return lambda values, step: logger.log_metrics(values, step=step)
    if has("add_scalar"):
        return lambda values, step: [logger.add_scalar(name, value, step) for name, value in values.items()]
    if has("log", "define_metric"):
        return _to_wandb(logger)
    shown = f"the module {logger.__name__}" if isinstance(logger, ModuleType) else type(logger).__name__
    raise WatchError(f"no logger: {shown}: give {_TAKES}")


def _to_wandb(run: Any) -> Write:
    """Into the row that the run is at, which its own next log ends.

    A row of its own would move the run's step, and W&B then drops what the user logs at a step below it. So of the
    samples between two logs of the user's the newest stays; its step is a column by itself, the axis of the others.
    Where nobody else logs, `health.on_sample(lambda _: run.log({}))` ends each row.
    """
    defined = False

    def write(values: dict[str, float], step: int) -> None:
        nonlocal defined
        if not defined:
            run.define_metric(_STEP, hidden=True)
            run.define_metric("nonlin/*", step_metric=_STEP)
            defined = True
        run.log({**values, _STEP: step}, commit=False)

    return write


def numbers(record: Record, findings: int) -> dict[str, float]:
    """What the newest sample has added, by name."""
    values: dict[str, float] = {"nonlin/findings": findings}
    for layer in record.ordered:
        alone = sum(other.name == layer.name for other in record.ordered) == 1
        name = (layer.name or "model") if alone else f"{layer.name or 'model'} {layer.activation}"
        for measure, value in _of(layer, record.steps):
            values[f"nonlin/{measure}/{_UNUSUAL.sub('_', name)}"] = float(value)
    finite = {name: value for name, value in values.items() if math.isfinite(value)}
    return {**finite, "nonlin/nonfinite": len(values) - len(finite)}


def _of(layer: Layer, step: int) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    if layer.windows and (last := layer.windows[-1]).last == step:
        shares = last.dead_share, last.saturated_share, last.dormant_share()
        found += zip(("dead", "saturated", "dormant"), shares, strict=True)
    for measure, history in (("gradient", layer.gradients), ("update", layer.updates)):
        if history and history[-1][0] == step:
            found.append((measure, history[-1][1]))
    return found
