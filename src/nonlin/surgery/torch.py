"""What the surgery has to know of PyTorch: modes, modules, and how to run a model without a trace."""

# torch has no public names for what a mode may switch off.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

from nonlin.errors import SwapError

# Modes --------------------------------------------------------------------------------------------------------------


class Mode(TorchFunctionMode):
    """Hands every call of one of torch's functions to `handle(function, args, kwargs)`, which returns the result."""

    def __init__(self, handle: Callable[[Any, Any, Any], Any]):
        super().__init__()
        self.handle = handle

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self.handle(func, args, kwargs or {})


def unseen() -> AbstractContextManager[Any]:
    """What is called in it, no mode sees."""
    return torch._C.DisableTorchFunction()


def backward(scalar: Tensor) -> None:
    """The backward pass as the engine runs it: `torch.autograd.backward` is a function that a mode is off in."""
    run = torch.autograd.graph._engine_run_backward
    run((scalar,), (torch.ones_like(scalar),), False, False, (), allow_unreachable=True, accumulate_grad=True)


def grad_enabled() -> bool:
    return torch.is_grad_enabled()


# Modules ------------------------------------------------------------------------------------------------------------


def is_module(value: Any) -> bool:
    return isinstance(value, nn.Module)


def is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor)


def is_symbol(value: Any) -> bool:
    """Whether it stands for a tensor in `torch.fx`."""
    return isinstance(value, torch.fx.Proxy)


def is_parameter(value: Any) -> bool:
    return isinstance(value, nn.Parameter)


def example_tensor() -> Tensor:
    return torch.zeros(1)


def is_torchs(module: Any) -> bool:
    """Whether the class is torch's own, whose forward calls no activation that is not an attribute."""
    return type(module).__module__.partition(".")[0] == "torch"


class InPlace(nn.Module):
    """Another library's layer that overwrites its input, as the one did that it replaces."""

    def __init__(self, layer: Any):
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return x.copy_(self.layer(x.clone()))


# A run that leaves no trace -----------------------------------------------------------------------------------------


def copied(model: Any) -> Any:
    """A copy that shares the memory of the parameters and nothing else, so that a run changes nothing of the model."""
    memo: dict[int, Any] = {}
    for name, p in model.named_parameters():
        if is_lazy(p):
            raise SwapError(f"parameter without a shape yet: {name!r}: run the model once before")
        memo[id(p)] = nn.Parameter(p.detach(), p.requires_grad) if type(p) is nn.Parameter else p
    for module in model.modules():  # tensors of a graph, which torch does not copy
        memo |= {id(t): t.detach().clone() for t in vars(module).values() if isinstance(t, Tensor) and not t.is_leaf}
    try:
        return copy.deepcopy(model, memo)
    except Exception as error:
        raise SwapError(f"model that cannot be copied for a run: {_line(error)}: leave example_inputs out") from error


@contextmanager
def undisturbed(model: Any, training: bool) -> Generator[None]:
    """torch's generators keep their state, compiled parts run as written, gradients are on in training only."""
    devices = sorted({p.device.index for p in model.parameters() if p.device.type == "cuda"})
    compiled = "torch._dynamo" in sys.modules  # else there is nothing compiled, and the import takes seconds
    stance = torch.compiler.set_stance("force_eager") if compiled else nullcontext()
    with torch.random.fork_rng(devices=devices), stance, torch.set_grad_enabled(training):
        yield


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
