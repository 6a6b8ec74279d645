"""Each sampled step's numbers, read back from what the real libraries have written."""

import math
import shutil
import struct
import types
import warnings

import pytest
import torch
from torch import nn

import nonlin as nl
from nonlin.errors import WatchError
from nonlin.health.loggers import log_to, numbers

STEPS, EVERY = 21, 5
SAMPLED = [0, 5, 10, 15, 20]


def train(*loggers, each=lambda step: None, log=None):
    """Two layers, the second with dead units, 400 observations a step, so that each sample fills a window."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    with torch.no_grad():
        model[0].bias[:2] = -100
    x = torch.randn(400, 6)
    with nl.watch(model, optimizer, every=EVERY) as health:
        for logger in loggers:
            health.log_to(logger)
        if log is not None:
            health.on_sample(log)
        for step in range(STEPS):
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()
            each(step)
    return health


NAMES = {
    "nonlin/findings",
    "nonlin/nonfinite",
    *(f"nonlin/{m}/{layer}" for m in ("dead", "saturated", "dormant", "gradient", "update") for layer in ("0", "2")),
}


def test_every_sample_has_every_number():
    seen = []
    health = train(log=lambda h: seen.append((h.step, numbers(h.record, len(h.findings)))))
    assert [step for step, _ in seen] == SAMPLED
    assert all(set(values) == NAMES for _, values in seen)
    last = seen[-1][1]
    assert last["nonlin/dead/0"] == 0.25 and last["nonlin/findings"] == len(health.findings) > 0
    assert last["nonlin/update/2"] == health.record.ordered[1].updates[-1][1] > 0


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(tmp_path) as writer:
        health = train(writer)
    events = EventAccumulator(str(tmp_path)).Reload()
    assert set(events.Tags()["scalars"]) == NAMES
    assert [(e.step, e.value) for e in events.Scalars("nonlin/dead/0")] == [(step, 0.25) for step in SAMPLED]
    gradients = [(e.step, e.value) for e in events.Scalars("nonlin/gradient/2")]
    assert gradients == [(step, pytest.approx(size)) for step, size in health.record.ordered[1].gradients]


def wandb_rows(folder):
    """The rows of an offline run's file, and the axis of each metric. The file is LevelDB's log behind 7 bytes."""
    from wandb.proto import wandb_internal_pb2

    (file,) = folder.glob("wandb/offline-run-*/*.wandb")
    data, at, kept, rows, axes = file.read_bytes(), 7, b"", [], {}
    while at + 7 <= len(data):
        if (left := 32768 - at % 32768) < 7:
            at += left
            continue
        length, kind = struct.unpack("<HB", data[at + 4 : at + 7])
        kept += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            record = wandb_internal_pb2.Record.FromString(kept)
            kept = b""
            if record.HasField("history"):
                items = {"/".join(i.nested_key) or i.key: float(i.value_json) for i in record.history.item}
                rows.append({name: value for name, value in items.items() if name == "_step" or name[0] != "_"})
            elif record.HasField("metric"):
                axes[record.metric.name or record.metric.glob_name] = record.metric.step_metric
    return rows, axes


def wandb_run(folder):
    wandb = pytest.importorskip("wandb")
    return wandb.init(dir=folder, mode="offline", settings=wandb.Settings(silent=True, console="off"))


def test_wandb_and_steps_of_the_users_own(tmp_path):
    """A user that logs epochs of 10 steps by number loses no row; the newest sample stands in each."""
    run = wandb_run(tmp_path)
    with run:
        train(run, each=lambda step: run.log({"loss": 1.0}, step=step // 10) if step % 10 == 9 else None)
    rows, axes = wandb_rows(tmp_path)
    assert axes == {"nonlin/step": "", "nonlin/*": "nonlin/step"}
    assert [(row["_step"], row.get("loss")) for row in rows] == [(0, 1.0), (1, 1.0)]
    assert [row["nonlin/step"] for row in rows] == [15, 20]  # a row is open until the user's next step begins
    assert set(rows[0]) == {"_step", "loss", "nonlin/step", *NAMES}


def test_wandb_rows_that_are_ended_by_a_callback(tmp_path):
    run = wandb_run(tmp_path)
    with run:
        train(run, log=lambda _: run.log({}))
    rows, _ = wandb_rows(tmp_path)
    assert [row["nonlin/step"] for row in rows] == SAMPLED and rows[0]["nonlin/dead/0"] == 0.25


def test_mlflow(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what mlflow itself uses
        mlflow = pytest.importorskip("mlflow")
        mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
        with mlflow.start_run() as run:
            train(mlflow)
        history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "nonlin/dead/0")
        assert [(m.step, m.value) for m in history] == [(step, 0.25) for step in SAMPLED]
        assert set(mlflow.get_run(run.info.run_id).data.metrics) == NAMES


@pytest.mark.parametrize("logger", [None, print, "runs", types.ModuleType("tensorboard"), dict, nn.Module])
def test_anything_else_is_told_what_is_accepted(logger):
    with pytest.raises(WatchError, match=r"no logger: .*: give a TensorBoard SummaryWriter .*W&B run.*mlflow"):
        log_to(logger)


def test_a_failure_is_said_once_and_training_goes_on(tmp_path):
    """The folder of the log is gone, and a file has its name."""
    pytest.importorskip("tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(tmp_path / "runs") as writer:
        pass
    shutil.rmtree(tmp_path / "runs")
    (tmp_path / "runs").touch()
    with pytest.warns(RuntimeWarning, match=r"to SummaryWriter: \w+Error: .*runs.*; training goes on") as caught:
        health = train(writer)
    assert len(caught) == 1
    assert health.record.sampled == len(SAMPLED) and "nothing more goes to SummaryWriter" in health.report()


def test_numbers_that_are_not_finite_are_counted():
    health = train()
    health.record.ordered[0].gradients[-1] = (health.step - 1, math.nan)
    health.record.steps -= 1  # as it was when that step was looked at
    values = numbers(health.record, 0)
    assert values["nonlin/nonfinite"] == 1 and "nonlin/gradient/0" not in values
    assert all(map(math.isfinite, values.values()))


def test_two_activations_of_one_layer_have_names_that_every_library_takes():
    health = train()
    health.record.layer("0", nl.get("leaky_relu(negative_slope=0.2)"), "Linear").gradients.append((health.step, 1.0))
    assert "nonlin/gradient/0 leaky_relu_negative_slope_0.2_" in numbers(health.record, 0)
