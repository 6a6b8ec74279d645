"""The callbacks of Lightning and transformers with the real trainers."""

import subprocess
import sys

import pytest
import torch
from torch import nn

import nonlin as nl
import nonlin.callbacks
from nonlin.errors import WatchError

torch.manual_seed(0)
X, Y = torch.randn(512, 6), torch.randn(512, 1)
DEAD = (1, 4)


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_the_door_loads_no_framework():
    named = "{'torch', 'keras', 'transformers', 'lightning'}"
    code = f"import sys, nonlin.callbacks; print([*{named}.intersection(sys.modules)])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
    assert nl.callbacks is nonlin.callbacks and dir(nl.callbacks) == ["HuggingFace", "Keras", "Lightning"]
    with pytest.raises(AttributeError, match="Tensorflow"):
        _ = nl.callbacks.Tensorflow


# Lightning ------------------------------------------------------------------------------------------------------------


def fitted(*callbacks, manual=False, fails=False, **options):
    lightning = pytest.importorskip("lightning.pytorch")

    class Module(lightning.LightningModule):
        """As most are written: the training step calls parts of the module, never the module."""

        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.2))
            self.head = nn.Linear(8, 1)
            self.automatic_optimization = not manual

        def training_step(self, batch, index):
            if fails and self.global_step == 6:
                raise KeyError("the user's own")
            loss = nn.functional.mse_loss(self.head(self.body(batch[0])), batch[1])
            if manual:
                optimizer = self.optimizers()
                optimizer.zero_grad()
                self.manual_backward(loss)
                optimizer.step()
            return loss

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), 1e-3)

    lightning.seed_everything(0, verbose=False)
    module = Module()
    with torch.no_grad():
        module.body[0].bias[list(DEAD)] = -100
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, Y), 64, shuffle=True)
    quiet = {name: False for name in ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")}
    trainer = lightning.Trainer(max_epochs=4, accelerator="cpu", callbacks=list(callbacks), **quiet, **options)
    trainer.fit(module, loader)
    return module


QUIET = [
    pytest.mark.filterwarnings("ignore:The 'train_dataloader' does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:(lightning|torch).*"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


def quiet(test):
    for mark in QUIET:
        test = mark(test)
    return test


@quiet
@pytest.mark.parametrize("options", [{}, {"manual": True}, {"accumulate_grad_batches": 2}])
def test_lightning_finds_the_dead_units_and_changes_nothing(options, tmp_path):
    pytest.importorskip("lightning.pytorch")
    callback = nl.callbacks.Lightning(every=2, report=tmp_path / "health.txt")
    assert callback.health is None
    assert same(fitted(**options), fitted(callback, **options))
    (layer,) = callback.health.record.ordered
    assert (layer.name, str(layer.activation)) == ("body.0", "relu")
    steps = 16 if "accumulate_grad_batches" in options else 32
    assert callback.health.step == steps and callback.health.record.sampled == steps // 2
    assert len(layer.gradients) == steps // 2 and len(layer.updates) >= steps // 2 - 1
    assert callback.health.findings[0].units == DEAD if steps == 32 else True
    assert "body.0" in (tmp_path / "health.txt").read_text(encoding="utf-8")


@quiet
def test_lightning_reports_after_an_error_too(tmp_path):
    pytest.importorskip("lightning.pytorch")
    callback = nl.callbacks.Lightning(every=1, report=tmp_path / "health.txt")
    with pytest.raises(KeyError, match="the user's own"):
        fitted(callback, fails=True)
    assert callback.health.step == 6 and (tmp_path / "health.txt").exists()
    assert torch.overrides._len_torch_function_stack() == 0


# transformers ---------------------------------------------------------------------------------------------------------


def trained(*callbacks, **options):
    pytest.importorskip("accelerate")
    transformers = pytest.importorskip("transformers")
    transformers.set_seed(0)
    config = transformers.BertConfig(
        vocab_size=32,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=16,
        hidden_act="relu",
    )
    model = transformers.BertForSequenceClassification(config)
    with torch.no_grad():
        model.bert.encoder.layer[1].intermediate.dense.bias[list(DEAD)] = -100
    tokens = torch.randint(0, 32, (64, 12), generator=torch.Generator().manual_seed(0))
    data = [{"input_ids": t, "labels": t[0] % 2} for t in tokens]
    arguments = transformers.TrainingArguments(
        str(options.pop("folder")),
        per_device_train_batch_size=16,
        max_steps=12,
        report_to="none",
        save_strategy="no",
        use_cpu=True,
        disable_tqdm=True,
        **options,
    )
    transformers.Trainer(model, arguments, train_dataset=data, callbacks=list(callbacks)).train()
    return model


@quiet
@pytest.mark.parametrize("options", [{}, {"gradient_accumulation_steps": 2}, {"bf16": True}])
def test_transformers_trainer(options, tmp_path):
    pytest.importorskip("accelerate")
    callback = nl.callbacks.HuggingFace(every=2, report=tmp_path / "health.txt")
    assert same(trained(folder=tmp_path / "a", **options), trained(callback, folder=tmp_path / "b", **options))
    assert callback.health.step == 12 and callback.health.record.sampled == 6
    dead = {f.layer: f.units for f in callback.health.findings if f.kind == "dead"}
    assert dead["bert.encoder.layer.1.intermediate.dense"] == DEAD
    assert len(next(iter(callback.health.record.layers.values())).updates) == 6
    assert "intermediate.dense" in (tmp_path / "health.txt").read_text(encoding="utf-8")


# Both -----------------------------------------------------------------------------------------------------------------


def test_bad_input_is_said_before_the_training():
    with pytest.raises(WatchError, match="every: 0"):
        nl.callbacks.HuggingFace(every=0)
    with pytest.raises(WatchError, match="no logger: str"):
        nl.callbacks.HuggingFace(logger="tensorboard")


@quiet
def test_a_report_that_cannot_be_written_does_not_end_the_training(tmp_path):
    pytest.importorskip("accelerate")
    callback = nl.callbacks.HuggingFace(every=5, report=tmp_path / "missing" / "health.txt")
    with pytest.warns(RuntimeWarning, match=r"no report: .*missing"):
        trained(callback, folder=tmp_path)
    assert callback.health.step == 12
