"""Which activation follows each layer of weights: seen in a run where there is an example, else read off Sequentials.

In a run every tensor carries the names of the layers whose output it still is: through normalisation, dropout, pooling,
sums and changes of shape, up to an activation, another layer of weights, or a product with another tensor.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakIdKeyDictionary

from nonlin.activation import Activation
from nonlin.torch.known import activation_of, called
from nonlin.tree import arguments, leaves

WEIGHTED = (
    *(nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
)
# After these no layer's output is left; after a product it is not where both factors come from the model (a gate).
CONTRACTIONS = {
    *("matmul", "__matmul__", "__rmatmul__", "mm", "bmm", "baddbmm", "addmm", "einsum", "linear", "bilinear"),
    *("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
    *("scaled_dot_product_attention", "multi_head_attention_forward"),
}
PRODUCTS = {"mul", "__mul__", "__rmul__", "mul_", "__imul__", "multiply"}
_CALL = Activation.__call__.__code__
_DEPTH = 12  # frames between a call of an activation and the operation of torch that it comes to


def followers(model: nn.Module, example: Any) -> dict[str, list[Activation]]:
    """The layers of weights that a run calls, and the activations that follow each: one, several, or none."""
    names = {module: name for name, module in model.named_modules()}
    found: dict[str, list[Activation]] = {}
    trace = _Trace(found)
    training = [m for m in model.modules() if m.training]
    args, keywords = arguments(example)
    with ExitStack() as stack:
        for module, name in names.items():
            if isinstance(module, WEIGHTED):
                handles = trace.watch_weighted(module, name)
            else:
                activation = activation_of(module)
                handles = [] if activation is None else trace.watch_activation(module, activation)
            for handle in handles:
                stack.callback(handle.remove)
        stack.callback(lambda: [setattr(m, "training", True) for m in training])
        model.eval()  # neither statistics nor the random generator move
        with torch.no_grad(), trace:
            model(*args, **keywords)
    return found


class _Trace(TorchFunctionMode):
    """Follows tensors from layers of weights to activations."""

    def __init__(self, found: dict[str, list[Activation]]):
        super().__init__()
        self.found = found
        self.sources: Any = WeakIdKeyDictionary()  # tensor -> names of layers
        self.inside = 0

    def watch_weighted(self, module: nn.Module, name: str) -> list[Any]:
        def before(*_: Any) -> None:
            self.inside += 1

        def after(_module: Any, _inputs: Any, output: Any) -> None:
            self.inside -= 1
            self.found.setdefault(name, [])
            for tensor in _tensors(output):
                self.sources[tensor] = frozenset([name])

        return [module.register_forward_pre_hook(before), module.register_forward_hook(after)]

    def watch_activation(self, module: nn.Module, activation: Activation) -> list[Any]:
        def before(_module: Any, inputs: Any) -> None:
            self.inside += 1
            self.met(activation, inputs)

        def after(_module: Any, _inputs: Any, output: Any) -> None:
            self.inside -= 1
            for tensor in _tensors(output):
                self.sources.pop(tensor, None)

        return [module.register_forward_pre_hook(before), module.register_forward_hook(after)]

    def met(self, activation: Activation, inputs: Any) -> None:
        """An activation takes these."""
        for tensor in _tensors(inputs):
            for name in self.sources.get(tensor, ()):
                if activation not in self.found[name]:
                    self.found[name].append(activation)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.inside:
            return func(*args, **kwargs)
        carried = [self.sources[t] for t in _tensors((args, kwargs)) if t in self.sources]
        activation = (called(func, args, kwargs) or _caller()) if carried else None
        if activation is not None:
            self.met(activation, (args, kwargs))
        result = func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        gated = name in PRODUCTS and sum(t.dim() > 0 and type(t) is Tensor for t in _tensors((args, kwargs))) > 1
        ends = activation is not None or gated or name in CONTRACTIONS
        for tensor in _tensors(result):
            if ends or not carried:
                self.sources.pop(tensor, None)
            else:
                self.sources[tensor] = frozenset().union(*carried)
        return result


def _caller() -> Activation | None:
    """The activation whose call, as a function, this operation belongs to."""
    frame: Any = inspect.currentframe()
    for _ in range(_DEPTH):
        if frame is None:
            return None
        if frame.f_code is _CALL:
            return frame.f_locals["self"]
        frame = frame.f_back
    return None


def _tensors(value: Any) -> Iterator[Tensor]:
    return (leaf for leaf in leaves(value) if isinstance(leaf, Tensor))


# Without an example ---------------------------------------------------------------------------------------------------


def in_sequence(model: nn.Module) -> dict[str, list[Activation]]:
    """The same as far as Sequentials tell: only layers that have a place in one, and something after them."""
    found: dict[str, list[Activation]] = {}
    for path, module in model.named_modules():
        if isinstance(module, nn.Sequential):
            inside = list(_flat(module, path))
            for i, (name, layer) in enumerate(inside):
                if isinstance(layer, WEIGHTED):
                    after = _first_after(inside[i + 1 :])
                    if after is not None:
                        found[name] = [after]
                    elif not path:  # the last layer of the model
                        found.setdefault(name, [])
    return found


def _flat(sequence: nn.Sequential, path: str) -> Iterator[tuple[str, nn.Module]]:
    for name, module in sequence.named_children():
        full = f"{path}.{name}" if path else name
        if isinstance(module, nn.Sequential):
            yield from _flat(module, full)
        else:
            yield full, module


def _first_after(layers: list[tuple[str, nn.Module]]) -> Activation | None:
    for _, layer in layers:
        activation = activation_of(layer)
        if activation is not None or isinstance(layer, WEIGHTED) or not type(layer).__module__.startswith("torch."):
            return activation
    return None
