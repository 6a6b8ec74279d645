"""PyTorch: the layer in which a nan or an infinity began, told after a forward whose output has one.

Nothing is watched for it while the model runs: its parameters are looked through, then what autograd has kept of each
layer's input.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from nonlin.tree import leaves

_INPUTS = ("_saved_mat1", "_saved_input", "_saved_self")  # a layer's input among what a node of autograd keeps
_VIEWS = ("TBackward0", "TransposeBackward0", "PermuteBackward0", "ViewBackward0", "ToCopyBackward0")


def is_bad(output: Any) -> bool:
    """Whether the first tensor that a model returns, on a CPU, has a nan or an infinity.

    On a GPU it is not asked: the answer would wait for all that is queued.
    """
    first = output
    if not (isinstance(first, Tensor) and first.is_floating_point()):
        first = next((t for t in leaves(output) if isinstance(t, Tensor) and t.is_floating_point()), None)
    return first is not None and first.is_cpu and not finite(first)


def origin(model: nn.Module, output: Any, owners: Mapping[int, str]) -> str:
    """The name of the layer, "" where it is not known. `owners` names the module of each parameter by its id."""
    ran = list(_layers(output, owners))
    ruined = [owners[id(p)] for p in model.parameters() if id(p) in owners and not finite(p)]
    if ruined:
        return next((name for name, _ in ran if name in ruined), ruined[0])
    for i, (name, node) in enumerate(ran):
        if any(not finite(x) for x in _inputs(node)):
            return ran[i - 1][0] if i else name
    return ran[-1][0] if ran else ""


def _layers(output: Any, owners: Mapping[int, str]) -> Iterator[tuple[str, Any]]:
    """The nodes of autograd that take parameters, with the module of the parameter, in the order of the forward."""
    waiting = [t.grad_fn for t in leaves(output) if isinstance(t, Tensor) and t.grad_fn is not None]
    seen: set[Any] = set()
    found: list[tuple[str, Any]] = []
    while waiting:
        node: Any = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        before = [n for n, _ in node.next_functions if n is not None]
        waiting += before
        if node.name() not in _VIEWS:
            names = (owners.get(id(_parameter(n))) for n in before)
            found += [(name, node) for name in names if name is not None][:1]
    yield from sorted(found, key=lambda entry: entry[1]._sequence_nr())


def _parameter(node: Any) -> Any:
    """The parameter that a node is of, as it is or seen another way."""
    while node is not None and node.name() in _VIEWS:
        node = node.next_functions[0][0]
    return getattr(node, "variable", None)


def _inputs(node: Any) -> Iterator[Tensor]:
    for name in _INPUTS:
        # What hooks have packed is left: to unpack it may run a part of the forward again (checkpointing).
        kept = getattr(node, name.replace("_saved", "_raw_saved"), None)
        if kept is None or getattr(kept, "unpack_hook", kept) is not None:
            continue
        try:
            value = getattr(node, name)
        except RuntimeError:  # it was overwritten
            continue
        if isinstance(value, Tensor) and value.is_floating_point():
            yield value


def finite(x: Tensor) -> bool:
    """Whether all of it is: by its sum, and only where that is not by each entry."""
    x = x.detach()
    total = x.sum() if x.dtype is torch.float32 else x.sum(dtype=torch.float32)
    return math.isfinite(total.item()) or bool(torch.isfinite(x).all())
