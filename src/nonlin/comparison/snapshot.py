"""A training run after a whole epoch as bytes, to go on from bit for bit.

A state of sixty small tensors takes torch.save 4 ms, as long as a short epoch of a small model. Here it is a line of
JSON and numbers: nothing that is read makes an object or runs code.
"""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nonlin.comparison.store import Checkpoint


@dataclass
class Snapshots:
    """Keeps a training run after each epoch: the model, the optimizer, what was measured and the random states.

    A model that holds state outside its state_dict (a plain attribute that counts, say) goes on without it.
    """

    checkpoint: Checkpoint
    model: nn.Module
    optimizer: torch.optim.Optimizer
    order: torch.Generator
    device: torch.device

    def keep(self, measured: dict[str, Any]) -> None:
        """Write the run as it now is."""
        weights: Any = self.model.state_dict()
        state = {
            "model": weights,
            "versions": getattr(weights, "_metadata", {}),
            "optimizer": self.optimizer.state_dict(),
            "order": self.order.get_state(),
            "random": torch.get_rng_state(),
            "random_gpu": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
            "measured": measured,
        }
        with suppress(TypeError):  # a state of objects is not kept, and the trial begins anew
            self.checkpoint.write(packed(state))

    def resume(self) -> dict[str, Any] | None:
        """Bring the run to where it was last kept, and give what was measured; None where it begins."""
        content = self.checkpoint.read()
        state = None if content is None else unpacked(content)
        if state is None:
            return None
        weights: Any = OrderedDict(state["model"])
        weights._metadata = state["versions"]
        self.model.load_state_dict(weights)
        self.optimizer.load_state_dict(state["optimizer"])
        self.order.set_state(state["order"])
        torch.set_rng_state(state["random"])
        if state["random_gpu"] is not None:
            torch.cuda.set_rng_state(state["random_gpu"], self.device)
        return state["measured"]


def packed(state: dict[str, Any]) -> bytes:
    """Nested dicts, lists and tuples of tensors and plain values, as bytes. Raises TypeError for other objects."""
    tensors: list[Tensor] = []
    tree = _without(state, tensors)
    kinds = [(str(tensor.dtype).removeprefix("torch."), list(tensor.shape)) for tensor in tensors]
    flat = [tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8) for tensor in tensors]
    numbers = torch.cat(flat).numpy().tobytes() if flat else b""
    return json.dumps({"tree": tree, "kinds": kinds}).encode() + b"\n" + numbers


def unpacked(content: bytes) -> dict[str, Any] | None:
    """What was packed, on the CPU; None where the bytes are not whole."""
    first, _, rest = content.partition(b"\n")
    try:
        header = json.loads(first)
    except ValueError:  # a torn file; the trial then begins anew
        return None
    kinds = [(getattr(torch, name), shape) for name, shape in header["kinds"]]
    sizes = [math.prod(shape) * dtype.itemsize for dtype, shape in kinds]
    if sum(sizes) != len(rest):
        return None
    pieces = (
        torch.frombuffer(bytearray(rest), dtype=torch.uint8).split(sizes) if rest else [torch.empty(0)] * len(kinds)
    )
    # cloned, as a piece may begin where no number of its kind can
    tensors = [piece.clone().view(dtype).reshape(shape) for piece, (dtype, shape) in zip(pieces, kinds, strict=True)]
    return _with(header["tree"], tensors)


def _without(value: Any, tensors: list[Tensor]) -> Any:
    """The value with each tensor replaced by its place in the list."""
    if isinstance(value, Tensor):
        tensors.append(value)
        return {"tensor": len(tensors) - 1}
    if isinstance(value, dict):
        return {"dict": [(key, _without(one, tensors)) for key, one in value.items()]}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_without(one, tensors) for one in value]}
    return value


def _with(tree: Any, tensors: list[Tensor]) -> Any:
    if not isinstance(tree, dict):
        return tree
    ((kind, content),) = tree.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: _with(one, tensors) for key, one in content}
    return (list if kind == "list" else tuple)(_with(one, tensors) for one in content)
