"""`compare`: checks what it is given, runs the plan, writes the folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from math import inf, isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nonlin.activation import Activation
from nonlin.comparison.extras import require
from nonlin.errors import DataError, DtypeError, NonlinError, OutputError, ParameterError, UnknownActivation
from nonlin.registry import define, get

if TYPE_CHECKING:
    from nonlin.comparison.data import Data
    from nonlin.comparison.engine import Engine
    from nonlin.comparison.metrics import Metric
    from nonlin.comparison.plan import Plan
    from nonlin.comparison.planning import Asked
    from nonlin.comparison.result import Comparison

DEMO_ACTIVATIONS = ("relu", "leaky_relu", "prelu", "elu", "selu", "swish", "gelu", "sigmoid", "tanh")
SMALLEST_BATCH, LARGEST_BATCH = 16, 128


def compare(
    make_model: Any,
    data: Any,
    *,
    target: str | None = None,
    activations: Iterable[str | Activation] | None = None,
    baseline: str | Activation = "relu",
    seeds: int | None = None,
    epochs: int | None = None,
    learning_rates: Sequence[float] | None = None,
    metric: str | None = None,
    margin: float | None = None,
    init: Literal["gain", "model"] = "gain",
    budget: str | float | None = None,
    out: str | Path | None = None,
    workers: int = 1,
    storage: str | None = None,
    ray: str | None = None,
    device: str = "cpu",
) -> Comparison:
    """Which activation is best in this model on this data, and whether the difference is real.

    `make_model(activation)` builds a torch.nn.Module or a keras.Model; `activation()` in it gives a fresh layer,
    `activation.gain` the factor for an initialisation of your own. Or a model that has activations, a torch.nn.Module
    or a Sequential or functional keras.Model, or a function without arguments that builds one: the others are put in.
    Or either by its name, "module:name".
    None is the default model: ten hidden layers of 64, or a small convolutional net for images.
    `init`: with "gain" the weights before the activation are scaled by its gain over that of the baseline (or of what
    it replaces); a finished model's are drawn anew. With "model" all stays as the model initialises itself.
    `data`: (X, y), three such pairs (train, validation, test), a function that gives either or its name, "digits",
    "mnist5k", or with `target`, the column to predict, a DataFrame or the path of a CSV or Parquet file. Classes are
    strings, booleans, categories or at most 20 distinct integers; else it is regression, unless `metric` (a
    scikit-learn name) says otherwise. With a model of your own, arrays are taken as they are.
    `activations`: names, specs, formulas or Activations. Each one's learning rate is chosen by the validation
    score under seeds of their own; `seeds` fresh runs count (10), on the test part. `margin`: differences of the score
    up to it are practically equal (default: 1 % of the baseline's mean score). `budget`: a time such as "10m", or
    seconds; of seeds, learning rates and epochs what is not given is chosen to fit into it. Before it runs a few runs
    of the baseline are timed, and standard error says what there is to run, how long, and what it can tell.
    `workers`: processes of this machine that train at once, one core each, with the same results to the last bit.
    `storage`: postgresql://user@host/database in place of a file in `out`: the same call on other machines, with a
    folder of the same name, joins in; under a budget the first one decides the plan.
    `ray`: the address of a Ray cluster, which runs the workers, with a `storage`.
    `device`: "cpu", "cuda:0", or "cuda" for every GPU, one trial a GPU at a time.
    `out`: the folder for report.html, results and trials as .csv and .parquet, plan.json and the ledger; the same call
    with the same folder goes on where it was stopped. Raises DataError, OutputError, ParameterError, UnknownActivation.
    """
    require()
    _whole("workers", workers)
    if ray is not None and storage is None:
        raise ParameterError(f"ray: {ray!r}: without a ledger that all its machines reach: give storage, "
                             "postgresql://user@host/database")  # fmt: skip
    if storage is not None and out is None:
        raise ParameterError("storage without a folder: give --out (out=): its name is that of the comparison in the "
                             "database, the same on every machine")  # fmt: skip
    for what, value in (("seeds", seeds), ("epochs", epochs)):
        if value is not None:
            _whole(what, value)
    if margin is not None and not 0 <= margin < inf:
        raise ParameterError(f"margin: {margin!r}: give a difference of the score, 0 or more")
    rates = None if learning_rates is None else _rates(learning_rates)
    chosen, base = _chosen(DEMO_ACTIVATIONS if activations is None else activations, baseline)

    from nonlin.comparison.command import command
    from nonlin.comparison.engine import Engine
    from nonlin.comparison.metrics import default_metric, metric_named
    from nonlin.comparison.named import is_named, named
    from nonlin.comparison.planning import Asked
    from nonlin.comparison.sources import read

    asked = None if metric is None else metric_named(metric)
    prepared = read(data, target, asked, tabular=make_model is None)
    source = make_model
    if isinstance(make_model, str):
        if not is_named(make_model):
            raise DataError(f"not the name of a function: {make_model!r}: write module:name")
        make_model = named(make_model)
    measure = asked or default_metric(prepared.task, prepared.imbalance)
    engine = Engine(workers, device, storage, ray)
    scope = Asked(seeds, rates, epochs, budget)
    told = {
        "target": target,
        "init": None if init == "gain" else init,
        "margin": margin,
        "device": None if device == "cpu" else device,
    }

    def repeated(plan: Plan) -> Plan:
        return replace(plan, command=command(source, data, plan, chosen, told))

    return _compared(make_model, prepared, measure, chosen, base, scope, margin, init, out, engine, repeated)


def _compared(
    make_model: Any,
    data: Data,
    metric: Metric,
    activations: Mapping[str, Activation],
    baseline: str,
    asked: Asked,
    margin: float | None,
    init: Literal["gain", "model"],
    out: str | Path | None,
    engine: Engine,
    repeated: Callable[[Plan], Plan],
) -> Comparison:
    from nonlin.comparison.budget import seconds_of
    from nonlin.comparison.forecast import forecast
    from nonlin.comparison.plan import Plan
    from nonlin.comparison.planning import planned
    from nonlin.comparison.report import write_report
    from nonlin.comparison.result import concluded
    from nonlin.comparison.terminal import say
    from nonlin.comparison.trainers import trainer_of

    batch = max(SMALLEST_BATCH, min(LARGEST_BATCH, len(data.train.y) // 8))
    scope = asked.usual
    trainer = trainer_of(make_model, data, metric, activations, baseline, init, scope.epochs, batch)
    models = {name: trainer.probed(name) for name in activations}
    plan = Plan(
        formulas={name: _written(activation) for name, activation in activations.items()},
        baseline=baseline,
        seeds=scope.seeds,
        learning_rates=scope.learning_rates,
        epochs=scope.epochs,
        batch_size=batch,
        metric=metric.name,
        model=models[baseline],
        weights=trainer.weights,
        frameworks=trainer.frameworks,
        data=data.facts,
        budget=None if asked.budget is None else seconds_of(asked.budget),
    )
    engine.check(trainer)
    folder = _folder(out, data.name)

    def settled(stored: dict[str, Any] | None) -> Plan:
        return repeated(planned(plan, asked, trainer, folder, stored, engine.workers, engine.pilot_device))

    def said(whole: Plan) -> None:
        say(forecast(whole, engine.workers, margin))

    try:
        with engine.results(settled, said, trainer, folder) as (whole, results):
            comparison = concluded(whole, results, margin, folder / "report.html")
            write_report(comparison, folder)
    except NonlinError:
        with suppress(OSError):
            folder.rmdir()  # where nothing was written into it
        raise
    return comparison


def _chosen(given: Iterable[str | Activation], baseline: str | Activation) -> tuple[dict[str, Activation], str]:
    """Each activation under the name that tables show, the baseline first if it is not among them."""
    named = [_resolved(one) for one in ([given] if isinstance(given, str | Activation) else given)]
    base, activation = _resolved(baseline)
    chosen: dict[str, Activation] = {} if base in [name for name, _ in named] else {base: activation}
    for name, one in named:
        if name in chosen:
            raise ParameterError(f"activation given twice: {name!r}: leave one out")
        chosen[name] = one
    if len(chosen) == 1:
        raise ParameterError(f"nothing to compare with {base}: give at least one other activation")
    return chosen, base


def _resolved(given: str | Activation) -> tuple[str, Activation]:
    """An activation and its name: the spec, or for a formula its text."""
    name, activation = "", given
    try:
        activation = get(given)
    except (UnknownActivation, ParameterError):
        # "tanh(x)" has the look of a spec: what names x is a formula.
        if not isinstance(given, str) or not re.search(r"\bx\b", given):
            raise
        name = given.strip()
        activation = define(f"formula_{sha256(name.encode()).hexdigest()[:8]}", name)
    try:
        gain = activation.facts.gain
    except DtypeError:
        raise ParameterError(f"not a function of each element: {activation.name!r}: compare elementwise ones") from None
    if not (isfinite(gain) and gain > 0):
        raise ParameterError(f"gain of {name or activation}: {gain}: its output has no finite, nonzero mean square")
    return name or str(activation), activation


def _rates(given: Sequence[float]) -> tuple[float, ...]:
    try:
        rates = tuple(sorted({float(rate) for rate in given}))
    except (TypeError, ValueError):
        raise ParameterError(f"learning_rates: {given!r}: give a list of positive numbers") from None
    if not rates or not all(isfinite(rate) and rate > 0 for rate in rates):
        raise ParameterError(f"learning_rates: {list(given)!r}: give at least one, each above 0")
    return rates


def _whole(what: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ParameterError(f"{what}: {value!r}: give a whole number, 1 or more")


def _folder(out: str | Path | None, name: str) -> Path:
    """The output folder, made and tried before anything is trained."""
    if out is None:
        stem = re.sub(r"\W+", "-", name).strip("-") or "data"
        folder = Path("nonlin-compare") / f"{stem}-{datetime.now():%Y-%m-%d-%H%M%S}"
    else:
        folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".writable").touch()
        (folder / ".writable").unlink()
    except OSError as error:
        raise OutputError(f"cannot write into the folder: {str(folder)!r} ({error.strerror}): choose another") from None
    return folder.absolute()


def _written(activation: Activation) -> str:
    """Its formula, and its surrogate: with another one it is trained differently."""
    return activation.formula + (
        f"; surrogate of the derivative: {activation.surrogate}" if activation.surrogate else ""
    )
