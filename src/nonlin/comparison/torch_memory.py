"""PyTorch: what a forward pass keeps for the backward pass."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def kept_for_backward(model: nn.Module, loss: Callable[[], Tensor]) -> int:
    """Bytes of memory that autograd keeps from computing the loss, in training, beside the parameters.

    Counted by memory, so that views of one tensor and a tensor kept twice count once: a number of the network and the
    batch, the same on every run, where a process's own peak holds what else is in it.
    """
    known = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        # Without its history: the graph holds what is kept, and would hold itself by it, for ever.
        return kept.setdefault(tensor.untyped_storage().data_ptr(), tensor.detach())

    model.train()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss()
    return sum(t.untyped_storage().nbytes() for memory, t in kept.items() if memory not in known)
