"""PyTorch: units of a layer of weights started anew, in the weights and in the optimizer's state."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from nonlin.errors import ParameterError, WatchError
from nonlin.health.paths import Path
from nonlin.health.record import Layer, Record
from nonlin.health.torch import unwrapped
from nonlin.torch.initialisation import gain

_KNOWN = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class Reviver:
    """One model, its optimizer, and what forwards have shown of its units."""

    def __init__(self, model: Any, optimizer: Any, record: Record):
        self.model = unwrapped(model)[0]
        self.optimizer, self.record = optimizer, record
        self.modules: dict[str, Any] = dict(self.model.named_modules())
        self.users: dict[int, list[str]] = {}
        for name, module in self.modules.items():
            for parameter in module.parameters(recurse=False):
                self.users.setdefault(id(parameter), []).append(name)
        group = torch.distributed
        if group.is_available() and group.is_initialized() and group.get_world_size() > 1:
            raise WatchError("several processes train one model: each would draw other weights: revive in one")
        if isinstance(optimizer, torch.optim.LBFGS):
            raise WatchError("optimizer: LBFGS: its history is of all weights together: train with another one")

    # What may be changed ----------------------------------------------------------------------------------------------

    def path(self, layer: Layer) -> Path:
        """Where the layer's units go, refused where that is not known, or not theirs alone."""
        path = self.record.paths.get(layer.name)
        if path is None:
            return Path(refused="no forward has shown where its units go")
        reason = next(self._reasons(layer, path), "")
        return replace(path, refused=path.refused or reason)

    def _reasons(self, layer: Layer, path: Path) -> Iterator[str]:
        yield from self._layer(layer.name)
        if path.activations != {str(layer.activation)}:
            yield f"what follows it now is {' and '.join(sorted(path.activations)) or 'no activation'}"
        module = self.modules[layer.name]
        if layer.means is None or len(layer.means) != module.weight.shape[0]:
            yield "its units are not the features that were seen"
        if not path.consumers:
            yield "no layer of weights was seen to take its units: an output layer, or a function that is not known"
        for name in path.norms:
            norm = self.modules[name]
            if not isinstance(norm, _NORMS) or self.record.paths[name].takes != {layer.name}:
                yield f"{name} normalises more than its channels"
            yield from self._own(name, norm)
        for name, spread in path.consumers:
            yield from self._layer(name)
            consumer = self.modules[name]
            if self.record.paths[name].takes != {layer.name}:
                yield f"{name} takes other units as well"
            if getattr(consumer, "groups", 1) != 1:
                yield f"{name} is a convolution in groups"
            if consumer.weight.shape[1] != module.weight.shape[0] * spread:
                yield f"{name} has other inputs than its units"
            if consumer.bias is None and layer.means is not None and layer.means.any():
                yield f"{name} has no bias that could take its units' mean"

    def _layer(self, name: str) -> Iterator[str]:
        module = self.modules.get(name)
        if not isinstance(module, _KNOWN):
            yield f"{name or 'the model'} is a {type(module).__name__}, no Linear or convolution"
        elif type(module.weight) is not nn.Parameter:
            yield f"the weight of {name} is computed from others"
        else:
            yield from self._own(name, module)

    def _own(self, name: str, module: nn.Module) -> Iterator[str]:
        for parameter in module.parameters(recurse=False):
            others = [user for user in self.users[id(parameter)] if user != name]
            if others:
                yield f"{name} and {others[0]} share a weight"
            if not parameter.requires_grad:
                yield f"{name} is frozen"

    def notes(self, layer: Layer, path: Path) -> tuple[str, ...]:
        """What is not as it is for a plain layer and a usual optimizer."""
        found: list[str] = []
        if _gain(layer)[1]:
            found.append(_gain(layer)[1])
        padded = [n for n, _ in path.consumers if _padded(self.modules[n])]
        if layer.means is not None and layer.means.any() and padded:
            found.append(f"at the border of {padded[0]}, padded with 0, the mean that moves is too large")
        if self.optimizer is None:
            found.append("no optimizer was given to watch: its state is as it was")
        return tuple(found)

    # The change -------------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def renew(self, layer: Layer, path: Path, units: tuple[int, ...]) -> None:
        """New incoming weights, bias 0, outgoing weights 0, their mean into the next bias, the optimizer's state 0."""
        module = self.modules[layer.name]
        rows = torch.tensor(units, device=module.weight.device)
        # The rule of torch's own layers, kaiming_uniform_, with the activation's gain.
        bound = _gain(layer)[0] * math.sqrt(3 / max(module.weight[0].numel(), 1))
        module.weight[rows] = torch.empty_like(module.weight[rows]).uniform_(-bound, bound)
        self._forget(module.weight, rows)
        if module.bias is not None:
            module.bias[rows] = 0
            self._forget(module.bias, rows)
        for name in path.norms:
            norm = self.modules[name]
            for tensor, fresh in ((norm.weight, 1), (norm.bias, 0), (norm.running_mean, 0), (norm.running_var, 1)):
                if tensor is not None:
                    tensor[rows] = fresh
                    self._forget(tensor, rows)
        for name, spread in path.consumers:
            self._disconnect(self.modules[name], layer, rows, spread)

    def _disconnect(self, consumer: Any, layer: Layer, rows: Tensor, spread: int) -> None:
        assert layer.means is not None
        weight = consumer.weight
        columns = (rows.to(weight.device)[:, None] * spread + torch.arange(spread, device=weight.device)).flatten()
        if consumer.bias is not None:
            # on the host: not every accelerator has float64
            means = torch.from_numpy(layer.means)[rows.cpu()].repeat_interleave(spread)
            gone = weight[:, columns].cpu().double()
            gone = gone.flatten(2).sum(-1) if gone.dim() > 2 else gone
            consumer.bias += (gone @ means).to(consumer.bias)
        weight[:, columns] = 0
        self._forget(weight, (slice(None), columns))

    def _forget(self, parameter: Tensor, index: Any) -> None:
        """What has been gathered of these entries: every tensor of the parameter's shape, and a gradient that waits.

        `step` of Adam is one number for the whole tensor and stays.
        """
        if parameter.grad is not None:
            parameter.grad[index] = 0
        if self.optimizer is None or parameter not in self.optimizer.state:
            return
        group = next(g for g in self.optimizer.param_groups if any(p is parameter for p in g["params"]))
        for name, value in self.optimizer.state[parameter].items():
            if isinstance(value, Tensor) and value.shape == parameter.shape and parameter.dim():
                value[index] = _fresh(name, group, parameter, index)


def _fresh(name: str, group: Any, parameter: Tensor, index: Any) -> Any:
    """What an optimizer starts with: 0, but for Adagrad's sum, Rprop's step sizes and ASGD's average."""
    if name == "ax":
        return parameter[index].to(parameter.dtype)
    return {"sum": group.get("initial_accumulator_value", 0), "step_size": group.get("lr", 0)}.get(name, 0)


def _gain(layer: Layer) -> tuple[float, str]:
    try:
        return gain(layer.activation), ""
    except ParameterError as error:
        return 1.0, f"gain 1: {error}"


def _padded(module: Any) -> bool:
    padding = getattr(module, "padding", 0)
    return getattr(module, "padding_mode", "") == "zeros" and any(
        padding if isinstance(padding, tuple) else (padding == "same", 0)
    )
