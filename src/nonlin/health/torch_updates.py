"""PyTorch: how large one step of the optimizer is beside the weights that it changes."""

# torch has no public names for operations on lists of tensors, nor for a module's own parameters without computing
# those that are made of others.
# pyright: reportPrivateUsage=false, reportPrivateImportUsage=false

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

_RUNS, _RUN = 64, 16  # of entries of a weight, which tell how large its update is


class Updates:
    """Remembers some entries of the weights of the named layers, for `ratios` after the step."""

    def __init__(self, model: nn.Module, names: Iterable[str]):
        self.model = model
        self._before = {name: _entries(w).clone() for name in names if (w := weight(model, name)) is not None}

    def ratios(self) -> dict[str, float]:
        """|update| / |weight| of each layer."""
        now = {name: _entries(w) for name in self._before if (w := weight(self.model, name)) is not None}
        names = [name for name, entries in now.items() if entries.shape == self._before[name].shape]
        if not names:
            return {}
        before = [self._before[name] for name in names]
        steps = torch._foreach_sub([now[name] for name in names], before)
        sizes = torch._foreach_norm([*steps, *before])
        found = torch.stack([size.to(sizes[0].device, torch.float32) for size in sizes]).tolist()
        return {name: found[i] / (found[i + len(names)] + 1e-30) for i, name in enumerate(names)}


def weight(model: nn.Module, name: str) -> Tensor | None:
    """The matrix of a layer, None where it has none of its own: to ask for a computed one may change it."""
    try:
        own = model.get_submodule(name)._parameters.get("weight")
    except AttributeError:  # the layer is gone
        return None
    return own if own is not None and own.dim() > 1 else None


def _entries(w: Tensor) -> Tensor:
    """Short runs, which are quick to fetch, at a distance that is no multiple of a row's usual lengths."""
    flat = w.detach().reshape(-1)
    if flat.numel() > _RUNS * _RUN:
        flat = flat.as_strided((_RUNS, _RUN), ((flat.numel() - _RUN) // (_RUNS - 1), 1), flat.storage_offset())
    return flat.float()
