"""PyTorch: how large one step of the optimizer is beside the weights that it changes."""

# torch has no public names for operations on lists of tensors, nor for a module's own parameters without computing
# those that are made of others.
# pyright: reportPrivateUsage=false, reportPrivateImportUsage=false

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from nonlin.health.torch_measured import is_numpys, squared

_RUNS, _RUN = 64, 16  # of entries of a weight, which tell how large its update is


class Updates:
    """Remembers some entries of the weights of layers, for `ratios` after the step."""

    def __init__(self, model: nn.Module):
        self.model = model
        self._places: dict[str, _Place] = {}
        self._before: dict[str, Any] = {}

    def remember(self, names: Iterable[str]) -> None:
        """The layers of these names, as they are before the step."""
        places = ((name, self._place(name)) for name in names)
        self._before = {name: place.copied() for name, place in places if place is not None}

    def forget(self) -> None:
        """There is no step."""
        self._before = {}

    def ratios(self) -> dict[str, float]:
        """|update| / |weight| of each layer that was remembered."""
        remembered, self._before = self._before, {}
        pairs: dict[str, tuple[Any, Any]] = {}
        for name, before in remembered.items():
            place = self._place(name)
            if place is not None and type(place.entries) is type(before) and place.entries.shape == before.shape:
                pairs[name] = place.entries, before
        arrays = {name: pair for name, pair in pairs.items() if not isinstance(pair[0], Tensor)}
        return _of_arrays(arrays) | _of_tensors({name: pair for name, pair in pairs.items() if name not in arrays})

    def _place(self, name: str) -> _Place | None:
        w, known = weight(self.model, name), self._places.get(name)
        if w is None:
            return None
        if known is None or known.of is not w or known.address != w.data_ptr() or not w.is_contiguous():
            known = self._places[name] = _Place(w, w.data_ptr(), _entries(w))
        return known


class _Place(NamedTuple):
    """Entries of a weight, in its memory where that is in one piece; they hold as long as it is there."""

    of: Tensor
    address: int
    entries: Any

    def copied(self) -> Any:
        return self.entries.clone() if isinstance(self.entries, Tensor) else self.entries.copy()


def _of_arrays(pairs: dict[str, tuple[Any, Any]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, (now, before) in pairs.items():
        step = now - before
        found[name] = math.sqrt(squared(step)) / (math.sqrt(squared(before)) + 1e-30)
    return found


def _of_tensors(weights: dict[str, tuple[Tensor, Tensor]]) -> dict[str, float]:
    """Of pairs of now and before, on whatever device: it is waited for once."""
    if not weights:
        return {}
    now, before = map(list, zip(*weights.values(), strict=True))
    sizes = torch._foreach_norm([*torch._foreach_sub(now, before), *before])
    found = torch.stack([size.to(sizes[0].device, torch.float32) for size in sizes]).tolist()
    return {name: found[i] / (found[i + len(now)] + 1e-30) for i, name in enumerate(weights)}


def weight(model: nn.Module, name: str) -> Tensor | None:
    """The matrix of a layer, None where it has none of its own: to ask for a computed one may change it."""
    try:
        own = model.get_submodule(name)._parameters.get("weight")
    except AttributeError:  # the layer is gone
        return None
    return own if own is not None and own.dim() > 1 else None


def _entries(w: Tensor) -> Any:
    """Short runs, which are quick to fetch, at a distance that is no multiple of a row's usual lengths."""
    flat = w.detach().reshape(-1)
    if flat.numel() > _RUNS * _RUN:
        flat = flat.as_strided((_RUNS, _RUN), ((flat.numel() - _RUN) // (_RUNS - 1), 1), flat.storage_offset())
    return flat.numpy() if is_numpys(flat) else flat.float()
