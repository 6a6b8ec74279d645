"""PyTorch: one training run, and what is measured on it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from nonlin.activation import Activation
from nonlin.comparison.epochs import best_epoch
from nonlin.comparison.health import health
from nonlin.comparison.named import said
from nonlin.comparison.plan import PILOT_SEEDS, Trial
from nonlin.comparison.setting import PROBED, SAMPLE, Array, Setting
from nonlin.comparison.snapshot import Snapshots
from nonlin.comparison.store import Checkpoint
from nonlin.comparison.torch_memory import kept_for_backward
from nonlin.comparison.torch_models import Init, Maker, maker_of, run
from nonlin.comparison.torch_seeded import seeded
from nonlin.errors import DataError


@dataclass
class Trainer(Setting):
    """Trains one trial at a time on data that is loaded once; `maker` gives each its model under the trial's seed."""

    maker: Maker
    tokens: bool  # whether the model takes x as whole numbers, as an embedding does
    frameworks: tuple[str, ...] = ("torch",)

    def __getstate__(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}  # without the tensors, which are made again

    def __call__(self, trial: Trial, checkpoint: Checkpoint | None = None) -> dict[str, Any]:
        """What one trial gives, as JSON: scores, loss and seconds an epoch, and the network's health.

        With a checkpoint the run is kept after each epoch, and goes on from there, bit for bit. The scores are those
        of the epoch with the best validation score, the later one of equals. A loss that is not finite ends the run:
        that is a result, with scores of None and the epoch in `diverged`.
        """
        with seeded(trial.seed, self.device):
            activation = self.activations[trial.activation]
            model, layers = self.maker(activation)
            outcome = self._trained(model.to(self.device), trial, checkpoint)
            if outcome["diverged"] is None:
                outcome |= health(*self._signals(model, layers), activation)
                outcome["memory"] = self._memory(model)
        return outcome

    @property
    def weights(self) -> str:
        """How the weights are drawn."""
        return self.maker.weights

    def probed(self, name: str) -> str:
        """Build a model, run and train it on a few samples before anything is planned; gives the model as text."""
        with seeded(PILOT_SEEDS, self.device):
            model, _ = self.maker(self.activations[name])
            x, y = (tensor[:PROBED] for tensor in self._tensors["train"])
            self.check_outputs(tuple(run(model, x).shape), len(x))
            try:
                model.train()
                self._loss()(model(x), y).backward()
            except Exception as error:
                raise DataError(f"the model cannot be trained: {said(error)}: correct it") from error
        return repr(model)

    def _trained(self, model: nn.Module, trial: Trial, checkpoint: Checkpoint | None) -> dict[str, Any]:
        x, y = self._tensors["train"]
        optimizer = torch.optim.Adam(model.parameters(), lr=trial.learning_rate, fused=True)
        order = torch.Generator().manual_seed(trial.seed)
        loss_of = self._loss()
        kept = Snapshots(checkpoint, model, optimizer, order, x.device) if checkpoint else None
        curves: dict[str, list[float]] = {"validation": [], "test": [], "loss": [], "seconds": []}
        curves |= (kept.resume() if kept else None) or {}
        diverged = None
        for epoch in range(len(curves["loss"]) + 1, self.epochs + 1):
            model.train()
            started, total = perf_counter(), torch.zeros((), device=x.device)
            for rows in torch.randperm(len(x), generator=order).split(self.batch_size):
                if len(rows) == 1 and len(x) > 1:  # batch normalisation cannot take a single sample
                    continue
                loss = loss_of(model(x[rows]), y[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.detach() * len(rows)
            curves["seconds"].append(perf_counter() - started)
            scores = {part: self._score(model, part) for part in ("validation", "test")}
            if not (math.isfinite(total) and all(map(math.isfinite, scores.values()))):
                diverged = epoch
                break
            curves["loss"].append(float(total) / len(x))
            for part, score in scores.items():
                curves[part].append(score)
            if kept and epoch < self.epochs:
                kept.keep(curves)
        return {**best_epoch(curves, diverged), "diverged": diverged, "curves": curves}

    def _signals(self, model: nn.Module, layers: list[nn.Module]) -> tuple[list[Array], list[float]]:
        """f'(z) of every use of an activation, (observations, units), and RMS(dL/dz) of each, on training data."""
        x, y = (tensor[:SAMPLE] for tensor in self._tensors["train"])
        seen: list[tuple[nn.Module, Tensor]] = []
        hooks = [m.register_forward_pre_hook(lambda m, given: seen.append((m, given[0]))) for m in layers]
        model.eval()
        try:
            loss = self._loss()(model(x), y)
        finally:
            for hook in hooks:
                hook.remove()
        reached = [z for _, z in seen if z.requires_grad]
        found: Any = torch.autograd.grad(loss, reached, allow_unused=True) if reached else ()
        slopes: list[Array] = []
        for module, z in seen:  # through the layer itself, so that learned parameters count as they now are
            inputs = z.detach().clone().requires_grad_()
            (slope,) = torch.autograd.grad(module(inputs).sum(), inputs)
            units_last = slope.movedim(1, -1) if slope.ndim > 3 else slope  # an image's units are its channels
            slopes.append(units_last.reshape(-1, units_last.shape[-1]).cpu().numpy())
        return slopes, [float(g.double().square().mean().sqrt()) for g in found if g is not None]

    def _memory(self, model: nn.Module) -> int:
        """Bytes that a step takes with Adam: weights, gradients, two moments, and what the backward pass needs."""
        x, y = (tensor[: self.batch_size] for tensor in self._tensors["train"])
        own = sum(p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)
        return 4 * own + kept_for_backward(model, lambda: self._loss()(model(x), y))

    def _score(self, model: nn.Module, part: str) -> float:
        model.eval()
        with torch.no_grad():
            return self.score(model(self._tensors[part][0]).cpu().numpy(), part)

    def _loss(self) -> Callable[[Tensor, Tensor], Tensor]:
        if self.data.task == "classification":
            return nn.functional.cross_entropy
        return lambda output, target: nn.functional.mse_loss(output.reshape(-1), target)

    @cached_property
    def _tensors(self) -> dict[str, tuple[Tensor, Tensor]]:
        """The inputs and targets of each part, on the device."""
        return {part: self._tensor(part) for part in ("train", "validation", "test")}

    def _tensor(self, part: str) -> tuple[Tensor, Tensor]:
        x = torch.from_numpy(getattr(self.data, part).x)
        y = torch.from_numpy(self.targets(part))
        y = y.long() if self.data.task == "classification" else y.float()
        return (x.long() if self.tokens else x).to(self.device), y.to(self.device)


def trainer(make_model: Any, init: Init, baseline: Activation, setting: dict[str, Any]) -> Trainer:
    """What trains the user's model, or the default one for None. Raises DataError where it cannot be used."""
    data = setting["data"]
    example = torch.from_numpy(data.train.x[:PROBED])
    try:
        maker, tokens = maker_of(make_model, init, baseline, example, data.outputs), False
    except DataError as refused:
        if make_model is None or not torch.equal(example, example.trunc()):
            raise
        try:
            maker, tokens = maker_of(make_model, init, baseline, example.long(), data.outputs), True
        except DataError:
            raise refused from None
    return Trainer(**setting, maker=maker, tokens=tokens)
